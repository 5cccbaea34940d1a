"""A gRPC stream that has begun shows life while the upstream is silent; nobody takes that for an answer."""

import asyncio
from typing import Any

import pytest
from both_doors import metadata, open_doors, question, request_of, site
from qwen_wire import CREATED, FINISHED, GOODBYE, MODELS, NEW_CHAT, said
from raw_server import LAST_CHUNK, STREAM_HEAD, Script, chunk, raw_server
from support import open_house

from qwen_grpc.simulator import Behaviour
from qwen_grpc.v1.chat_pb2 import StreamChatResponse

NOTHING = StreamChatResponse()


def silent(gate: asyncio.Event, *, begun: bool = True) -> Script:
    """An answer that is silent until the gate opens, before or after its first word."""
    first = CREATED + said("Hi")
    words = [STREAM_HEAD + chunk(first), gate] if begun else [STREAM_HEAD, gate, chunk(first)]
    return [*words, chunk(said(" there") + FINISHED), LAST_CHUNK]


def upstream(script: Script) -> Any:
    return raw_server([MODELS], [NEW_CHAT], script, [GOODBYE])


@pytest.mark.asyncio
async def test_a_silent_answer_gets_empty_messages_and_goes_on_whole() -> None:
    gate = asyncio.Event()
    async with upstream(silent(gate)) as server, open_doors(site(server.url), grpc_heartbeat=0.05) as doors:
        call = doors.chat.StreamChat(request_of(question("Hello")), metadata=metadata(), timeout=20)
        first, *beats = [await call.read() for _ in range(4)]
        gate.set()
        rest = [message async for message in iterated(call)]

    assert first.HasField("start")
    assert beats == [NOTHING] * 3
    texts = [delta.content for message in (first, *rest) for delta in message.deltas]
    assert "".join(texts) == "Hi there"


async def iterated(call: Any) -> Any:
    while message := await call.read():
        yield message


@pytest.mark.asyncio
async def test_before_the_first_message_there_is_none() -> None:
    gate = asyncio.Event()
    async with (
        upstream(silent(gate, begun=False)) as server,
        open_doors(site(server.url), grpc_heartbeat=0.02) as doors,
    ):
        call = doors.chat.StreamChat(request_of(question("Hello")), metadata=metadata(), timeout=20)
        first = asyncio.ensure_future(call.read())
        # Many times as long as the silence that is allowed.
        done, _ = await asyncio.wait({first}, timeout=0.3)
        assert not done
        gate.set()
        assert (await first).HasField("start")
        call.cancel()


@pytest.mark.asyncio
async def test_zero_sends_none_and_a_busy_stream_gets_none() -> None:
    async with open_house(Behaviour(pace_s=0.005), grpc_heartbeat=0.2) as house:
        call = house.chat.StreamChat(request_of(question("[[sim:long:60]]")), metadata=metadata(), timeout=20)
        assert NOTHING not in [message async for message in call]
    gate = asyncio.Event()
    async with upstream(silent(gate)) as server, open_doors(site(server.url), grpc_heartbeat=0) as doors:
        call = doors.chat.StreamChat(request_of(question("Hello")), metadata=metadata(), timeout=20)
        await call.read()
        second = asyncio.ensure_future(call.read())
        done, _ = await asyncio.wait({second}, timeout=0.3)
        assert not done
        gate.set()
        assert (await second) != NOTHING
        call.cancel()
