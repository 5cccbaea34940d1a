"""From the configuration to adapters: the one place that knows all of them."""

from collections.abc import Callable, Mapping

from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.hops import Hops
from qwen_grpc.routing.fleet import Build
from qwen_grpc.settings import Settings
from qwen_grpc.upstreams.base import Upstream
from qwen_grpc.upstreams.chat_qwen_ai import ChatQwenAi, Keeping, ObjectStore, Site
from qwen_grpc.upstreams.clocks import SETTABLE, Clocks
from qwen_grpc.upstreams.dashscope import DashScope
from qwen_grpc.upstreams.dashscope import origin as dashscope
from qwen_grpc.upstreams.fetcher import Fetcher
from qwen_grpc.upstreams.openai_engine import OpenAiEngine
from qwen_grpc.upstreams.openai_engine import server as openai_engine


def builder(settings: Settings, hops: Hops | None = None) -> Build:
    """Makes the adapter of an upstream; it is not opened yet. `hops` is how own engines know this gateway."""

    def build(name: str, config: UpstreamConfig) -> Upstream:
        if config.kind == "openai_engine":
            return _openai_engine(name, config, settings, hops)
        return _ADAPTERS[config.kind](name, config, settings)

    return build


def clocks_of(usual: Clocks, config: UpstreamConfig, settings: Settings) -> Clocks:
    """The clocks of an upstream: as the file says of it, else as is set for all, else as is usual for its kind."""
    told = {name: getattr(config, f"{name}_timeout") for name in SETTABLE}
    for_all = {name: getattr(settings, f"upstream_{name}_timeout") for name in SETTABLE}
    return usual.changed(**for_all).changed(**told)


def _chat_qwen_ai(name: str, config: UpstreamConfig, settings: Settings) -> Upstream:
    clocks = clocks_of(Clocks(), config, settings)
    site = Site(config.base_url or settings.qwen_base_url, settings.qwen_auth_url, clocks=clocks)
    keeping = Keeping(settings.model_cache_duration, settings.qwen_chat_idle, settings.qwen_keep_chats)
    return ChatQwenAi(site, keeping, ObjectStore(settings.qwen_upload_url), name=name)


def _dashscope(name: str, config: UpstreamConfig, settings: Settings) -> Upstream:
    origin = config.base_url or settings.dashscope_base_url
    clocks = clocks_of(dashscope.CLOCKS, config, settings)
    return DashScope(name, config.model_copy(update={"base_url": origin}), clocks=clocks)


def _openai_engine(name: str, config: UpstreamConfig, settings: Settings, hops: Hops | None) -> Upstream:
    fetcher = Fetcher() if settings.qwen_fetch_media else None
    clocks = clocks_of(openai_engine.CLOCKS, config, settings)
    return OpenAiEngine(name, config, fetcher=fetcher, clocks=clocks, models_s=settings.model_cache_duration, hops=hops)


_ADAPTERS: Mapping[str, Callable[[str, UpstreamConfig, Settings], Upstream]] = {
    "chat_qwen_ai": _chat_qwen_ai,
    "dashscope": _dashscope,
}
