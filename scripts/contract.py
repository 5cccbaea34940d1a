"""Rows of tables about what upstreams have in common, from the conversations of the contract suite."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "tests/contract/conversations.toml"

Row = Sequence[str]


def same() -> Iterator[Row]:
    """What every upstream tells, but for the differences."""
    yield ("what is asked, or happens", "what comes back")
    for conversation in _suite()["conversation"]:
        yield (conversation["about"], _shown(conversation["told"]))


def differences() -> Iterator[Row]:
    """What comes instead, from whom, and why."""
    yield ("what is asked, or happens", "upstream", "what comes back", "why")
    for conversation in _suite()["conversation"]:
        for one in conversation.get("difference", ()):
            yield (conversation["about"], _names(one), _shown(one["told"]), one["why"])


def beside() -> Iterator[Row]:
    """Members of answers that only some upstreams have."""
    yield ("member", "of", "upstream", "what it is")
    for row in _suite()["beside"]:
        for where in ("answer", "message"):
            for member in row.get(where, ()):
                yield (f"`{member}`", f"the {where}", _names(row), row["why"])


def usage() -> Iterator[Row]:
    """What is told of the cost beside the three sums."""
    yield ("upstream", "always", "after thinking, too")
    for row in _suite()["usage"]:
        yield (_names(row), _codes(row.get("always", ())), _codes(row.get("thinking", ())))


def _suite() -> Mapping[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def _names(row: Mapping[str, Any]) -> str:
    return _codes(row["upstreams"])


def _codes(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _shown(told: Mapping[str, Any]) -> str:
    """What was told, in a cell: the parts of an answer, then how it ended."""
    if not told:
        return "does not happen"
    parts = [f"{name} {_quoted(told[name])}" for name in ("reasoning", "content") if name in told]
    parts += [f"{len(told['calls'])} × `{told['calls'][0][0]}`"] if "calls" in told else []
    parts += [f"{told['answers']} answers"] if "answers" in told else []
    return ", ".join([*parts, f"`{told['reason']}` ({told['code']})" if "reason" in told else f"`{told['finish']}`"])


def _quoted(text: str) -> str:
    return f"`{json.dumps(text, ensure_ascii=False)}`"
