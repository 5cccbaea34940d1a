"""How results are told, to people and to programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from qwen_grpc import __version__
from qwen_grpc.conform.matrix import Plan, Result
from qwen_grpc.conform.verdicts import Grade


def lines_of(result: Result) -> list[str]:
    """What happened, what was expected and seen, and why that matters where it failed."""
    behaviour, verdict = result.behaviour, result.verdict
    lines = [f"{verdict.grade.value:<5} {behaviour.name} ({result.way}): {behaviour.happens}"]
    lines += [f"      expected: {behaviour.expected}", f"      seen:     {verdict.seen}"]
    if verdict.grade is Grade.FAIL:
        lines.append(f"      why:      {behaviour.why}")
    return lines


def summary(results: Sequence[Result]) -> str:
    """The counts, in one line."""
    counts = Counter(result.verdict.grade for result in results)
    return ", ".join(f"{counts[grade]} {grade.value}" for grade in Grade)


def passed(results: Sequence[Result]) -> bool:
    """Whether nothing failed."""
    return all(result.verdict.grade is not Grade.FAIL for result in results)


def document(plan: Plan, results: Sequence[Result]) -> dict[str, Any]:
    """All results as one JSON object."""
    return {
        "tool": f"qwen-grpc conform {__version__}",
        "gateway": plan.target.url,
        "model": plan.target.model,
        "passed": passed(results),
        "results": [_row(result) for result in results],
    }


def _row(result: Result) -> dict[str, Any]:
    behaviour, verdict = result.behaviour, result.verdict
    return {
        "name": behaviour.name,
        "way": result.way,
        "verdict": verdict.grade.value,
        "expected": behaviour.expected,
        "seen": verdict.seen,
        "why": behaviour.why,
        "seconds": round(result.seconds, 3),
    }
