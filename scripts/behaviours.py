"""The table of the fault matrix, from its rows."""

from collections.abc import Iterator

from qwen_grpc.conform.behaviours import BEHAVIOURS

WAYS = {("stream",): "streamed", ("whole",): "whole", ("stream", "whole"): "both"}


def behaviours() -> Iterator[tuple[str, ...]]:
    """What is played, how it is asked for, and what is expected and why."""
    yield ("row", "asked", "what happens", "expected", "because")
    for row in BEHAVIOURS:
        yield (f"`{row.name}`", WAYS[row.ways], row.happens, row.expected, row.why)
