"""What is measured: forms of the gateway and what they are compared with, all before the same fake upstream."""

import json
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.compiled import program
from benchmarks.loads import Door
from benchmarks.peers import litellm_missing, nginx_missing, start_litellm, start_nginx
from benchmarks.processes import Cost, Process, Starter
from qwen_grpc.credentials import WebSession, pack
from qwen_grpc.simulator import make_token
from qwen_grpc.simulator.models import CURRENT, describe

DIRECT, NGINX, PLAIN, LITELLM = "direct", "nginx", "plain proxy", "LiteLLM"
GATEWAY, ENGINE = "REST in-process", "REST in-process, engine"
WORKERS, SPLIT, GRPC = "REST in-process, 2 workers", "REST, split shim", "gRPC client"
OURS = (GATEWAY, ENGINE, WORKERS, SPLIT, GRPC)

ACCOUNT = "00000000-0000-4000-8000-00000000be4c"
SETTLE_S = 20.0
ENGINE_FILE = '[upstreams.gpu]\nkind = "openai_engine"\nbase_url = "http://127.0.0.1:{port}/v1"\npublic = true\n'


@dataclass(frozen=True, slots=True)
class System:
    """A system under test: its processes, where it is asked, and what it runs on where that is not known elsewhere."""

    name: str
    processes: Sequence[Process]
    door: Door
    note: str = ""

    def cost(self) -> Cost:
        """What all its processes have used."""
        return sum((process.cost() for process in self.processes), Cost())

    def memory(self) -> int:
        """What they hold together, in bytes."""
        return sum(process.memory() for process in self.processes)

    def complain(self, error: str) -> None:
        """Passes on what the processes said on their own account, when there was an error."""
        for line in (line for process in self.processes for line in process.said() if error):
            print(f"{self.name}: {line}", end="")


class Upstream:
    """The fake chat.qwen.ai and engine, benchmarks/c/upstream.c."""

    def __init__(self, start: Starter) -> None:
        models = json.dumps({"data": [describe(model) for model in CURRENT]})
        self._process = start.command(str(program("upstream")), start.file("models.json", models))
        self.port = self._process.port("upstream")
        self.url = f"http://127.0.0.1:{self.port}"

    def counts(self) -> dict[str, int]:
        """The chats `opened` and `removed` so far, and the `streams` that are open."""
        with urllib.request.urlopen(f"{self.url}/counts") as reply:
            found: dict[str, int] = json.load(reply)
        return found

    def settle(self) -> None:
        """Waits until every chat that was opened is removed: that work, too, belongs to what was asked."""
        self.wait(lambda counts: counts["opened"] == counts["removed"], SETTLE_S)

    def wait(self, until: Callable[[dict[str, int]], bool], patience_s: float) -> None:
        """Waits for the counts to be as wanted. Raises `RuntimeError` when they are not after `patience_s`."""
        give_up = time.monotonic() + patience_s
        while not until(counts := self.counts()):
            if time.monotonic() > give_up:
                raise RuntimeError(f"the upstream still counted {counts} after {patience_s:.0f} s")
            time.sleep(0.1)


def start_system(name: str, start: Starter, upstream: Upstream) -> System:
    """Starts one of `MAKERS` by its name."""
    return MAKERS[name](start, upstream)


def missing(name: str) -> str:
    """Why a system cannot be measured here; empty if it can."""
    return {NGINX: nginx_missing, LITELLM: litellm_missing}.get(name, str)()


def _direct(_start: Starter, upstream: Upstream) -> System:
    return System(DIRECT, (), Door(upstream.port))


def _nginx(start: Starter, upstream: Upstream) -> System:
    process, port = start_nginx(start, upstream.port)
    return System(NGINX, (process,), Door(port))


def _plain(start: Starter, upstream: Upstream) -> System:
    process = start("benchmarks.plain_proxy", QWEN_BASE_URL=upstream.url)
    note = process.announced("runs on (.*)")
    return System(PLAIN, (process,), Door(process.port("proxy"), _token()), note)


def _litellm(start: Starter, upstream: Upstream) -> System:
    process, port = start_litellm(start, upstream.port)
    return System(LITELLM, (process,), Door(port))


def _gateway(start: Starter, upstream: Upstream) -> System:
    process = _serve(start, upstream, "--port", "0")
    return System(GATEWAY, (process,), Door(process.port("REST listens"), _token()))


def _workers(start: Starter, upstream: Upstream) -> System:
    process = _serve(start, upstream, "--port", "0", "--workers", "2")
    ports = [process.port("REST listens") for _ in range(2)]
    return System(WORKERS, (process,), Door(ports[0], _token()))


def _engine(start: Starter, upstream: Upstream) -> System:
    config = start.file("engine.toml", ENGINE_FILE.format(port=upstream.port))
    process = _serve(start, upstream, "--port", "0", "--config", config)
    return System(ENGINE, (process,), Door(process.port("REST listens")))


def _split(start: Starter, upstream: Upstream) -> System:
    server = _serve(start, upstream, "--no-rest")
    target = f"127.0.0.1:{server.port('gRPC listens')}"
    shim = start("rest_shim", "--target", target, "--port", "0")
    return System(SPLIT, (server, shim), Door(shim.port("REST listens"), _token()))


def _grpc(start: Starter, upstream: Upstream) -> System:
    process = _serve(start, upstream, "--no-rest")
    return System(GRPC, (process,), Door(process.port("gRPC listens"), _token(), "grpc"))


def _serve(start: Starter, upstream: Upstream, *options: str) -> Process:
    settings = {
        "QWEN_BASE_URL": upstream.url,
        "QWEN_AUTH_URL": upstream.url,
        "LOG_LEVEL": "WARNING",
        # Chats are removed soon, so that their removal is paid for in the round that opened them.
        "QWEN_CHAT_IDLE": "1",
    }
    return start("qwen_grpc", "serve", "--grpc-port", "0", *options, **settings)


def _token() -> str:
    return pack(WebSession(token=make_token(ACCOUNT, ttl_s=86_400)))


# In the order in which the tables have them: what it is compared with, then the forms of the gateway.
MAKERS: dict[str, Callable[[Starter, Upstream], System]] = {
    DIRECT: _direct,
    NGINX: _nginx,
    PLAIN: _plain,
    LITELLM: _litellm,
    GATEWAY: _gateway,
    ENGINE: _engine,
    WORKERS: _workers,
    SPLIT: _split,
    GRPC: _grpc,
}
