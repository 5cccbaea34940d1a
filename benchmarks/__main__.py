"""`python -m benchmarks`: measures the gateway beside others, in interleaved rounds."""

import argparse
import sys
from collections.abc import Mapping, Sequence

from benchmarks.figures import Results
from benchmarks.loads import STREAM_1, STREAMS_16, STREAMS_64, WHOLE_16, Load
from benchmarks.processes import ROOT
from benchmarks.report import machine, save, text
from benchmarks.rounds import measure, open_streams
from benchmarks.systems import DIRECT, ENGINE, GATEWAY, GRPC, LITELLM, MAKERS, NGINX, PLAIN, missing

EVERY_LOAD = (STREAMS_16, STREAMS_64, WHOLE_16, STREAM_1)
# LiteLLM cannot keep the pace of 16 streams; 64 would say nothing more. No call over gRPC waits for a whole answer.
FEWER: Mapping[str, Sequence[Load]] = {
    LITELLM: (STREAMS_16, WHOLE_16, STREAM_1),
    GRPC: (STREAMS_16, STREAMS_64, STREAM_1),
}
# In the quick run, what the bars of CPU need.
QUICK = (DIRECT, NGINX, PLAIN, GATEWAY, ENGINE)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="fewer systems, and no memory")
    parser.add_argument("--only", action="append", choices=tuple(MAKERS), help="only this system; may be repeated")
    return parser.parse_args()


def main() -> int:
    """Measures, prints, writes. The exit code is 1 when a figure is not valid; a bar that is missed is not that."""
    asked, place = options(), machine()
    wanted = asked.only or (QUICK if asked.quick else tuple(MAKERS))
    missed = {name: why for name in wanted if (why := missing(name))}
    plan = {name: FEWER.get(name, EVERY_LOAD) for name in MAKERS if name in wanted and name not in missed}
    for name, why in missed.items():
        print(f"{name} is left out: {why}")
    memory = {} if asked.quick else {name: open_streams(name) for name in plan if name != DIRECT}
    rounds, notes = measure(plan, asked.rounds)
    results = Results(rounds, memory, missed, notes)
    print(f"\n{text(results)}\n\nwritten to {save(results, vars(asked), place).relative_to(ROOT)}")
    return 1 if results.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
