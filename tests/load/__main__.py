"""All load proofs but the soak: `python -m load`, some minutes on a machine that does nothing else."""

import sys
from collections.abc import Awaitable, Callable

import uvloop

from load.figures import Figure, save, table
from load.leaving import leave
from load.pace import keep_pace
from load.readers import never_read
from load.second_write import step
from load.storm import storm
from load.streams import open_streams

PROOFS: dict[str, Callable[[], Awaitable[list[Figure]]]] = {
    "streams": lambda: open_streams(1000, 20.0),
    "pace": lambda: keep_pace(10.0),
    "leaving": lambda: leave(100),
    "readers": lambda: never_read(200),
    "storm": lambda: storm(20_000),
    "second_write": lambda: step(50),
}


async def main() -> int:
    """Runs those that are named, or all; exit code 1 when a bar is missed."""
    figures: list[Figure] = []
    for name in sys.argv[1:] or PROOFS:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures += await PROOFS[name]()
    print(table(figures))
    if not sys.argv[1:]:
        print(f"\nsaved as {save('load', figures).name}")
    return not all(one.good for one in figures)


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
