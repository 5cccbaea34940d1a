"""What the fake says when a prompt offers functions in words, in the form in which Qwen's models were trained.

A prompt may ask for JSON in words, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

from qwen_grpc.simulator.conversation import dictated, filled, form_in
from qwen_grpc.simulator.form_script import json_fenced, json_plain, json_wrapped, json_wrong
from qwen_grpc.simulator.script import Scenario, Step, Turn, ending, saying, thinking_raw, thinking_summary

OFFER = re.compile(r"^<tools>\n(.+)\n</tools>$", re.MULTILINE | re.DOTALL)
FORCED = re.compile(r"call of the function ([\w-]+)")
RESULT = re.compile(r"<tool_response>\n(.*?)\n</tool_response>", re.DOTALL)
LAST_RESULT = "</tool_response>"
LAST_QUESTION = "User:\n"

Telling = Callable[[Turn], Iterator[Step]]


def words_scenario(text: str) -> str:
    """The scenario that a message asks for by its words: empty, a call, an answer to the result of one, or JSON."""
    if text.endswith(LAST_RESULT):
        return "tool_answer"
    if OFFER.search(text):
        return "tool_call"
    return "json_plain" if form_in(text) is not None else ""


def calls(turn: Turn) -> list[str]:
    """The call that is spelt out, or N of the functions that were offered, one unless the tag says otherwise."""
    offered, spelt = _offered(turn.prompt), dictated(turn.prompt.rpartition(LAST_QUESTION)[2])
    if spelt and spelt[0] in [function["name"] for function in offered]:
        return [_call(spelt[0], json.loads(spelt[1]))]
    question = turn.prompt.rpartition("\n\n")[2].removeprefix(LAST_QUESTION)
    return [
        _call(function["name"], filled(function.get("parameters") or {"type": "object"}, question))
        for function in islice(cycle(offered), turn.count or 1)
    ]


def _call(name: str, arguments: Any) -> str:
    """A call as the model writes it."""
    call = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{call}\n</tool_call>"


def _offered(prompt: str) -> list[dict[str, Any]]:
    found, forced = OFFER.search(prompt), FORCED.search(prompt)
    functions = [json.loads(line)["function"] for line in found[1].split("\n")] if found else []
    wanted = [function for function in functions if forced and function["name"] == forced[1]]
    return wanted or functions or [{"name": "nothing"}]


def tool_call(turn: Turn) -> Iterator[Step]:
    """Calls, and nothing else."""
    yield from saying(turn, "\n".join(calls(turn)))


def tool_answer(turn: Turn) -> Iterator[Step]:
    """The results, in a sentence."""
    yield from saying(turn, f"It says: {', '.join(RESULT.findall(turn.prompt))}")


def tool_text(turn: Turn) -> Iterator[Step]:
    """Words before and behind the calls."""
    yield from saying(turn, "Let me look.\n\n" + "\n".join(calls(turn)) + "\n\nOne moment.")


def tool_shown(turn: Turn) -> Iterator[Step]:
    """A call in a code block, as documentation would show it."""
    yield from saying(turn, f"Calls look like this:\n```\n{calls(turn)[0]}\n```\n")


def tool_broken(turn: Turn) -> Iterator[Step]:
    """A call whose JSON is none."""
    yield from saying(turn, calls(turn)[0].replace('"', "'"))


def _after(before: Telling, telling: Telling, *, whole: bool = True) -> Scenario:
    def scenario(turn: Turn) -> Iterator[Step]:
        yield turn.voice.created()
        yield from before(turn)
        yield from telling(turn)
        if whole:
            yield from ending(turn)

    return scenario


def _nothing(_: Turn) -> Iterator[Step]:
    yield from ()


def tool_cut(turn: Turn) -> Iterator[Step]:
    """Half a call, and no end."""
    call = calls(turn)[0]
    yield from saying(turn, call[: len(call) // 2])


WORDS_SCENARIOS: dict[str, Scenario] = {
    **{
        before + telling.__name__: _after(first, telling)
        for before, first in {"": _nothing, "think_": thinking_raw, "summary_": thinking_summary}.items()
        for telling in (tool_call, tool_answer, json_plain)
    },
    **{telling.__name__: _after(_nothing, telling) for telling in (tool_text, tool_shown, tool_broken)},
    **{telling.__name__: _after(_nothing, telling) for telling in (json_fenced, json_wrapped, json_wrong)},
    "tool_cut": _after(_nothing, tool_cut, whole=False),
}
