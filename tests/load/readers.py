"""Clients that never read: the gateway holds little for each, and the upstream is held back.

The upstream is an engine. Of chat.qwen.ai the adapter also keeps the text of
an answer until its end, however fast it is read: it is what the chat is found
by later.
"""

import asyncio
import socket
import time
from contextlib import ExitStack

from load.asking import channels, grpc_call, http_request
from load.crowd import crowd
from load.figures import Figure, at_most
from load.processes import Bench, opened
from load.wish import Wish

READER_KIB = 256.0
# Larger than all that kernels hold between the upstream and a client.
PUSHED = Wish(deltas=4_000, bytes=16_000)
STILL_S = 1.0
GIVE_UP_S = 60.0
SMALL_BUFFER = 4_096


async def never_read(count: int) -> list[Figure]:
    """Half of them at each door; memory is measured when the upstream gets no more bytes away."""
    async with opened(engine=True) as bench, crowd(bench) as callers, channels(bench.grpc_port, count // 2) as lines:
        # What one call of each kind needs once is not the readers'.
        await callers.open(["gRPC stream", "SSE stream"], Wish(3), 10, every_s=0.01)
        await callers.over()
        before = bench.gateway.memory()
        with ExitStack() as stack:
            calls = [grpc_call(line, _named(number), callers.token) for number, line in enumerate(lines)]
            for number in range(count // 2, count):
                request = http_request(_named(number), callers.token, stream=True)
                stack.enter_context(_silent(bench.rest_port, request))
            held, sent = await _held_back(bench, count)
            after = bench.gateway.memory()
            for call in calls:
                call.cancel()
    return [
        at_most(f"resident memory of each of {count} clients that never read", (after.rss - before.rss) / count,
                READER_KIB, "KiB"),
        Figure("upstreams that are held back", str(count), str(held), held == count),
        at_most("the most that an upstream got away", sent * PUSHED.bytes / 1e6, PUSHED.deltas * PUSHED.bytes / 2e6,
                "MB"),
    ]  # fmt: skip


def _named(number: int) -> Wish:
    return Wish(PUSHED.deltas, 0, PUSHED.bytes, name=f"reader-{number}")


def _silent(port: int, request: bytes) -> socket.socket:
    """A client that asks and then does nothing."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    line.connect(("127.0.0.1", port))
    line.sendall(request)
    return line


async def _held_back(bench: Bench, count: int) -> tuple[int, int]:
    """How many answers stand still unfinished, once nothing moves for a while, and how far the furthest came."""
    seen, since, until = [], time.monotonic(), time.monotonic() + GIVE_UP_S
    while True:
        told = (await bench.record())["told"]
        mine = [one for name, one in told.items() if name.startswith("reader-")]
        sent = [one["sent"] for one in mine]
        if sent != seen:
            seen, since = sent, time.monotonic()
        if (len(mine) == count and time.monotonic() - since > STILL_S) or time.monotonic() > until:
            return sum(not one["end"] for one in mine), max(sent, default=0)
        await asyncio.sleep(0.2)
