"""Many clients at once: opened one after the other, and looked after until the last one is done."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
from support import session

from load.asking import WAYS, Door, Seen, channels
from load.processes import Bench
from load.wish import Wish
from qwen_grpc.credentials import pack

CONNECTIONS = 10


@dataclass
class Client:
    """One caller: what it wished for, what it has seen, and its task."""

    wish: Wish
    seen: Seen
    task: asyncio.Task[None]
    left_ns: int = 0

    @property
    def fault(self) -> str:
        return self.seen.fault(self.wish)

    def leave(self) -> None:
        self.left_ns = time.monotonic_ns()
        self.task.cancel()


@dataclass
class Crowd:
    """All callers of one proof. Names are given anew to each, so that the upstream's record tells them apart."""

    rest_port: int
    channels: Sequence[grpc.aio.Channel]
    token: str
    clients: list[Client] = field(default_factory=list)
    _names: "itertools.count[int]" = field(default_factory=itertools.count)

    def ask(self, way: str, wish: Wish, token: str = "") -> Client:
        """Sends a caller off."""
        number = next(self._names)
        named = Wish(wish.deltas, wish.pause_us, wish.bytes, wish.act, f"caller-{number}")
        door = Door(self.rest_port, self.channels[number % len(self.channels)], token or self.token)
        seen = Seen()
        client = Client(named, seen, asyncio.create_task(_quietly(way, door, named, seen)))
        self.clients.append(client)
        return client

    async def open(self, ways: Sequence[str], wish: Wish, count: int, *, every_s: float) -> list[Client]:
        """So many callers, by each of these ways in turn; returns when all have had their first words."""
        opened = []
        for number in range(count):
            opened.append(self.ask(ways[number % len(ways)], wish))
            await asyncio.sleep(every_s)
        await asyncio.gather(*(client.seen.begun.wait() for client in opened))
        return opened

    async def over(self) -> None:
        """Waits until every caller is done."""
        await asyncio.gather(*(client.task for client in self.clients), return_exceptions=True)

    def faults(self) -> list[str]:
        """What went wrong with callers who stayed."""
        return [client.fault for client in self.clients if not client.left_ns and client.fault]

    def disorder(self) -> list[str]:
        """Deltas that were lost, doubled or out of order, also of callers who left."""
        return [client.seen.disorder for client in self.clients if client.seen.disorder]


async def _quietly(way: str, door: Door, wish: Wish, seen: Seen) -> None:
    try:
        await WAYS[way](door, wish, seen)
    except asyncio.CancelledError:
        seen.end()


@asynccontextmanager
async def crowd(bench: Bench, connections: int = CONNECTIONS) -> AsyncIterator[Crowd]:
    """Callers with one credential, on so many gRPC connections; whoever is left is sent home."""
    async with channels(bench.grpc_port, connections) as opened:
        everybody = Crowd(bench.rest_port, opened, pack(session(ttl_s=3600)))
        try:
            yield everybody
        finally:
            for client in everybody.clients:
                client.task.cancel()
            await everybody.over()


def new_token(source: random.Random) -> str:
    """The credential of somebody who was never seen before."""
    user = f"{source.getrandbits(32):08x}-0000-4000-8000-{source.getrandbits(48):012x}"
    return pack(session(user, ttl_s=3600, refresh=False))
