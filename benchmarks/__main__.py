"""`python -m benchmarks`: measures the gateway beside a plain proxy, in interleaved rounds."""

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from typing import Any

from benchmarks.load import Job, command
from benchmarks.processes import ROOT, starting
from benchmarks.report import Results, save, table
from benchmarks.systems import System, Upstream, start_all
from qwen_grpc.credentials import WebSession, pack
from qwen_grpc.simulator import make_token

ACCOUNT = "00000000-0000-4000-8000-00000000be4c"
WARM_S = 1.0
# A whole answer has this many deltas; all of them come in one write.
WHOLE_DELTAS = 20


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=6.0, help="streaming per system and round (%(default)s)")
    parser.add_argument("--gate", action="store_true", help="exit 1 unless the in-process gateway meets its bars")
    return parser.parse_args()


def main() -> int:
    asked = options()
    with starting() as start:
        upstream = Upstream(start)
        results = measure(start_all(start, upstream), upstream, asked.rounds, asked.seconds)
    print(f"\n{table(results)}\n\nwritten to {save(results, vars(asked)).relative_to(ROOT)}")
    return verdict(results, gate=asked.gate)


def measure(systems: list[System], upstream: Upstream, rounds: int, seconds: float) -> Results:
    """One warm-up, then rounds of A B A B; each second round runs backwards, so that no system is always the first."""
    found: dict[str, dict[str, list[Any]]] = {system.name: defaultdict(list) for system in systems}
    for system in systems:
        paid_for(system, upstream, WARM_S)
    for number in range(1, rounds + 1):
        for system in systems if number % 2 else reversed(systems):
            for paid, round_ in paid_for(system, upstream, seconds).items():
                found[system.name][paid].append(round_)
                print(f"round {number} {system.name:16} {round_['cpu_ms_per_1000']:7.1f} ms / 1000 {paid}s")
    return Results(found)


def paid_for(system: System, upstream: Upstream, seconds: float) -> dict[str, dict[str, Any]]:
    """One round of each job of a system, by what is paid for."""
    return {paid: one_round(system, upstream, paid, job) for paid, job in jobs(system, seconds).items()}


def jobs(system: System, seconds: float) -> dict[str, Job]:
    """What is asked of a system, by what is paid for."""
    token = pack(WebSession(token=make_token(ACCOUNT, ttl_s=86_400)))
    found = {"delta": Job(system.streams, system.port, token, seconds)}
    if system.streams == "stream":
        found["request"] = Job("request", system.port, token, seconds / 2, deltas=WHOLE_DELTAS)
    return found


def one_round(system: System, upstream: Upstream, paid: str, job: Job) -> dict[str, Any]:
    """One job, and what it cost the system until nothing of it was left to do."""
    before, began = system.cost(), time.monotonic()
    done = subprocess.run(
        (sys.executable, "-m", "benchmarks.load", command(job)), cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    round_: dict[str, Any] = json.loads(done.stdout)
    resident = system.resident_mib()
    system.complain(round_["first_error"])
    upstream.settle()
    cost = system.cost() - before
    many = max(1, round_["deltas"] if paid == "delta" else round_["answers"])
    return round_ | {
        "cpu_s": round(cost.cpu_s, 3),
        "cpu_ms_per_1000": 1e6 * cost.cpu_s / many,
        "switches_per_one": cost.switches / many,
        "per_second": round_["answers"] / job.seconds,
        "resident_mib": resident,
        "seconds": round(time.monotonic() - began, 3),
    }


def verdict(results: Results, *, gate: bool) -> int:
    """Says whether the bars are met. Errors always fail; a bar or a saturated reference only with `gate`."""
    failures = results.failures()
    for failure in failures:
        print(f"not valid: {failure}")
    missed = False
    for paid, ratio, bar in results.verdicts():
        met = ratio <= bar
        missed = missed or not met
        print(f"CPU per {paid}: {ratio:.2f} of the plain proxy; the bar is {bar:.2f}: {'met' if met else 'MISSED'}")
    return int(gate and (missed or bool(failures)))


if __name__ == "__main__":
    sys.exit(main())
