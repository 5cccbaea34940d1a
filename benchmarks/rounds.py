"""Measures: interleaved rounds of loads, and the memory of open streams."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.loads import OPEN_1000, WARMING, Load, begin
from benchmarks.processes import MIB, starting
from benchmarks.systems import System, Upstream, start_system

Round = Mapping[str, Any]
Rounds = Mapping[str, Mapping[str, Sequence[Round]]]
REST_S = 2.0
LATE_S = 4.0
KEPT = ("answers", "complete", "lost", "doubled", "out_of_order", "errors", "first_error")


def measure(plan: Mapping[str, Sequence[Load]], rounds: int) -> tuple[Rounds, dict[str, str]]:
    """Starts the systems of a plan, warms them up, and measures them A B A B, each second round backwards.

    Returns the rounds by system and load, and what systems run on where that is not known elsewhere.
    """
    with starting() as start:
        upstream = Upstream(start)
        systems = [start_system(name, start, upstream) for name in plan]
        for system in systems:
            for load in warming(system):
                one_round(system, upstream, load)
        found: dict[str, dict[str, list[Round]]] = {name: {load.name: [] for load in plan[name]} for name in plan}
        for number in range(1, rounds + 1):
            for system in systems if number % 2 else reversed(systems):
                for load in plan[system.name]:
                    found[system.name][load.name].append(told(number, system, load, one_round(system, upstream, load)))
        return found, {system.name: system.note for system in systems if system.note}


def warming(system: System) -> list[Load]:
    """What is asked before anything is counted. There are no whole answers over gRPC here."""
    return [load for load in WARMING if system.door.kind == "rest" or not load.whole]


def told(number: int, system: System, load: Load, round_: Round) -> Round:
    """Prints a round in one line, and passes it on."""
    paid = "request" if load.whole else "delta"
    cost = f"{round_[f'cpu_us_per_{paid}']:8.1f} us / {paid:7}" if system.processes else 20 * " "
    latency = (round_["added_ms"] or round_["whole_ms"])[0]
    print(f"round {number}  {system.name:27} {load.name:17} {cost} {latency:8.3f} ms", flush=True)
    return round_


def one_round(system: System, upstream: Upstream, load: Load) -> Round:
    """One load, and what it cost the system until nothing of it was left to do."""
    before = system.cost()
    seen = begin(system.door, load)()
    system.complain(seen["first_error"])
    upstream.settle()
    cost = system.cost() - before
    deltas, answers = max(1, seen["deltas"]), max(1, seen["answers"])
    return seen | {
        "cpu_us_per_delta": round(1e6 * cost.cpu_s / deltas, 2),
        "cpu_us_per_request": round(1e6 * cost.cpu_s / answers, 1),
        "switches_per_delta": round(cost.switches / deltas, 3),
        "sleeps_per_delta": round(cost.sleeps / deltas, 3),
        "requests_per_s": round(seen["answers"] / load.seconds, 1) if load.seconds else None,
    }


def open_streams(name: str, load: Load = OPEN_1000) -> Round:
    """The memory in MiB of a system that has served a little and rests, and while `load` holds its streams open."""
    with starting() as start:
        upstream = Upstream(start)
        system = start_system(name, start, upstream)
        for first in warming(system):
            one_round(system, upstream, first)
        time.sleep(REST_S)
        idle = system.memory()
        ended = begin(system.door, load)
        streams = most_streams(upstream, load)
        held = system.memory()
        seen = ended()
        system.complain(seen["first_error"])
    print(f"memory   {name:27} {idle / MIB:6.1f} MiB, {held / MIB:6.1f} MiB with {streams} streams", flush=True)
    return {
        "idle_mib": round(idle / MIB, 1),
        "open_mib": round(held / MIB, 1),
        "kib_per_stream": round((held - idle) / 1024 / max(1, streams), 1),
        "streams": streams,
        "wanted": load.clients,
        **{name: seen[name] for name in KEPT},
    }


def most_streams(upstream: Upstream, load: Load) -> int:
    """Waits until all streams of a load are open; returns how many are, as some systems do not get that far."""
    until = time.monotonic() + load.spread / 1e6 + LATE_S
    while (streams := upstream.counts()["streams"]) < load.clients and time.monotonic() < until:
        time.sleep(0.1)
    return streams
