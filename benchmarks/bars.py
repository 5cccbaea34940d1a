"""The bars: what the gateway has to hold, and whether it did."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.figures import Results, Spread, cost
from benchmarks.loads import OPEN_1000, STREAM_1, STREAMS_16, STREAMS_64, WHOLE_16, Load
from benchmarks.systems import DIRECT, ENGINE, GATEWAY, LITELLM, NGINX, OURS, PLAIN

MOST_KIB, MOST_IDLE_MB = 40, 90
MB_PER_MIB = 1.048576


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure, what it has to be, what it was, and whether that is met; None where it could not be measured."""

    figure: str
    bar: str
    measured: str
    met: bool | None
    remark: str = ""


def bars(results: Results) -> list[Bar]:
    """All bars, in the order of the tables."""
    return [*_costs(results), *_latencies(results), _steps(results), _order(results), *_memory(results)]


def _costs(results: Results) -> Iterator[Bar]:
    yield _dearer(results, PLAIN, GATEWAY, STREAMS_16, 2.5)
    yield _dearer(results, PLAIN, GATEWAY, WHOLE_16, 5)
    for ours in (GATEWAY, ENGINE):
        yield _dearer(results, LITELLM, ours, STREAMS_16, 10)
        yield _dearer(results, LITELLM, ours, WHOLE_16, 30)
    for ours in (GATEWAY, ENGINE):
        ratio = results.ratio(ours, NGINX, STREAMS_64, cost(STREAMS_64))
        figure = f"CPU per delta, {STREAMS_64.name}: {ours} / {NGINX}"
        yield Bar(figure, "≤ 3", shown(ratio), at_most(3, ratio), results.missing.get(NGINX, ""))


def _dearer(results: Results, theirs: str, ours: str, load: Load, least: float) -> Bar:
    paid = "request" if load.whole else "delta"
    ratio = results.ratio(theirs, ours, load, cost(load))
    remark = results.missing.get(theirs, "")
    if results.saturated(theirs, load):
        remark = f"{theirs} could not keep the pace"
    figure = f"CPU per {paid}, {load.name}: {theirs} / {ours}"
    return Bar(figure, f"≥ {least:g}", shown(ratio), at_least(least, ratio), remark)


def _latencies(results: Results) -> Iterator[Bar]:
    token = results.added(GATEWAY, STREAMS_64, "added_ms", 0)
    yield Bar(f"latency of a delta added, p50, {STREAMS_64.name}", "≤ 0.5 ms", shown(token, " ms"), at_most(0.5, token))
    first = results.added(GATEWAY, STREAM_1, "first_ms", 0)
    yield Bar(f"time to the first delta added, p50, {STREAM_1.name}", "≤ 2 ms", shown(first, " ms"), at_most(2, first))


def _steps(results: Results) -> Bar:
    """One slow delta may be the machine's doing; what holds writes back does so in most answers."""
    answers, steps = (results.total(GATEWAY, STREAM_1, name) for name in ("answers", "early_steps"))
    middle, longest = (results.figure(GATEWAY, STREAM_1, "early_ms", place) for place in (0, 2))
    told = f"{steps} of {answers} answers; p50 {number(middle.median)} ms" if middle else "–"
    without = f"{results.total(DIRECT, STREAM_1, 'early_steps')} of {results.total(DIRECT, STREAM_1, 'answers')}"
    remark = f"longest {number(longest.most)} ms; {DIRECT}: {without}" if longest and steps else ""
    return Bar("second SSE write after the first: steps above 5 ms", "0", told, steps == 0 if answers else None, remark)


def _order(results: Results) -> Bar:
    wrong = results.misled(OURS)
    return Bar("deltas lost, doubled or out of order in any run", "0", str(wrong), wrong == 0)


def _memory(results: Results) -> Iterator[Bar]:
    found = results.memory.get(GATEWAY)
    if found is None:
        return
    served = f"{found['complete']} of {found['wanted']}, {found['streams']} open at once"
    all_served = found["complete"] == found["streams"] == found["wanted"]
    yield Bar(f"{OPEN_1000.name}: served", "all", served, all_served)
    yield _memory_bar("each above idle", found, "kib_per_stream", "KiB", MOST_KIB)
    yield _memory_bar("idle", {"mb": found["idle_mib"] * MB_PER_MIB}, "mb", "MB", MOST_IDLE_MB)


def _memory_bar(name: str, found: Mapping[str, float], key: str, unit: str, most: float) -> Bar:
    return Bar(f"{OPEN_1000.name}: {name}", f"≤ {most} {unit}", f"{found[key]:.3g} {unit}", found[key] <= most)


def at_least(limit: float, measured: Spread | None) -> bool | None:
    """Whether the median is high enough; None where nothing was measured."""
    return None if measured is None else measured.median >= limit


def at_most(limit: float, measured: Spread | None) -> bool | None:
    """Whether the median is low enough; None where nothing was measured."""
    return None if measured is None else measured.median <= limit


def shown(spread: Spread | None, unit: str = "") -> str:
    """A median with its spread."""
    return "–" if spread is None else f"{number(spread.median)}{unit} [{number(spread.least)}..{number(spread.most)}]"


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
