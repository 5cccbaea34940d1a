"""An answer is told where its reads arrive, and what came before a failure is told before it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import httpx
import pytest

from qwen_grpc.answering import Answering
from qwen_grpc.errors import QwenError, UpstreamError, UpstreamProtocol, UpstreamTruncated
from qwen_grpc.upstreams.clocks import Clocks, Work
from qwen_grpc.upstreams.http import Events, Reads
from qwen_grpc.upstreams.messages import Request, Response, server_of
from qwen_grpc.upstreams.openai_wire.answer import Answer, Dialect
from qwen_grpc.upstreams.telling import Ends, Telling
from qwen_grpc.v1.chat_pb2 import StreamChatResponse

SERVER = server_of(httpx.URL("http://here/"))
DONE = b"data: [DONE]\n\n"


class Line:
    """A connection that nobody looks at."""

    def resume(self) -> None:
        pass

    def abort(self) -> None:
        pass


def event(text: str = "", finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "model": "m", "created": 1, "choices": [choice]}).encode() + b"\n\n"


class Place:
    """A server whose answer arrives as the test says, and how it is told."""

    def __init__(self) -> None:
        self.response = Response(Request("POST", SERVER, "/", {}), Line())
        self.seen: list[str] = []
        answer = Answer(Dialect("here", lambda _: UpstreamError("said so")))

        async def last(message: StreamChatResponse) -> None:
            answer.end(message)

        events = Events(Reads("here", self.response), b": hello\n\n", Clocks().waits(Work.ANSWERING))
        self.telling = Telling(answer, events, Ends(lambda message: message.start.SetInParent(), last))

    def arrive(self, *events: bytes) -> None:
        """One read of the connection."""
        for one in events:
            self.response.feed(one)
        self.response.arrived()

    def take(self, message: StreamChatResponse) -> Awaitable[object] | None:
        self.seen.append("".join(delta.content for delta in message.deltas))


async def settle() -> None:
    """Lets the tasks run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_each_read_is_told_where_it_arrives_and_no_task_is_woken_for_it() -> None:
    place = Place()
    place.arrive(event("first"))
    pouring = asyncio.create_task(place.telling.pour(place.take))
    await settle()

    place.arrive(event("a"))
    place.arrive(event("b"), event("c"))
    assert place.seen == ["first", "a", "bc"]

    place.arrive(event(finish="stop"), DONE)
    await asyncio.wait_for(pouring, 5.0)
    assert place.seen == ["first", "a", "bc", ""]


@pytest.mark.asyncio
async def test_the_first_message_may_be_read_and_the_others_poured() -> None:
    place = Place()
    place.arrive(event("a"))
    first = await anext(place.telling)
    place.arrive(event("b"), event(finish="stop"), DONE)

    await asyncio.wait_for(place.telling.pour(place.take), 5.0)
    assert first.HasField("start")
    assert place.seen == ["b"]
    with pytest.raises(StopAsyncIteration):
        await anext(place.telling)


@pytest.mark.asyncio
@pytest.mark.parametrize("which", [1, 2])
async def test_nothing_is_told_until_what_the_last_message_gave_was_awaited(which: int) -> None:
    place, room = Place(), asyncio.get_running_loop().create_future()

    def take(message: StreamChatResponse) -> Awaitable[object] | None:
        place.take(message)
        return room if len(place.seen) == which else None

    place.arrive(event("first"))
    pouring = asyncio.create_task(place.telling.pour(take))
    await settle()
    place.arrive(event("a"))
    place.arrive(event("b"))
    await settle()
    place.arrive(event("c"))
    assert place.seen == ["first", "a"][:which]

    room.set_result(None)
    await settle()
    assert place.seen == [["first", "abc"], ["first", "a", "bc"]][which - 1]
    pouring.cancel()
    await asyncio.gather(pouring, return_exceptions=True)


