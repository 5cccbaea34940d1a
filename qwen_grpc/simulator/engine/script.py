"""What the simulated engines say: scenarios as pure functions from a turn to the pieces of its answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from qwen_grpc.simulator.conversation import filled, text_of
from qwen_grpc.simulator.engine import faults
from qwen_grpc.simulator.engine.asked import Asked
from qwen_grpc.simulator.engine.faults import Fault
from qwen_grpc.simulator.pieces import Calling, End, Raw, Said, Spoke, Thought
from qwen_grpc.simulator.script import LONG_DELTAS, THOUGHTS, Hang, Pause, Reset, echoed, words

FRAGMENT = 8
OPENED, CLOSED = "<think>\n", "</think>\n\n"
PING = b":\n\n"


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer breaks off with an error."""

    fault: Fault


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
    tool_parser: bool = True

    @property
    def answer(self) -> str:
        """The text of every scenario that has no words of its own, cut where a stop word begins."""
        asked, last = self.asked, self.asked.messages[-1]
        said = echoed(self.prompt, asked.sent())
        if last.get("role") == "tool":
            said = f"The tool said: {text_of(last.get('content'))}"
        if asked.response_format != "text":
            return asked.shaped(said)
        return min((said.partition(one)[0] for one in asked.stops), key=len, default=said)


Scenario = Callable[[Turn], Iterator[Step]]


def thinking(turn: Turn) -> Iterator[Thought]:
    """The thoughts, no longer than the budget."""
    thoughts = "".join(thought + "\n" for _, thought in THOUGHTS)
    for piece in words(thoughts[: turn.asked.thinking_room]):
        yield Thought(piece)


def answering(turn: Turn) -> Iterator[Step]:
    """The answer and its end; from vLLM the last words may come with the end."""
    pieces = list(words(turn.answer)) or [""]
    last = pieces.pop() if turn.asked.dialect.word == "vllm" else ""
    for piece in pieces:
        yield Said(piece)
    yield End("stop", last)


def plain(turn: Turn) -> Iterator[Step]:
    """The answer, without thinking."""
    yield from answering(turn)


def think(turn: Turn) -> Iterator[Step]:
    """Thoughts, then the answer."""
    yield from thinking(turn)
    yield from answering(turn)


def think_only(turn: Turn) -> Iterator[Step]:
    """Thoughts until nothing is left for the answer."""
    yield from thinking(turn)
    yield End("length")


def misplaced(turn: Turn) -> Iterator[Step]:
    """The answer arrives as thinking, and there is no content: vLLM with thinking off (open in September 2026)."""
    for piece in words(turn.answer):
        yield Thought(piece)
    yield End("stop")


def tools(turn: Turn) -> Iterator[Step]:
    """A call of the wanted or the first function."""
    yield from _calls(turn, 1)


def parallel_tools(turn: Turn) -> Iterator[Step]:
    """Two calls."""
    yield from _calls(turn, 2)


def raw_tool_markup(turn: Turn) -> Iterator[Step]:
    """A call as the model writes it, which nobody has parsed."""
    for _, name, arguments in _called(turn, 1):
        call = f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'
        yield from (Said(piece) for piece in words(call))
    yield End("stop")


def _calls(turn: Turn, count: int) -> Iterator[Step]:
    if not turn.tool_parser and turn.asked.forced_tool is None:
        yield from raw_tool_markup(turn)
        return
    calls = list(_called(turn, count))
    if not calls:
        yield from plain(turn)
        return
    if turn.asked.thinks:
        yield from thinking(turn)
    for index, name, arguments in calls:
        yield from _fragments(turn, Calling(index, f"{turn.call_id}{index}", name, arguments))
    # vLLM does not say so of a function that it was told to call.
    told = turn.asked.dialect.word == "vllm" and turn.asked.forced_tool
    yield End("stop" if told else "tool_calls")


def _called(turn: Turn, count: int) -> Iterator[tuple[int, str, str]]:
    """Index, name and arguments of the calls; none without a function to call."""
    if turn.asked.dictated:
        yield 0, *turn.asked.dictated
        return
    wanted = turn.asked.forced_tool
    known = [tool for tool in turn.asked.tools if wanted in (None, "", tool.get("name"))]
    for index, tool in enumerate(itertools.islice(itertools.cycle(known), count)):
        values = filled(tool.get("parameters") or {"type": "object"}, turn.prompt)
        yield index, tool["name"], json.dumps(values, ensure_ascii=False)


def _fragments(turn: Turn, call: Calling) -> Iterator[Step]:
    """A call in pieces; Ollama sends it whole."""
    if turn.asked.dialect.word == "ollama":
        yield call
        return
    yield replace(call, arguments="")
    arguments = call.arguments or ""
    for start in range(0, len(arguments), FRAGMENT):
        yield Calling(call.index, "", "", arguments[start : start + FRAGMENT])


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


def pings(turn: Turn) -> Iterator[Step]:
    """The answer with comments between its words, by which llama.cpp keeps a connection alive."""
    for piece in words(turn.answer):
        yield Raw(PING)
        yield Said(piece)
    yield End("stop")


