"""DashScope's hosts: which region and plan each serves, under which paths, and with which headers it is called.

Hosts as documented until autumn 2026. A key belongs to one region and one
plan; at the host of another it is refused like a wrong one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import httpx

from qwen_grpc.addresses import DASHSCOPE_HOST
from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.credentials import Credentials
from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.upstreams.http import Origin
from qwen_grpc.upstreams.openai_wire.turn import authorized

# How errors call it.
DASHSCOPE = "DashScope"
DEFAULT_BASE_URL = f"https://{DASHSCOPE_HOST}"
NATIVE = "/api/v1"

# Long prompts are read before the first byte.
CLOCKS = Clocks(headers_s=30.0)


@dataclass(frozen=True, slots=True)
class Place:
    """What a host serves: `compatible` is where OpenAI's dialect begins, `native` whether DashScope's own is there."""

    region: str
    plan: str = "pay as you go"
    compatible: str = "/compatible-mode/v1"
    native: bool = True


# The first pattern that fits decides; a group is the region. Workspace hosts begin with the id of a workspace.
PLACES: Sequence[tuple[re.Pattern[str], Place]] = (
    (re.compile(r"dashscope\.aliyuncs\.com"), Place("cn-beijing")),
    (re.compile(re.escape(DASHSCOPE_HOST)), Place("ap-southeast-1")),
    (re.compile(r"dashscope-us\.aliyuncs\.com"), Place("us-east-1")),
    (re.compile(r"cn-hongkong\.dashscope\.aliyuncs\.com"), Place("cn-hongkong")),
    (re.compile(r"coding\.dashscope\.aliyuncs\.com"), Place("cn-beijing", "Coding Plan", "/v1", native=False)),
    (re.compile(r"coding-intl\.dashscope\.aliyuncs\.com"), Place("ap-southeast-1", "Coding Plan", "/v1", native=False)),
    (re.compile(r"batch\.dashscope\.aliyuncs\.com"), Place("cn-beijing", "batch", native=False)),
    (re.compile(r"token-plan\.([a-z0-9-]+)\.maas\.aliyuncs\.com"), Place("", "Token Plan", native=False)),
    (re.compile(r"[a-z0-9-]+\.([a-z0-9-]+)\.maas\.aliyuncs\.com"), Place("")),
)


def place_of(host: str) -> Place:
    """What a host serves; one that is not known is taken for a usual one."""
    for pattern, place in PLACES:
        if match := pattern.fullmatch(host.lower()):
            return replace(place, region=match[1]) if match.groups() else place
    return Place("")


class DashScopeOrigin(Origin):
    """One of DashScope's hosts, and how it is called on behalf of a key.

    Only the origin of the configured `base_url` counts; the paths follow from
    the host. The service may hold a request that comes in a burst for
    `wait_timeout` seconds, and the clock for headers allows for that.
    """

    def __init__(self, config: UpstreamConfig, clocks: Clocks | None = None) -> None:
        url = httpx.URL(config.base_url or DEFAULT_BASE_URL)
        clocks = clocks or CLOCKS
        clocks = replace(clocks, headers_s=clocks.headers_s + config.wait_timeout)
        super().__init__(f"{url.scheme}://{url.netloc.decode()}", clocks=clocks)
        self.name = DASHSCOPE
        self.host = url.host
        self.place = place_of(url.host)
        self._config = config

    def headers(self, credentials: Credentials) -> dict[str, str]:
        """The headers of every call: the key, the trace, the workspace, and how long a burst may be held."""
        headers = authorized(credentials, DASHSCOPE)
        if self._config.workspace:
            headers["x-dashscope-workspace"] = self._config.workspace
        if self._config.wait_timeout:
            headers["x-dashscope-wait-timeout"] = str(self._config.wait_timeout)
        return headers
