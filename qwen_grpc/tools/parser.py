"""Finds the calls in an answer's text while it comes.

    text ──<tool_call>──▶ opened ──{──▶ call ──}──▶ behind ──▶ text
     ▲                       │            │
     └──── not a call: the tag is forgotten, and what stands behind it is text

Rules, each of which has a test:

- Outside of code the tags are never content. In code (`code.py`) they are
  content and nothing else: a call that was only shown must not run.
- A call ends where its JSON ends, so its arguments may hold the tags too. A
  closing tag before that end cuts it off, unless it stands in a string.
- What is no call even after the repair of `reading.py` is content, without its
  tags. So is a call that the answer ended in: what was cut off is not made up.
- White space beside calls is layout; between two texts the first of it stays.
- A call is told whole, at its end, since only then it is known to be one. Its
  arguments are the text that the model wrote. Whether a function of its name
  was offered is not looked at: the model wanted it, and the caller can answer
  that there is none.
"""

import re
import uuid
from collections.abc import Callable

from qwen_grpc.tools.body import MARK, Body, Verdict
from qwen_grpc.tools.code import Code
from qwen_grpc.tools.markup import CALL, CALL_END
from qwen_grpc.tools.reading import Called, read_call
from qwen_grpc.v1.chat_pb2 import ChatDelta, ToolCallDelta

# What is held back at most: a call, and white space that may turn out to be layout.
MAX_CALL = 1 << 20
MAX_SPACE = 64

_tag = re.compile(f"{CALL}|{CALL_END}")
_space = re.compile(r"\s*")
_behind = re.compile(r"[\s}]*")


def call_id() -> str:
    """A new id for a call."""
    return f"call_{uuid.uuid4().hex[:24]}"


class ToolParser:
    """Feed it the text of one answer, take the deltas: content without markup, and calls.

    Unless `parallel`, only the first call counts; others are left out. `calls`
    is how many were told, `looked_at` how many characters were looked at, each
    one as often as it was.
    """

    def __init__(self, *, parallel: bool = True, new_id: Callable[[], str] = call_id) -> None:
        self.calls = 0
        self.looked_at = 0
        self._parallel = parallel
        self._new_id = new_id
        self._step: Callable[[], bool] = self._text
        # What was fed and is not done with begins at `_at`. An open call began at `_from`, or in what is held.
        self._rest, self._at, self._from = "", 0, 0
        self._held: list[str] = []
        self._held_size = 0
        self._body = Body()
        self._out = _Out()

    def feed(self, text: str) -> list[ChatDelta]:
        """The deltas that the next piece of text completes."""
        self._rest += text
        self._run()
        self._rest, self._at, self._from = self._rest[self._at :], 0, 0
        return self._out.taken()

    def finish(self) -> list[ChatDelta]:
        """The last deltas. From now on `calls` says whether the answer ended to have tools called."""
        while self._step in (self._call, self._opened):
            self._forget()
            self._run()
        self._out.say(self._rest[self._at :])
        self._rest, self._at = "", 0
        return self._out.ended()

    def _run(self) -> None:
        while self._step():
            pass

    # -- states: each goes on from `_at`, and says whether there is more to be done --------------------------------

    def _text(self) -> bool:
        found = _tag.search(self._rest, self._at)
        if found is None:
            end = _whole_until(self._rest, self._at)
            self._out.say(self._rest[self._at : end])
            self._advance(end)
            return False
        self._out.say(self._rest[self._at : found.start()])
        self._advance(found.end())
        if self._out.in_code:
            self._out.say(found[0])
            return True
        self._out.part()
        if found[0] == CALL:
            self._step, self._from = self._opened, self._at
        return True

    def _opened(self) -> bool:
        end = _end_of(_space, self._rest, self._at)
        if end - self._from > MAX_SPACE or self._rest[end : end + 1] not in ("", "{"):
            self._forget()
            return True
        if end == len(self._rest):
            return False
        self._begin(end)
        return True

    def _call(self) -> bool:
        at = self._at
        for found in MARK.finditer(self._rest, at):
            at = found.end()
            verdict = self._body.take(found[0])
            if self._held_size + at - self._from > MAX_CALL:
                verdict = Verdict.BROKEN
            if verdict is not None:
                self._advance(at)
                self._end(verdict, found.start() if verdict is Verdict.CUT else at)
                return True
        escaping = self._rest.endswith("\\") and at < len(self._rest)
        return self._hold(len(self._rest) - 1 if escaping else _whole_until(self._rest, at))

    def _after(self) -> bool:
        # Models that lose count close one bracket too many.
        end = _end_of(_behind, self._rest, self._at)
        self._advance(end)
        if end == len(self._rest):
            return False
        if self._rest[end] == "{":
            self._begin(end)
        else:
            self._step = self._text
        return True

    # -- what states do -------------------------------------------------------------------------------------------

    def _advance(self, end: int) -> None:
        self.looked_at += end - self._at
        self._at = end

    def _begin(self, at: int) -> None:
        self._advance(at)
        self._step, self._body, self._from = self._call, Body(), at

    def _hold(self, end: int) -> bool:
        """Puts by what there is of the call; False, or True when it is too long for one."""
        self._advance(end)
        self._held.append(self._rest[self._from : end])
        self._held_size += end - self._from
        self._from = end
        if self._held_size > MAX_CALL:
            self._forget()
            return True
        return False

    def _end(self, verdict: Verdict, end: int) -> None:
        text = "".join([*self._held, self._rest[self._from : end]])
        self.looked_at += len(text)
        called = None if verdict is Verdict.BROKEN else read_call(text)
        if called is None:
            self._forget()
        else:
            self._held, self._held_size = [], 0
            self._tell(called)
            self._step = self._after

    def _tell(self, called: Called) -> None:
        if self._parallel or not self.calls:
            step = ToolCallDelta(index=self.calls, id=self._new_id(), type="function")
            step.name, step.arguments = called.name, called.arguments
            self._out.call(step)
            self.calls += 1

    def _forget(self) -> None:
        """Takes what was held for a call as text."""
        if self._held:
            self._rest, self._from = "".join(self._held) + self._rest[self._from :], 0
            self._held, self._held_size = [], 0
        self._at, self._step = self._from, self._text