def empty_answer(turn: Turn) -> Iterator[Step]:  # noqa: ARG001 - every scenario takes the turn
    """An answer that ends in good order and has no text."""
    yield End("stop")


def empty_stream(turn: Turn) -> Iterator[Step]:  # noqa: ARG001 - every scenario takes the turn
    """The answer begins and that is all."""
    yield from ()


def no_done(turn: Turn) -> Iterator[Step]:
    """A whole answer, after which the stream just ends."""
    yield from (Said(piece) for piece in words(turn.answer))
    yield End("stop", done=False)


def odd_finish(turn: Turn) -> Iterator[Step]:
    """The answer ends for a reason that nobody has heard of."""
    yield from (Said(piece) for piece in words(turn.answer))
    yield End("levitated")


def abort(turn: Turn) -> Iterator[Step]:
    """Two chunks, then the engine gives the request up; SGLang has a finish reason for it."""
    yield from beginning(turn)
    yield End("abort")


def eof(turn: Turn) -> Iterator[Step]:
    """Two chunks, then the body ends cleanly without saying that the answer has."""
    yield from beginning(turn)


def truncate(turn: Turn) -> Iterator[Step]:
    """Two chunks and half of another, then the connection is reset."""
    yield from beginning(turn)
    yield Raw(b'data: {"choices":[{"delta":{"content":"never se')
    # The reset must not overtake what was sent before.
    yield Pause(0.05)
    yield Reset()


def garbage(turn: Turn) -> Iterator[Step]:
    """Two chunks, then a line that is no JSON, then the rest as if nothing had happened."""
    yield from beginning(turn)
    yield Raw(b'data: {"choices": [{"delta": {"role": "assist\n\n')
    yield from plain(turn)


def silent(turn: Turn) -> Iterator[Step]:
    """Two chunks, then silence."""
    yield from beginning(turn)
    yield Hang()


def headers_only(turn: Turn) -> Iterator[Step]:  # noqa: ARG001 - every scenario takes the turn
    """The headers, and what the engine sends before the first word, then silence."""
    yield Hang()


def first_error(turn: Turn) -> Iterator[Step]:
    """An error where the first words would be, after HTTP 200."""
    yield Failed(faults.internal_error(turn.asked.dialect))


def midstream_error(turn: Turn) -> Iterator[Step]:
    """Two chunks, then an error."""
    yield from beginning(turn)
    yield Failed(faults.internal_error(turn.asked.dialect))


def midstream_overloaded(turn: Turn) -> Iterator[Step]:
    """Two chunks, then the engine drops the request because it has too many."""
    yield from beginning(turn)
    yield Failed(faults.overloaded(turn.asked.dialect))


def beginning(turn: Turn) -> Iterator[Step]:
    """Two chunks of an answer, after the thinking if there is any."""
    if turn.asked.thinks:
        yield from thinking(turn)
    yield Said("Part 1. ")
    yield Said("Part 2. ")


SCENARIOS: dict[str, Scenario] = {
    "plain": plain,
    "think": think,
    "think_only": think_only,
    "misplaced": misplaced,
    "tools": tools,
    "parallel_tools": parallel_tools,
    "raw_tool_markup": raw_tool_markup,
    "slow": slow,
    "long": long,
    "pings": pings,
    "empty_answer": empty_answer,
    "empty_stream": empty_stream,
    "no_done": no_done,
    "odd_finish": odd_finish,
    "abort": abort,
    "eof": eof,
    "truncate": truncate,
    "garbage": garbage,
    "silent": silent,
    "headers_only": headers_only,
    "first_error": first_error,
    "midstream_error": midstream_error,
    "midstream_overloaded": midstream_overloaded,
}


def natural(asked: Asked) -> str:
    """The scenario that the request itself asks for."""
    if asked.dictated or (asked.tools and asked.forced_tool is not None):
        return "tools"
    return "think" if asked.thinks else "plain"


def performed(scenario: str, turn: Turn) -> Iterator[Step]:
    """The steps of a scenario as this engine lets them out: the thinking where it belongs, and no more than allowed."""
    asked, steps = turn.asked, SCENARIOS[scenario](turn)
    if asked.room is not None:
        steps = bounded(steps, asked.room)
    if asked.thoughts == "within":
        steps = tagged_thoughts(steps)
    if asked.thoughts == "hidden":
        steps = (step for step in steps if not isinstance(step, Thought))
    return steps


def bounded(steps: Iterator[Step], room: int) -> Iterator[Step]:
    """The steps until so many characters are said, which ends the answer."""
    for step in steps:
        text = step.text if isinstance(step, Thought | Said | End) else ""
        if len(text) > room:
            if isinstance(step, Thought | Said):
                yield replace(step, text=text[:room])
            yield End("length", text[:room] if isinstance(step, End) else "")
            return
        room -= len(text)
        yield step


def tagged_thoughts(steps: Iterator[Step]) -> Iterator[Step]:
    """The steps with the thinking as a part of the answer, between the tags that the model writes."""
    inside = False
    for step in steps:
        thought = isinstance(step, Thought)
        if thought != inside and isinstance(step, Thought | Said | Calling | End):
            yield Said(OPENED if thought else CLOSED)
            inside = thought
        yield Said(step.text) if isinstance(step, Thought) else step
