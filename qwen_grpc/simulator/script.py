"""What the fake says: scenarios as pure functions from a turn to the steps of its stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from qwen_grpc.simulator.events import Event, Voice, raw

THOUGHTS = (
    ("Reading the question", "The person wants to hear the words again."),
    ("Preparing the answer", "An echo is enough."),
)
TAG = re.compile(r"\s*\[\[sim:([a-z0-9_]+)(?::(\d+))?]]")
WORD = re.compile(r"\S{1,40}\s*|\s+")
LONG_DELTAS = 200
HUGE_LINE_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is sent for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing is sent any more, and the connection stays open."""


Step = Event | Pause | Reset | Hang


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture that a turn makes: its whole address, its path below the chat, its pixels."""

    url: str
    path: str
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that came with the question; `kind` is image, file, audio or video."""

    name: str
    kind: str
    url: str


def echoed(prompt: str, sent: Sequence[Sent] = ()) -> str:
    """What every face answers when nothing else is asked of it, so that their answers can be compared."""
    names = ", ".join(f"{one.name} ({one.kind})" for one in sent)
    return f"You sent: {names}\nYou said: {prompt}" if names else f"You said: {prompt}"


@dataclass(frozen=True, slots=True)
class Turn:
    """What a scenario has to work with; `count` is the N of `[[sim:NAME:N]]`, else 0."""

    voice: Voice
    prompt: str
    count: int = 0
    slow_s: float = 0.1
    silence_s: float = 0.0
    sent: tuple[Sent, ...] = ()
    picture: Picture = Picture("", "", 0, 0)

    @property
    def echo(self) -> str:
        """The answer of every scenario that has no words of its own; it names the files that came along."""
        return echoed(self.prompt, self.sent)


Scenario = Callable[[Turn], Iterator[Step]]


def tagged(prompt: str) -> tuple[str, str, int]:
    """The prompt without its tags, with the name and the number of the last one: empty and 0 without a tag."""
    tags = TAG.findall(prompt)
    if not tags:
        return prompt, "", 0
    name, count = tags[-1]
    return TAG.sub("", prompt).strip(), name, int(count or 0)


def words(text: str) -> Iterator[str]:
    """A text in pieces of three to five words, without losing a character."""
    pieces, sizes = WORD.findall(text), cycle((3, 4, 5))
    start = 0
    while start < len(pieces):
        size = next(sizes)
        yield "".join(pieces[start : start + size])
        start += size


def saying(turn: Turn, text: str) -> Iterator[Step]:
    """A text as the answer, in pieces."""
    for piece in words(text):
        yield turn.voice.say(piece)


def ending(turn: Turn) -> Iterator[Step]:
    """What usually ends an answer: two empty events, then the one that says so."""
    yield turn.voice.say("")
    yield turn.voice.say("")
    yield turn.voice.last()


def echoing(turn: Turn) -> Iterator[Step]:
    """The echo and the end."""
    yield from saying(turn, turn.echo)
    yield from ending(turn)


def plain(turn: Turn) -> Iterator[Step]:
    """The echo, without thinking."""
    yield turn.voice.created()
    yield from echoing(turn)


def thinking_raw(turn: Turn) -> Iterator[Step]:
    """Thoughts as increments of the `think` phase."""
    for _, thought in THOUGHTS:
        for piece in words(thought + "\n"):
            yield turn.voice.say(piece, "think")
    yield turn.voice.bare({"role": "assistant", "content": "", "phase": "think", "status": "finished"})


def thinking_summary(turn: Turn) -> Iterator[Step]:
    """Thoughts as growing arrays that every event repeats; the phase ends with a `finished` of its own."""
    delta = {"role": "assistant", "content": "", "phase": "thinking_summary"}
    for known in range(1, len(THOUGHTS) + 1):
        turn.voice.count(THOUGHTS[known - 1][1], thinking=True)
        titles, thoughts = zip(*THOUGHTS[:known], strict=True)
        extra = {"summary_title": {"content": list(titles)}, "summary_thought": {"content": list(thoughts)}}
        yield turn.voice.tell({**delta, "extra": extra, "status": "typing"})
    yield turn.voice.tell({**delta, "status": "finished"})


