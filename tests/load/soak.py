"""The soak: mixed traffic at half load with faults in it, for minutes; memory is flat and nothing is left behind.

    python -m load.soak --minutes 10

60 % are streams, 20 % whole answers, 10 % meet a failing upstream, 10 % hang
up at a random moment; all through both doors, with a new caller every five
seconds.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, median

import uvloop

from load.asking import STREAMS, WAYS, WHOLE
from load.crowd import Client, Crowd, crowd, new_token
from load.figures import Figure, at_most, none_of, save, table, told
from load.processes import Bench, opened
from load.wish import Act, Wish

# Half of a core for the gateway, on the machine of `docs/operations.md`.
PER_S = 80.0
TOKEN_S = 5.0
SAMPLE_S = 1.0
# Kept connections to the upstream are closed after 15 to 30 seconds without use.
REST_S = 40.0
# The first calls are over, and their chats removed.
WARM_REST_S = 5.0
GROWTH_PERCENT, FAILED_PERCENT = 5.0, 0.01
SAID = Wish(20, 25_000)
FAULTS = (Wish(act=Act.FAIL), Wish(act=Act.LIMIT), Wish(5, 5_000, act=Act.CUT))
LONGEST_STAY_S = 0.5


@dataclass
class Diary:
    """What was sampled: resident KiB while it ran, and what was open before and after."""

    rss: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)

    def note(self, kind: str, client: Client) -> None:
        """An answer that is over; only what was wanted whole can fail."""
        self.counts[kind] += 1
        if client.seen.disorder:
            self.disorder.append(client.seen.disorder)
        elif kind in ("stream", "whole") and client.fault:
            self.faults.append(client.fault)


@dataclass
class Traffic:
    """Callers who come at random, as an open loop: a slow gateway does not slow them down."""

    callers: Crowd
    diary: Diary
    chance: random.Random
    running: set["asyncio.Task[None]"] = field(default_factory=set)

    async def flow(self, seconds: float) -> None:
        """Callers for so long; returns when the last one is gone."""
        began = time.monotonic()
        good = bad = ""
        while (now := time.monotonic() - began) < seconds:
            if not good or int(now / TOKEN_S) != int((now - 1 / PER_S) / TOKEN_S):
                # Those that meet failures are other callers: their credentials get to rest.
                good, bad = new_token(self.chance), new_token(self.chance)
            self._send(good, bad)
            await asyncio.sleep(self.chance.expovariate(PER_S))
        await asyncio.gather(*self.running)

    def _send(self, good: str, bad: str) -> None:
        kind = self.chance.choices(("stream", "whole", "error", "leaves"), (60, 20, 10, 10))[0]
        ways = {"stream": STREAMS, "whole": WHOLE}.get(kind, tuple(WAYS))
        wish = self.chance.choice(FAULTS) if kind == "error" else SAID
        client = self.callers.ask(self.chance.choice(ways), wish, bad if kind == "error" else good)
        task = asyncio.create_task(self._follow(kind, client))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def _follow(self, kind: str, client: Client) -> None:
        if kind == "leaves":
            await asyncio.sleep(self.chance.random() * LONGEST_STAY_S)
            client.leave()
        await asyncio.wait({client.task})
        self.diary.note(kind, client)
        # Ten minutes of answers need not be kept.
        self.callers.clients.remove(client)


async def soak(seconds: float, growth_percent: float = GROWTH_PERCENT) -> list[Figure]:
    """The traffic for so long, and then the time that pooled connections are kept."""
    async with opened(observed=True) as bench, crowd(bench) as callers:
        diary = Diary()
        await Traffic(callers, Diary(), random.Random(0)).flow(2.0)
        await asyncio.sleep(WARM_REST_S)
        before, open_before = await bench.gateway.tasks(), await _own_files(bench)
        sampling = asyncio.create_task(_sample(bench, diary))
        began, cpu_s = time.monotonic(), bench.gateway.cpu_s()
        await Traffic(callers, diary, random.Random(1)).flow(seconds)
        busy = (bench.gateway.cpu_s() - cpu_s) / (time.monotonic() - began)
        sampling.cancel()
        record = await bench.record()
        upstream = await _rested(bench)
        after, open_after = await bench.gateway.tasks(), await _own_files(bench)
        return [
            *_served(diary, busy),
            *_kept(diary, seconds, growth_percent),
            none_of("tasks that are left", [f"{name} x{number}" for name, number in (after - before).items()]),
            Figure("upstream connections that are left", "0", str(upstream), upstream == 0),
            at_most("files and sockets more than before", open_after - open_before, 0, ""),
            none_of("lines that the gateway logged as errors", bench.gateway.complaints),
            Figure("streams that still run upstream", "0", str(record["running"]), record["running"] == 0),
        ]


async def _own_files(bench: Bench) -> int:
    """Open files and sockets but for kept connections to the upstream."""
    kept: int = (await bench.record())["connections"]
    return bench.gateway.descriptors() - kept


async def _rested(bench: Bench) -> int:
    """How many upstream connections are left once the pool has closed what nobody uses, or should have."""
    until, upstream = time.monotonic() + REST_S, 1
    while upstream and time.monotonic() < until:
        await asyncio.sleep(1.0)
        upstream = (await bench.record())["connections"]
    return upstream


async def _sample(bench: Bench, diary: Diary) -> None:
    while True:
        diary.rss.append(bench.gateway.memory().rss)
        await asyncio.sleep(SAMPLE_S)


def _served(diary: Diary, busy: float) -> list[Figure]:
    asked = diary.counts.total()
    wanted = diary.counts["stream"] + diary.counts["whole"]
    share = 100 * len(diary.faults) / max(1, wanted)
    shown = ", ".join(f"{number} {kind}" for kind, number in diary.counts.most_common())
    return [
        told("calls", f"{asked}: {shown}"),
        told("CPU of the gateway", f"{100 * busy:.0f} % of a core"),
        at_most("failures that nobody provoked", share, FAILED_PERCENT, f"% {diary.faults[:1] or ''}".rstrip()),
        none_of("deltas lost, doubled or out of order", diary.disorder),
    ]


def _kept(diary: Diary, seconds: float, growth_percent: float) -> list[Figure]:
    """The last quarter against the second one: by then allocators have what they want, and chats come and go."""
    quarter = max(1, len(diary.rss) // 4)
    early, late = median(diary.rss[quarter : 2 * quarter]), median(diary.rss[-quarter:])
    slope = _slope(diary.rss[quarter:]) * 60 / SAMPLE_S
    return [
        at_most("resident memory, last quarter above the second", 100 * (late / early - 1), growth_percent, "%"),
        told("resident memory in these quarters", f"{early * 1024 / 1e6:.1f} MB, {late * 1024 / 1e6:.1f} MB"),
        told("slope after the first quarter", f"{slope / 1024:.2f} MiB a minute, over {seconds / 60:.1f} min"),
    ]


def _slope(values: Sequence[float]) -> float:
    """Least squares, per sample."""
    if len(values) < 2:
        return 0.0
    middle, level = (len(values) - 1) / 2, mean(values)
    spread = sum((place - middle) ** 2 for place in range(len(values)))
    return sum((place - middle) * (value - level) for place, value in enumerate(values)) / spread


def main() -> None:
    """Prints the table; exit code 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description="Mixed traffic with faults, for minutes.")
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes
    figures = uvloop.run(soak(minutes * 60))
    print(table(figures))
    print(f"\nsaved as {save('soak', figures, minutes=minutes).name}")
    sys.exit(not all(one.good for one in figures))


if __name__ == "__main__":
    main()
