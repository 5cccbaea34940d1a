"""The figures as rows of tables; the first row is the head."""

from collections.abc import Iterator, Sequence

from benchmarks.bars import bars, number, shown
from benchmarks.figures import Results, Spread, Step, cost
from benchmarks.loads import STREAM_1, STREAMS_16, STREAMS_64, WHOLE_16, Load
from benchmarks.systems import OURS, PLAIN

SATURATED = " †"
NOTHING = "–"

Row = Sequence[str]


def all_tables(results: Results) -> dict[str, list[Row]]:
    """The tables by name, as they stand in the result and in the docs."""
    makers = {"bars": bars_rows, "costs": costs_rows, "latencies": latencies_rows, "memory": memory_rows}
    return {name: list(maker(results)) for name, maker in makers.items()}


def bars_rows(results: Results) -> Iterator[Row]:
    """Each bar beside what was measured."""
    yield ("figure", "bar", "median [least..most]", "")
    words = {True: "met", False: "**missed**", None: "not measured"}
    for bar in bars(results):
        yield (bar.figure, bar.bar, bar.measured, "; ".join(filter(None, (words[bar.met], bar.remark))))


def costs_rows(results: Results) -> Iterator[Row]:
    """CPU and switches of all processes of a system."""
    loads = (STREAMS_16, STREAMS_64, WHOLE_16)
    heads = ["µs / delta, 16 streams", "µs / delta, 64 streams", "µs / request, whole answers"]
    beside = [f"{PLAIN} / this, {paid}" for paid in ("delta, 16 streams", "request")]
    yield ("", *heads, *beside, "switches / delta, 16 streams")
    for system in results.rounds:
        if results.figure(system, STREAMS_16, cost(STREAMS_16)) != Spread(0, 0, 0):
            costs = [_marked(results, system, load, cost(load)) for load in loads]
            ratios = [shown(results.ratio(PLAIN, system, load, cost(load))) for load in (STREAMS_16, WHOLE_16)]
            yield (_name(system), *costs, *ratios, _marked(results, system, STREAMS_16, "switches_per_delta"))


def latencies_rows(results: Results) -> Iterator[Row]:
    """Milliseconds; what is added is beside the way without any gateway, in the same round."""
    yield (
        *("", "first delta, 1 stream, p50, p99", "added p50", "a delta, 16 streams, p50, p99"),
        *("a delta, 64 streams, p50, p99", "added p50", "delivered, 64 streams", "whole answers / s, p50"),
    )
    for system in results.rounds:
        yield (
            _name(system),
            _two(results, system, STREAM_1, "first_ms"),
            _of(results.added(system, STREAM_1, "first_ms", 0)),
            _two(results, system, STREAMS_16, "added_ms"),
            _two(results, system, STREAMS_64, "added_ms"),
            _of(results.added(system, STREAMS_64, "added_ms", 0)),
            _of(results.figure(system, STREAMS_64, "delivered")),
            _pair(results.figure(system, WHOLE_16, "requests_per_s"), results.figure(system, WHOLE_16, "whole_ms", 0)),
        )


def memory_rows(results: Results) -> Iterator[Row]:
    """MiB of systems that served a little, rested, and were then asked for many streams."""
    yield ("", "idle, MiB", "1000 streams asked for, MiB", "KiB per open stream", "open at once", "served")
    for system, found in results.memory.items():
        figures = [number(found[name]) for name in ("idle_mib", "open_mib", "kib_per_stream")]
        yield (_name(system), *figures, str(found["streams"]), str(found["complete"]))


def _name(system: str) -> str:
    return f"**{system}**" if system in OURS else system


def _marked(results: Results, system: str, load: Load, *path: Step) -> str:
    figure = results.figure(system, load, *path)
    return _of(figure) + (SATURATED if figure and results.saturated(system, load) else "")


def _two(results: Results, system: str, load: Load, name: str) -> str:
    return _pair(*(results.figure(system, load, name, place) for place in (0, 1)))


def _pair(one: Spread | None, other: Spread | None) -> str:
    return NOTHING if one is None else f"{_of(one)}, {_of(other)}"


def _of(figure: Spread | None) -> str:
    return NOTHING if figure is None else number(figure.median)