def think(turn: Turn) -> Iterator[Step]:
    """Raw thinking, then the echo."""
    yield turn.voice.created()
    yield from thinking_raw(turn)
    yield from echoing(turn)


def summary(turn: Turn) -> Iterator[Step]:
    """Summarised thinking, then the echo."""
    yield turn.voice.created()
    yield from thinking_summary(turn)
    yield from echoing(turn)


def think_empty(turn: Turn) -> Iterator[Step]:
    """A thinking phase that never says anything, then the echo; seen on the live service, Sep 2026."""
    delta = {"role": "assistant", "content": "", "phase": "thinking_summary"}
    extra: dict[str, object] = {"summary_title": {"content": []}, "summary_thought": {"content": []}}
    yield turn.voice.created()
    yield turn.voice.tell({**delta, "extra": extra, "status": "typing"})
    yield turn.voice.tell({**delta, "status": "finished"})
    yield from echoing(turn)


def skip_think(turn: Turn) -> Iterator[Step]:
    """Thinking was asked for and the service decides to answer at once."""
    yield turn.voice.created()
    yield raw('{"response.info": {"action": "skip_think"}}')
    yield from echoing(turn)


def slow(turn: Turn) -> Iterator[Step]:
    """The echo, one character at a time."""
    yield turn.voice.created()
    for character in turn.echo:
        yield Pause(turn.slow_s)
        yield turn.voice.say(character)
    yield from ending(turn)


def long(turn: Turn) -> Iterator[Step]:
    """N numbered deltas, 200 unless the tag says otherwise."""
    yield turn.voice.created()
    for number in range(turn.count or LONG_DELTAS):
        yield turn.voice.say(f"word {number} ")
    yield from ending(turn)


def snapshots(turn: Turn) -> Iterator[Step]:
    """Every event repeats the answer so far instead of continuing it."""
    yield turn.voice.created()
    so_far = ""
    for piece in words(turn.echo):
        so_far += piece
        # Only the new piece belongs to the stored answer.
        yield Event(turn.voice.say(so_far).data, "answer", piece)
    yield turn.voice.last()


def unknown_phase(turn: Turn) -> Iterator[Step]:
    """A phase that no client has heard of, then the echo."""
    yield turn.voice.created()
    yield turn.voice.say("This is not for the reader.", "mood_lighting")
    yield from echoing(turn)


def done_marker(turn: Turn) -> Iterator[Step]:
    """The echo with a `[DONE]` after it, as some gateways add."""
    yield from plain(turn)
    yield raw("[DONE]")


def empty_stream(turn: Turn) -> Iterator[Step]:
    """The stream begins and ends without a single delta."""
    yield turn.voice.created()


def empty_answer(turn: Turn) -> Iterator[Step]:
    """The answer finishes in good order and has no text."""
    yield turn.voice.created()
    yield from ending(turn)


def surrogates(turn: Turn) -> Iterator[Step]:
    """An emoji whose two escapes arrive in two events, then the echo."""
    yield turn.voice.created()
    yield turn.voice.say("Look: \ud83d", escaped=True)
    yield turn.voice.say("\ude00 ", escaped=True)
    yield from echoing(turn)


def split_chunks(turn: Turn) -> Iterator[Step]:
    """The echo and some words beyond ASCII, written byte by byte."""
    yield turn.voice.created()
    for step in (*saying(turn, turn.echo + " \u4f60\u597d \U0001f600"), turn.voice.last()):
        if isinstance(step, Event):
            yield from (Event(step.data[place : place + 1]) for place in range(len(step.data) - 1))
            yield Event(step.data[-1:], step.phase, step.text)


def error_string(turn: Turn) -> Iterator[Step]:
    """The captured in-stream error that is a bare sentence."""
    yield turn.voice.created()
    yield raw('{"error":"Internal error!"}')


def error_object(turn: Turn) -> Iterator[Step]:
    """The captured in-stream error that is an object."""
    yield turn.voice.created()
    details = "\u8f93\u5165\u6216\u9644\u4ef6\u65e0\u6548\u3002\u8bf7\u68c0\u67e5\u540e\u91cd\u8bd5\u3002"
    yield raw(f'{{"error":{{"code":"invalid_input","details":"{details}"}},"response_index":0}}')


