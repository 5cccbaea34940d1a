"""Stop texts, where the upstream knows none: the answer ends where the first of them ends, and holds nothing of it."""

import re
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing

from qwen_grpc.answering import Messages
from qwen_grpc.errors import QwenError
from qwen_grpc.openai_json.jsontext import dump
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP, FINISH_REASON_TOOL_CALLS, ChatDelta, StreamChatResponse
from qwen_grpc.v1.common_pb2 import Usage

# The member that tells which stop text was met, by vLLM's name for it.
MET = "stop_reason"


async def until_stop(messages: Messages, stops: Sequence[str]) -> AsyncGenerator[StreamChatResponse, None]:
    """The messages of an answer up to a stop text in its content; then the upstream is left before that is told.

    Messages may tell the counts so far; only the last ones are passed on.
    """
    stopping = Stopping(stops)
    async with aclosing(messages):
        try:
            async for message in messages:
                stopping.take(message)
                if stopping.stopped:
                    await messages.aclose()
                if message.ListFields():
                    yield message
                if stopping.stopped:
                    return
        except QwenError:
            if rest := stopping.rest():
                yield StreamChatResponse(deltas=[ChatDelta(content=rest)])
            raise


class Stopping:
    """Takes the messages of an answer with one choice as they come, and ends it where a stop text ends."""

    def __init__(self, stops: Sequence[str]) -> None:
        self.stopped = False
        self._finder = StopFinder(stops)
        self._called = False
        self._usage: Usage | None = None

    def take(self, message: StreamChatResponse) -> None:
        """Rewrites a message; it may have nothing left to say."""
        deltas: list[ChatDelta] = []
        for delta in message.deltas:
            deltas += self._steps(delta)
            if self.stopped:
                break
        del message.deltas[:]
        message.deltas.extend(deltas)
        self._count(message, ended=any(delta.finish_reason for delta in deltas))

    def rest(self) -> str:
        """What was held back when an answer broke off."""
        return self._finder.finish()

    def _steps(self, delta: ChatDelta) -> Iterable[ChatDelta]:
        self._called = self._called or bool(delta.tool_calls)
        if delta.HasField("content"):
            self._cut(delta)
        if self.stopped:
            delta.finish_reason = FINISH_REASON_TOOL_CALLS if self._called else FINISH_REASON_STOP
            delta.extra_json = dump({MET: self._finder.met}).decode()
        elif delta.finish_reason and (rest := self._finder.finish()):
            return ChatDelta(content=rest), delta
        return (delta,) if delta.ListFields() else ()

    def _cut(self, delta: ChatDelta) -> None:
        if text := self._finder.feed(delta.content):
            delta.content = text
        else:
            delta.ClearField("content")
        self.stopped = bool(self._finder.met)

    def _count(self, message: StreamChatResponse, *, ended: bool) -> None:
        if message.HasField("usage"):
            self._usage = Usage()
            self._usage.CopyFrom(message.usage)
            message.ClearField("usage")
        if ended and self._usage is not None:
            message.usage.CopyFrom(self._usage)


class StopFinder:
    """Finds the stop text that ends first in a text that comes in pieces; of those that end together the longest.

    This is the automaton of Aho and Corasick. Its state is the longest end of
    the text that a stop text begins with, which is just what has to be held
    back. `met` is the stop text that was found, `looked_at` how many steps the
    automaton took: at most two for each character.
    """

    def __init__(self, stops: Iterable[str]) -> None:
        self.met = ""
        self.looked_at = 0
        self._state = 0
        # For each state: the next ones, where to fall back, the text that leads to it as the head of a stop text, and
        # how long the stop text is that ends there.
        self._next: list[dict[str, int]] = [{}]
        self._back = [0]
        self._heads: list[tuple[str, int]] = [("", 0)]
        self._ends = [0]
        for stop in filter(None, stops):
            self._add(stop)
        self._fall_back()
        firsts = re.escape("".join(self._next[0]))
        self._first = re.compile(f"[{firsts}]" if firsts else r"(?!)")

    def feed(self, text: str) -> str:
        """The text that is certain now: of no stop text, and not what one may begin with."""
        before, at = self._state, 0
        while at < len(text):
            if not self._state and (at := self._begin(text, at)) == len(text):
                break
            self._step(text[at])
            at += 1
            if length := self._ends[self._state]:
                self.met = self._heads[self._state][0][: self._heads[self._state][1]][-length:]
                return self._certain(before, text[:at], length)
        return self._certain(before, text, self._heads[self._state][1])

    def finish(self) -> str:
        """What was held back, when nothing more comes."""
        stop, size = self._heads[self._state]
        self._state = 0
        return "" if self.met else stop[:size]

    def _begin(self, text: str, at: int) -> int:
        found = self._first.search(text, at)
        return found.start() if found else len(text)

    def _step(self, character: str) -> None:
        state = self._state
        self.looked_at += 1
        while state and character not in self._next[state]:
            state = self._back[state]
            self.looked_at += 1
        self._state = self._next[state].get(character, 0)

    def _certain(self, before: int, text: str, kept: int) -> str:
        """All of what was held and of the text, but for its last characters."""
        stop, held = self._heads[before]
        count = held + len(text) - kept
        return stop[: min(count, held)] + text[: max(0, count - held)]

    def _add(self, stop: str) -> None:
        state = 0
        for size, character in enumerate(stop, 1):
            if character not in self._next[state]:
                self._next[state][character] = len(self._next)
                self._next.append({})
                self._back.append(0)
                self._heads.append((stop, size))
                self._ends.append(0)
            state = self._next[state][character]
        self._ends[state] = len(stop)

    def _fall_back(self) -> None:
        """Finds for each state the longest end of its text that is a state too; shorter ones first."""
        waiting = deque(self._next[0].values())
        while waiting:
            state = waiting.popleft()
            self._ends[state] = self._ends[state] or self._ends[self._back[state]]
            for character, further in self._next[state].items():
                back = self._back[state]
                while back and character not in self._next[back]:
                    back = self._back[back]
                self._back[further] = self._next[back].get(character, 0)
                waiting.append(further)