@pytest.mark.asyncio
async def test_what_was_to_be_awaited_is_closed_when_the_reader_leaves_first() -> None:
    place = Place()

    def take(message: StreamChatResponse) -> Awaitable[object] | None:
        place.take(message)
        return asyncio.sleep(60) if len(place.seen) == 2 else None

    place.arrive(event("first"))
    pouring = asyncio.create_task(place.telling.pour(take))
    await settle()
    place.arrive(event("a"))
    pouring.cancel()

    # A coroutine that nobody awaits would fail the test with a warning.
    with pytest.raises(asyncio.CancelledError):
        await pouring
    assert place.seen == ["first", "a"]


@pytest.mark.asyncio
@pytest.mark.parametrize("pours", [True, False], ids=["poured", "read"])
@pytest.mark.parametrize(
    ("read", "wanted"),
    [(event("b"), UpstreamTruncated), (event("b") + b"data: {not json\n\n", UpstreamProtocol)],
    ids=["cut", "garbage"],
)
async def test_what_came_before_a_failure_is_told_first(read: bytes, wanted: type[QwenError], pours: bool) -> None:  # noqa: FBT001
    place = Place()
    place.arrive(event("a"))
    await anext(place.telling)
    place.response.feed(read)
    place.response.end()

    with pytest.raises(wanted) as failure:
        await asyncio.wait_for(place.telling.pour(place.take) if pours else whole(place), 5.0)
    assert place.seen == ["b"]
    assert failure.value.facts["partial"] == "true"


async def whole(place: Place) -> None:
    async for message in place.telling:
        place.take(message)


@pytest.mark.asyncio
async def test_an_answer_that_never_began_is_not_partial() -> None:
    place = Place()
    place.response.end()

    with pytest.raises(QwenError) as failure:
        await anext(place.telling)
    assert "partial" not in failure.value.facts


# -- the scope around -------------------------------------------------------------------------------------------------


class Scoped:
    """An answer in a scope that notes down how it was left."""

    def __init__(self, *, fails: bool = False) -> None:
        self.log: list[str] = []
        self.answering = Answering(self._scope(fails=fails))

    @asynccontextmanager
    async def _scope(self, *, fails: bool) -> AsyncIterator[AsyncIterator[StreamChatResponse]]:
        self.log.append("entered")
        try:
            yield self._messages(fails=fails)
        except UpstreamError:
            self.log.append("failed")
            raise
        else:
            self.log.append("left")

    @staticmethod
    async def _messages(*, fails: bool) -> AsyncIterator[StreamChatResponse]:
        yield StreamChatResponse()
        if fails:
            raise UpstreamError("cut")
        yield StreamChatResponse()


@pytest.mark.asyncio
async def test_a_scope_is_entered_for_the_first_message_and_left_after_the_last() -> None:
    scoped, seen = Scoped(), list[int]()
    assert scoped.log == []

    await anext(scoped.answering)
    await scoped.answering.pour(lambda _: seen.append(len(scoped.log)))
    await scoped.answering.aclose()
    assert (seen, scoped.log) == ([1], ["entered", "left"])
    with pytest.raises(StopAsyncIteration):
        await anext(scoped.answering)


@pytest.mark.asyncio
@pytest.mark.parametrize("pours", [True, False], ids=["poured", "read"])
async def test_a_scope_is_told_of_a_failure(pours: bool) -> None:  # noqa: FBT001
    scoped = Scoped(fails=True)
    await anext(scoped.answering)

    with pytest.raises(UpstreamError):
        await (scoped.answering.pour(lambda _: None) if pours else anext(scoped.answering))
    await scoped.answering.aclose()
    assert scoped.log == ["entered", "failed"]


@pytest.mark.asyncio
async def test_who_leaves_early_leaves_the_scope_and_who_never_came_enters_none() -> None:
    early, never = Scoped(), Scoped()
    await anext(early.answering)
    await early.answering.aclose()
    await never.answering.aclose()

    assert (early.log, never.log) == (["entered", "left"], [])
