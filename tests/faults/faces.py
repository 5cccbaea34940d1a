"""The three kinds of upstream: what each puts on the wire when all is well, and the adapter that asks it."""

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from both_doors import question
from qwen_wire import CREATED, FINISHED, GOODBYE, JSON, MODELS, NEW_CHAT
from qwen_wire import said as said_by_the_site
from raw_server import LAST_CHUNK, STREAM_HEAD, answer, chunk
from support import session

from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.credentials import ApiKey, Credentials
from qwen_grpc.upstreams.base import Upstream
from qwen_grpc.upstreams.chat_qwen_ai import ChatQwenAi, Site
from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.upstreams.dashscope import DashScope
from qwen_grpc.upstreams.http import Origin
from qwen_grpc.upstreams.openai_engine import OpenAiEngine

# What nobody may ever see: as a part of credentials, and as an upstream's own words about a failure.
CANARY = "canary-4711"
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Behind:
    """Where an adapter finds its server."""

    url: str
    clocks: Clocks | None = None
    verify: ssl.SSLContext | None = None


@dataclass(frozen=True, eq=False)
class Face:
    """One kind of upstream.

    `begins` and `ends` are the events around the words of an answer, `others`
    the answers by path to all that is not a completion. `adapter` makes the
    upstream and the server that it calls.
    """

    name: str
    begins: bytes
    says: Callable[[str], bytes]
    ends: bytes
    others: Mapping[bytes, bytes]
    model: str
    credentials: Credentials
    adapter: Callable[[Behind], tuple[Upstream, Origin]]

    def __str__(self) -> str:
        return self.name

    @property
    def begun(self) -> bytes:
        """A stream that has said "Hi"."""
        return STREAM_HEAD + chunk(self.begins + self.says("Hi"))

    def whole(self, text: str = "Hi") -> bytes:
        """A complete answer."""
        return STREAM_HEAD + chunk(self.begins + self.says(text)) + chunk(self.ends) + LAST_CHUNK

    def asked(self) -> dict[str, Any]:
        """A request in OpenAI's form."""
        return {**question(f"Hello {CANARY}-prompt"), "model": self.model, "enable_thinking": False}


def event(value: Any) -> bytes:
    """An SSE record of JSON."""
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def step(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """A chunk of OpenAI's dialect with one choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"id": "c-1", "created": 1, "model": "m", "choices": [choice], **more})


def says(text: str) -> bytes:
    """A chunk with words."""
    return step({"content": text})


STOP = step({}, "stop")
LISTING = answer(b'{"object":"list","data":[{"id":"qwen-test","object":"model","owned_by":"me"}]}', JSON)


def _engine(behind: Behind) -> tuple[Upstream, Origin]:
    table = {"kind": "openai_engine", "base_url": f"{behind.url}/v1", "caller_keys": ["*"], "dialect": "generic"}
    made = OpenAiEngine("gpu", UpstreamConfig.model_validate(table), clocks=behind.clocks)
    # Operators trust the usual authorities, and there is no setting for others.
    made._server._verify = behind.verify
    return made, made._server


def _site(behind: Behind) -> tuple[Upstream, Origin]:
    origin = Site(behind.url, behind.url, clocks=behind.clocks, verify=behind.verify)
    return ChatQwenAi(origin), origin


def _dashscope(behind: Behind) -> tuple[Upstream, Origin]:
    table = {"kind": "dashscope", "base_url": behind.url, "wait_timeout": 0}
    made = DashScope("official", UpstreamConfig.model_validate(table), clocks=behind.clocks)
    return made, made._origin


KEY = ApiKey(f"sk-{CANARY}-key")
ENGINE = Face(
    "an engine", b"", says, STOP + DONE, {b"/v1/models": LISTING}, "qwen-test", KEY, _engine,
)  # fmt: skip
DASHSCOPE = Face(
    "DashScope", b"", says, STOP + DONE, {b"/models": LISTING}, "qwen-plus", KEY, _dashscope,
)  # fmt: skip
SITE = Face(
    "chat.qwen.ai", CREATED, said_by_the_site, FINISHED,
    {b"/api/models": MODELS, b"/api/v2/chats/new": NEW_CHAT, b"": GOODBYE},
    "qwen-max", session(refresh=False, ttl_s=86_400, cookies=(("jar", f"{CANARY}-cookie"),)), _site,
)  # fmt: skip