class _Out:
    """What is told: content joined to as few deltas as possible, white space held back until it is known to be text."""

    def __init__(self) -> None:
        self._code = Code()
        self._deltas: list[ChatDelta] = []
        self._content: list[str] = []
        self._space = self._tail = ""
        self._said = self._called = self._spaced = False

    @property
    def in_code(self) -> bool:
        """Whether the next character is code."""
        return self._code.inside

    def say(self, text: str) -> None:
        self._code.follow(text)
        self._tail = (self._tail + text[-len(CALL_END) :])[-len(CALL_END) :]
        if self._spaced and text:
            text = text.lstrip()
            self._spaced = not text
        text = self._space + text
        kept = text.rstrip()
        space = text[len(kept) :]
        self._space = space[-MAX_SPACE:]
        self._emit(kept + space[:-MAX_SPACE])

    def part(self) -> None:
        """Keeps what stands around a tag that is left out from becoming one."""
        if _whole_until(self._tail, 0) < len(self._tail):
            self.say(" ")

    def call(self, step: ToolCallDelta) -> None:
        self._flush()
        self._deltas.append(ChatDelta(tool_calls=[step]))
        self._called = True
        self._spaced = bool(self._space)

    def taken(self) -> list[ChatDelta]:
        self._flush()
        deltas, self._deltas = self._deltas, []
        return deltas

    def ended(self) -> list[ChatDelta]:
        if not self._called:
            self._emit(self._space)
        self._space = ""
        return self.taken()

    def _emit(self, text: str) -> None:
        if self._called and not self._said:
            text = text.lstrip()
        if text:
            self._content.append(text)
            self._said = True

    def _flush(self) -> None:
        if self._content:
            self._deltas.append(ChatDelta(content="".join(self._content)))
            self._content.clear()


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    assert found is not None
    return found.end()


def _whole_until(text: str, at: int) -> int:
    """Where the end begins that may be the beginning of a tag; the length of the text if there is none."""
    start = text.rfind("<", max(at, len(text) - len(CALL_END)))
    if start >= 0 and (CALL.startswith(text[start:]) or CALL_END.startswith(text[start:])):
        return start
    return len(text)
