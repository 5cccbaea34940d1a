"""The load over gRPC: as benchmarks/c/load.c does it over REST, with a client of grpc.aio.

A process of its own, so that its cost is not the gateway's. It takes one job
as JSON on its command line and prints one result as JSON.
"""

import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import grpc
import uvloop

from benchmarks.loads import MODEL, Door, Load
from qwen_grpc.v1.chat_pb2 import ROLE_USER, ChatMessage, CompleteChatRequest, StreamChatResponse
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub

STAMPED = re.compile(r"w(\d+)@(\d+) ")
PATIENCE_S = 60.0
EARLY_DELTAS, STEP_NS = 3, 5_000_000


@dataclass
class Account:
    """What was seen, in nanoseconds where it is a time."""

    answers: int = 0
    complete: int = 0
    messages: int = 0
    deltas: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    busy_ns: int = 0
    first_ns: list[int] = field(default_factory=list)
    added_ns: list[int] = field(default_factory=list)
    early_ns: list[int] = field(default_factory=list)
    whole_ns: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Answer:
    """One answer while it arrives."""

    def __init__(self, load: Load, account: Account) -> None:
        self._load = load
        self._account = account
        self._asked = time.monotonic_ns()
        self._seen: set[int] = set()
        self._highest = -1
        self._first = self._early = 0
        self._finished = self._spoilt = False

    def take(self, message: StreamChatResponse) -> None:
        """A message with its deltas."""
        self._account.messages += 1
        for delta in message.deltas:
            if delta.content:
                self._text(delta.content)
            self._finished = self._finished or bool(delta.finish_reason)

    def _text(self, text: str) -> None:
        now = time.monotonic_ns()
        self._first = self._first or now
        for stamp in STAMPED.finditer(text):
            self._delta(int(stamp[1]), now - int(stamp[2]))
        if rest := STAMPED.sub("", text):
            self._spoilt = True
            self._account.errors.append(f"text that no delta has: {rest[:60]!r}")

    def _delta(self, number: int, added: int) -> None:
        account = self._account
        account.deltas += 1
        account.added_ns.append(added)
        self._spoilt = self._spoilt or number < self._highest or number in self._seen
        if number in self._seen:
            account.doubled += 1
        elif number < self._highest:
            account.out_of_order += 1
        self._seen.add(number)
        self._highest = max(self._highest, number)
        if number < EARLY_DELTAS:
            self._early = max(self._early, added)

    def end(self) -> None:
        """Closes the account of this answer."""
        now, account = time.monotonic_ns(), self._account
        lost = self._load.deltas - len(self._seen)
        if lost or not self._finished:
            account.errors.append(f"an answer came with {lost} deltas lost, finished: {self._finished}")
        account.answers += 1
        account.complete += not (lost or self._spoilt) and self._finished
        account.lost += lost
        account.busy_ns += now - self._asked
        account.whole_ns.append(now - self._asked)
        account.first_ns.append((self._first or now) - self._asked)
        account.early_ns.append(self._early)


async def client(stub: Any, door: Door, load: Load, account: Account) -> None:
    """Asks at least once, and anew while there is time."""
    request = CompleteChatRequest(model=MODEL, messages=[ChatMessage(role=ROLE_USER, content=load.prompt)])
    metadata = (("authorization", f"Bearer {door.token}"),) if door.token else ()
    until = time.monotonic() + load.seconds
    while True:
        answer = Answer(load, account)
        async for message in stub.StreamChat(request, metadata=metadata):
            answer.take(message)
        answer.end()
        if time.monotonic() >= until:
            return


async def drive(door: Door, load: Load) -> Account:
    """All clients at once, evenly spread."""
    account = Account()

    async def later(stub: Any, number: int) -> None:
        await asyncio.sleep(number * load.spread / 1e6 / load.clients)
        try:
            await client(stub, door, load, account)
        except grpc.aio.AioRpcError as error:
            # This client is gone; the others go on, and the figures are marked as not valid.
            account.errors.append(repr(error)[:200])

    async with grpc.aio.insecure_channel(f"127.0.0.1:{door.port}") as channel:
        stub: Any = ChatServiceStub(channel)
        async with asyncio.timeout(load.seconds + load.spread / 1e6 + PATIENCE_S):
            await asyncio.gather(*(later(stub, number) for number in range(load.clients)))
    return account


def result(load: Load, account: Account) -> dict[str, Any]:
    """What the program in C prints, and the number of messages."""
    offered_ns = account.answers * load.deltas * load.pause_us * 1000
    counted = ("answers", "complete", "messages", "deltas", "lost", "doubled", "out_of_order")
    return {name: getattr(account, name) for name in counted} | {
        "expected": account.answers * load.deltas,
        "delivered": round(offered_ns / max(1, account.busy_ns), 4),
        "early_steps": sum(early > STEP_NS for early in account.early_ns),
        "first_ms": spread(account.first_ns),
        "added_ms": spread(account.added_ns),
        "early_ms": spread(account.early_ns),
        "whole_ms": spread(account.whole_ns),
        "errors": len(account.errors),
        "first_error": next(iter(account.errors), ""),
    }


def spread(values_ns: list[int]) -> list[float] | None:
    """The median, the 99th percentile and the longest, in milliseconds; None for no values."""
    if not values_ns:
        return None
    found, many = sorted(values_ns), len(values_ns)
    return [round(value / 1e6, 3) for value in (found[many // 2], found[many * 99 // 100], found[-1])]


def main() -> None:
    """Takes the job, prints the result."""
    told = json.loads(sys.argv[1])
    door = Door(*(told.pop(name) for name in ("port", "token", "kind")))
    load = Load(**told)
    print(json.dumps(result(load, uvloop.run(drive(door, load)))))


if __name__ == "__main__":
    main()