def midstream_error(turn: Turn) -> Iterator[Step]:
    """Two deltas, then the service gives up."""
    yield from _beginning(turn, 2)
    yield raw('{"error":"Internal error!"}')


def delta_error(turn: Turn) -> Iterator[Step]:
    """Two deltas, then a delta whose status is an error."""
    yield from _beginning(turn, 2)
    extra = {"error": {"code": "internal_error", "details": "Internal Error"}}
    delta = {"role": "assistant", "content": "", "phase": "answer", "status": "error", "extra": extra}
    yield Event(turn.voice.bare(delta).data)


def refusal_event(turn: Turn) -> Iterator[Step]:
    """The daily limit, told as an event instead of a body."""
    yield turn.voice.created()
    yield raw(
        '{"success":false,"data":{"code":"RateLimited","details":"You\'ve reached the upper limit for today\'s usage.",'
        '"template":"You have reached the daily usage limit. Please wait {{num}} hours before trying again.","num":10}}'
    )


def eof(turn: Turn) -> Iterator[Step]:
    """Two deltas, then the body ends cleanly without saying that the answer has."""
    yield from _beginning(turn, 2)


def truncate(turn: Turn) -> Iterator[Step]:
    """Two deltas and half of another, then the connection is reset."""
    yield from _beginning(turn, 2)
    whole = turn.voice.say("never seen").data
    yield Event(whole[: len(whole) // 2])
    # The reset must not overtake what was sent before.
    yield Pause(0.05)
    yield Reset()


def garbage(turn: Turn) -> Iterator[Step]:
    """One delta, then a line that is no JSON, then the rest as if nothing had happened."""
    yield from _beginning(turn, 1)
    yield raw('{"choices": [{"delta": {"role": "assist')
    yield from echoing(turn)


def bad_utf8(turn: Turn) -> Iterator[Step]:
    """One delta, then one whose bytes are no UTF-8, then the rest."""
    yield from _beginning(turn, 1)
    yield Event(turn.voice.say("@").data.replace(b'"@"', b'"\xff\xfe"'))
    yield from echoing(turn)


def huge_line(turn: Turn) -> Iterator[Step]:
    """One delta of 2 MiB."""
    yield turn.voice.created()
    yield turn.voice.say("x" * HUGE_LINE_BYTES)
    yield from ending(turn)


def silent(turn: Turn) -> Iterator[Step]:
    """One delta, then silence."""
    yield from _beginning(turn, 1)
    yield Hang()


def headers_only(turn: Turn) -> Iterator[Step]:  # noqa: ARG001 - every scenario takes the turn
    """The headers, then silence."""
    yield Event(b"")
    yield Hang()


def empty_body(turn: Turn) -> Iterator[Step]:  # noqa: ARG001 - every scenario takes the turn
    """A success without a single byte."""
    yield from ()


def _beginning(turn: Turn, deltas: int) -> Iterator[Step]:
    yield turn.voice.created()
    for number in range(deltas):
        yield turn.voice.say(f"Part {number + 1}. ")


SCENARIOS: dict[str, Scenario] = {
    "plain": plain,
    "think": think,
    "think_detail": think,
    "summary": summary,
    "auto_think": summary,
    "think_empty": think_empty,
    "skip_think": skip_think,
    "slow": slow,
    "long": long,
    "snapshots": snapshots,
    "unknown_phase": unknown_phase,
    "done_marker": done_marker,
    "empty_stream": empty_stream,
    "empty_answer": empty_answer,
    "surrogates": surrogates,
    "split_chunks": split_chunks,
    "error_string": error_string,
    "error_object": error_object,
    "midstream_error": midstream_error,
    "delta_error": delta_error,
    "refusal_event": refusal_event,
    "eof": eof,
    "truncate": truncate,
    "garbage": garbage,
    "bad_utf8": bad_utf8,
    "huge_line": huge_line,
    "silent": silent,
    "headers_only": headers_only,
    "empty_body": empty_body,
}
