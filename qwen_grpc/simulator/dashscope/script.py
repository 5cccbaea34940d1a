"""What the simulated DashScope says: scenarios as pure functions from a turn to the pieces of its answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from qwen_grpc.simulator.conversation import TOKEN_CHARACTERS, filled, text_of, tokens
from qwen_grpc.simulator.dashscope import faults
from qwen_grpc.simulator.dashscope.asked import Asked
from qwen_grpc.simulator.dashscope.faults import Fault
from qwen_grpc.simulator.pieces import Calling, End, Raw, Said, Spoke, Thought
from qwen_grpc.simulator.script import LONG_DELTAS, THOUGHTS, Hang, Pause, Reset, Sent, echoed, words

FRAGMENT = 8


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer breaks off with an error, in one of the forms that were seen."""

    fault: Fault
    form: Literal["object", "finish", "frame", "text"] = "object"


Piece = Spoke | Failed | Raw
Step = Piece | Pause | Hang | Reset


@dataclass(frozen=True, slots=True)
class Turn:
    """What a scenario has to work with; `count` is the N of `[[sim:NAME:N]]`, else 0."""

    asked: Asked
    prompt: str
    count: int
    slow_s: float
    call_id: str
    files: tuple[Sent, ...] = ()

    @property
    def answer(self) -> str:
        """The text of every scenario that has no words of its own, cut where a stop word begins."""
        asked, last = self.asked, self.asked.messages[-1]
        said = echoed(self.prompt, (*self.asked.sent(), *self.files))
        if last.get("role") == "tool":
            said = f"The tool said: {text_of(last.get('content'))}"
        if asked.form is not None:
            return asked.shaped(said)
        if asked.searches and (asked.parameters.get("search_options") or {}).get("enable_citation"):
            said += _citation(asked.parameters["search_options"].get("citation_format", "[<number>]"))
        return min((said.partition(one)[0] for one in asked.stops), key=len, default=said)


Scenario = Callable[[Turn], Iterator[Step]]


def _citation(form: str) -> str:
    return " " + form.replace("<number>", "1") + "."


def thinking(turn: Turn) -> Iterator[Thought]:
    """The thoughts, no longer than the budget."""
    thoughts = "".join(thought + "\n" for _, thought in THOUGHTS)
    budget = turn.asked.number("thinking_budget") or turn.asked.number("max_completion_tokens")
    for piece in words(thoughts[: budget * TOKEN_CHARACTERS] if budget else thoughts):
        yield Thought(piece)


def room(turn: Turn) -> int | None:
    """How many characters the answer may have; thoughts take their part of `max_completion_tokens`."""
    limits = [turn.asked.number("max_tokens")]
    total = turn.asked.number("max_completion_tokens")
    if total is not None:
        thoughts = "".join(piece.text for piece in thinking(turn)) if turn.asked.thinks else ""
        limits.append(max(0, total - tokens(thoughts)))
    known = [limit for limit in limits if limit is not None]
    return min(known) * TOKEN_CHARACTERS if known else None


def saying(turn: Turn) -> Iterator[Said]:
    """The answer, no longer than allowed."""
    for piece in words(turn.answer[: room(turn)]):
        yield Said(piece)


def reason(turn: Turn) -> str:
    """Why the answer ends."""
    limit = room(turn)
    return "length" if limit is not None and len(turn.answer) > limit else "stop"


def plain(turn: Turn) -> Iterator[Step]:
    """The answer, without thinking."""
    yield from saying(turn)
    yield End(reason(turn))


def think(turn: Turn) -> Iterator[Step]:
    """Thoughts, then the answer."""
    yield from thinking(turn)
    yield from plain(turn)


def vl_finish(turn: Turn) -> Iterator[Step]:
    """The answer, with its last words in the chunk that ends it."""
    *before, last = [piece.text for piece in saying(turn)] or [""]
    yield from (Said(text) for text in before)
    yield End(reason(turn), last)


def tools(turn: Turn) -> Iterator[Step]:
    """The call that is spelt out, or one of the wanted or the first function; two when the request allows it."""
    yield from _calls(turn, 2 if turn.asked.parameters.get("parallel_tool_calls") else 1)


def parallel_tools(turn: Turn) -> Iterator[Step]:
    """Two calls, whatever the request allows."""
    yield from _calls(turn, 2)


def _calls(turn: Turn, count: int) -> Iterator[Step]:
    calls = [turn.asked.dictated] if turn.asked.dictated else _made_up(turn, count)
    if not calls:
        yield from plain(turn)
        return
    if turn.asked.thinks:
        yield from thinking(turn)
    for index, (name, arguments) in enumerate(calls):
        yield Calling(index, f"{turn.call_id}{index}", name, "")
        for start in range(0, len(arguments), FRAGMENT):
            yield Calling(index, "", "", arguments[start : start + FRAGMENT])
        yield Calling(index, "", "", None)
    yield End("tool_calls")


