"""What is measured: the reference and the forms of the gateway, each before the same fake upstream."""

import json
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.processes import Cost, Process, Starter

REFERENCE, GATEWAY, SPLIT, GRPC = "plain proxy", "in-process REST", "split shim REST", "gRPC client"
SETTLE_S = 10.0


@dataclass(frozen=True, slots=True)
class System:
    """A system under test: its processes, the port that is asked, and how streams are asked for."""

    name: str
    processes: Sequence[Process]
    port: int
    streams: str = "stream"

    def cost(self) -> Cost:
        """What all its processes have used."""
        return sum((process.cost() for process in self.processes), Cost())

    def complain(self, error: str) -> None:
        """Passes on what the processes said on their own account, when there was an error."""
        for line in (line for process in self.processes for line in process.said() if error):
            print(f"{self.name}: {line}", end="")

    def resident_mib(self) -> float:
        """Their memory together."""
        return sum(process.resident_mib() for process in self.processes)


class Upstream:
    """The fake chat.qwen.ai."""

    def __init__(self, start: Starter) -> None:
        self.url = f"http://127.0.0.1:{start('benchmarks.upstream').port('upstream')}"

    def settle(self) -> None:
        """Waits until every chat that was opened is removed: that work, too, belongs to what was asked."""
        until = time.monotonic() + SETTLE_S
        while True:
            with urllib.request.urlopen(f"{self.url}/counts") as reply:
                counts = json.load(reply)
            if counts["opened"] == counts["removed"]:
                return
            if time.monotonic() > until:
                raise RuntimeError(f"expected every chat to be removed after {SETTLE_S:.0f} s, got {counts}")
            time.sleep(0.1)


def start_all(start: Starter, upstream: Upstream) -> list[System]:
    """The reference first, then the forms of the gateway."""
    settings = {
        "QWEN_BASE_URL": upstream.url,
        "QWEN_AUTH_URL": upstream.url,
        "LOG_LEVEL": "WARNING",
        # Chats are removed soon, so that their removal is paid for in the round that opened them.
        "QWEN_CHAT_IDLE": "1",
    }
    proxy = start("benchmarks.plain_proxy", QWEN_BASE_URL=upstream.url)
    both = start("qwen_grpc", "serve", "--port", "0", "--grpc-port", "0", **settings)
    server = start("qwen_grpc", "serve", "--no-rest", "--grpc-port", "0", **settings)
    target = f"127.0.0.1:{server.port('gRPC listens')}"
    shim = start("rest_shim", "--target", target, "--port", "0")
    grpc_port, rest_port = both.port("gRPC listens"), both.port("REST listens")
    return [
        System(REFERENCE, (proxy,), proxy.port("proxy")),
        System(GATEWAY, (both,), rest_port),
        System(SPLIT, (server, shim), shim.port("REST listens")),
        System(GRPC, (both,), grpc_port, streams="grpc"),
    ]
