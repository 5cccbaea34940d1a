"""`python -m benchmarks.gate`: a short run that fails when the gateway has become clearly dearer, or loses a delta.

The ratios are a quarter looser than what was measured on an idle machine, since
neighbours disturb them. How often a process sleeps for a delta hardly depends
on neighbours: one more task or thread on its way shows there.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.bars import Bar, at_most, number, shown
from benchmarks.figures import Results, cost
from benchmarks.loads import STREAMS_16, WHOLE_16
from benchmarks.rounds import measure
from benchmarks.systems import GATEWAY, PLAIN

ROUNDS = 3
STREAMS, WHOLE = replace(STREAMS_16, seconds=1.5, deltas=50), replace(WHOLE_16, seconds=1.0)
# How often the gateway's cost goes into the plain proxy's, and how often it sleeps for a delta.
LEAST_PER_DELTA, LEAST_PER_REQUEST, MOST_SLEEPS = 1.5, 3.0, 1.3


def main() -> int:
    """Measures; once more if a figure misses. The exit code is 1 if that misses too, or a delta was not as sent."""
    results = run()
    if not passed(results) and not results.misled((GATEWAY,)):
        print("a figure misses: all is measured once more, as a neighbour may have disturbed it")
        results = run()
    return 0 if passed(results) and not results.misled((GATEWAY,)) else 1


def run() -> Results:
    """One measurement, and its figures."""
    rounds, notes = measure({PLAIN: (STREAMS, WHOLE), GATEWAY: (STREAMS, WHOLE)}, ROUNDS)
    results = Results(rounds, notes=notes)
    for bar in bars(results):
        print(f"{'met' if bar.met else 'MISSED'}: {bar.figure}: {bar.measured}, expected {bar.bar}")
    for fault in results.faults():
        print(f"fault: {fault}")
    return results


def bars(results: Results) -> Iterator[Bar]:
    """The bars of the gate. A neighbour only ever adds to what a round costs, so the cheapest rounds are compared."""
    for load, least in ((STREAMS, LEAST_PER_DELTA), (WHOLE, LEAST_PER_REQUEST)):
        theirs, ours = (results.figure(system, load, cost(load)) for system in (PLAIN, GATEWAY))
        ratio = theirs.least / ours.least if theirs and ours else 0.0
        yield Bar(f"CPU, {load.name}, {PLAIN} / {GATEWAY}", f"≥ {least:g}", number(ratio), ratio >= least)
    sleeps = results.figure(GATEWAY, STREAMS, "sleeps_per_delta")
    yield Bar("voluntary switches per delta", f"≤ {MOST_SLEEPS:g}", shown(sleeps), at_most(MOST_SLEEPS, sleeps))


def passed(results: Results) -> bool:
    """Whether all bars are met, and every request was answered."""
    errors = sum(results.total(GATEWAY, load, "errors") for load in (STREAMS, WHOLE))
    return not errors and all(bar.met for bar in bars(results))


if __name__ == "__main__":
    sys.exit(main())