def _made_up(turn: Turn, count: int) -> list[tuple[str, str]]:
    """Names and arguments of so many calls; none without a function to call."""
    wanted = turn.asked.forced_tool
    known = [tool for tool in turn.asked.tools if wanted in (None, "", tool.get("name"))]
    return [
        (
            tool["name"],
            json.dumps(filled(tool.get("parameters") or {"type": "object"}, turn.prompt), ensure_ascii=False),
        )
        for tool in itertools.islice(itertools.cycle(known), count)
    ]


def json_fenced(turn: Turn) -> Iterator[Step]:
    """The answer in a code block."""
    yield Said(f"```json\n{turn.answer}\n```")
    yield End("stop")


def json_wrong(turn: Turn) -> Iterator[Step]:  # noqa: ARG001 - every scenario takes the turn
    """JSON that follows no schema with properties."""
    yield Said('["something", "else"]')
    yield End("stop")


def slow(turn: Turn) -> Iterator[Step]:
    """The answer, one character at a time."""
    for character in turn.answer:
        yield Pause(turn.slow_s)
        yield Said(character)
    yield End("stop")


def long(turn: Turn) -> Iterator[Step]:
    """N numbered chunks, 200 unless the tag says otherwise."""
    for number in range(turn.count or LONG_DELTAS):
        yield Said(f"word {number} ")
    yield End("stop")


def empty_answer(turn: Turn) -> Iterator[Step]:  # noqa: ARG001 - every scenario takes the turn
    """An answer that ends in good order and has no text."""
    yield End("stop")


def empty_stream(turn: Turn) -> Iterator[Step]:  # noqa: ARG001 - every scenario takes the turn
    """The answer begins and that is all."""
    yield from ()


def no_done(turn: Turn) -> Iterator[Step]:
    """A whole answer, after which the stream just ends."""
    yield from saying(turn)
    yield End(reason(turn), done=False)


def eof(turn: Turn) -> Iterator[Step]:
    """Two chunks, then the body ends cleanly without saying that the answer has."""
    yield from _beginning(turn)


def truncate(turn: Turn) -> Iterator[Step]:
    """Two chunks and half of another, then the connection is reset."""
    yield from _beginning(turn)
    yield Raw(b'data: {"choices":[{"delta":{"content":"never se')
    # The reset must not overtake what was sent before.
    yield Pause(0.05)
    yield Reset()


def garbage(turn: Turn) -> Iterator[Step]:
    """Two chunks, then a line that is no JSON, then the rest as if nothing had happened."""
    yield from _beginning(turn)
    yield Raw(b'data: {"choices": [{"delta": {"role": "assist\n\n')
    yield from plain(turn)


def silent(turn: Turn) -> Iterator[Step]:
    """Two chunks, then silence."""
    yield from _beginning(turn)
    yield Hang()


def headers_only(turn: Turn) -> Iterator[Step]:  # noqa: ARG001 - every scenario takes the turn
    """The beginning of the answer, then silence."""
    yield Hang()


def failing(fault: Fault, form: Literal["object", "finish", "frame", "text"] = "object") -> Scenario:
    """Two chunks, then an error in that form."""

    def scenario(turn: Turn) -> Iterator[Step]:
        yield from _beginning(turn)
        yield Failed(fault, form)

    return scenario


def _beginning(turn: Turn) -> Iterator[Step]:
    if turn.asked.thinks:
        yield from thinking(turn)
    yield Said("Part 1. ")
    yield Said("Part 2. ")


SCENARIOS: dict[str, Scenario] = {
    "plain": plain,
    "think": think,
    "tools": tools,
    "parallel_tools": parallel_tools,
    "vl_finish": vl_finish,
    "json_fenced": json_fenced,
    "json_wrong": json_wrong,
    "slow": slow,
    "long": long,
    "empty_answer": empty_answer,
    "empty_stream": empty_stream,
    "no_done": no_done,
    "eof": eof,
    "truncate": truncate,
    "garbage": garbage,
    "silent": silent,
    "headers_only": headers_only,
    "midstream_error": failing(faults.INTERNAL),
    "midstream_filter": failing(faults.BAD_OUTPUT),
    "midstream_throttled": failing(faults.ALLOCATION),
    "error_finish": failing(faults.ALLOCATION, "finish"),
    "native_frame": failing(faults.RATE_QUOTA, "frame"),
    "native_text": failing(faults.RATE_QUOTA, "text"),
}


def natural(asked: Asked) -> str:
    """The scenario that the request itself asks for."""
    if asked.dictated or (asked.tools and asked.forced_tool is not None):
        return "tools"
    if asked.thinks:
        return "think"
    return "vl_finish" if "-vl-" in asked.model.id else "plain"
