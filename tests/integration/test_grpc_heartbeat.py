"""A gRPC stream that has begun shows life while the upstream is silent; nobody takes that for an answer."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from both_doors import COMPLETIONS, metadata, open_doors, question, request_of, site
from gateway_process import started
from qwen_wire import CREATED, FINISHED, GOODBYE, MODELS, NEW_CHAT, said
from raw_server import LAST_CHUNK, STREAM_HEAD, Script, chunk, raw_server
from support import bearer, open_house

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


@pytest.mark.asyncio
async def test_a_door_of_its_own_shows_none_of_them(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with upstream(silent(gate)) as server, open_doors(site(server.url), grpc_heartbeat=0.05) as doors:
        words = ("rest_shim", "--target", f"127.0.0.1:{doors.grpc_port}", "--port", "0")
        async with started(*words, folder=tmp_path, HEARTBEAT="0.3") as shim:
            await shim.heard("REST listens on")
            async with httpx.AsyncClient(base_url=shim.rest, timeout=20) as http:
                body = question("Hello", stream=True)
                async with http.stream("POST", COMPLETIONS, json=body, headers=bearer()) as reply:
                    lines = reply.aiter_lines()
                    read = [await anext(lines)]
                    while not read[-1].startswith(": "):
                        # The first comment: several empty messages have come by then.
                        read.append(await anext(lines))
                    gate.set()
                    read += [line async for line in lines]
    said = [line for line in read if line.startswith("data: ")]
    assert len(said) == len(set(said))
    assert all('"content"' in line or '"finish_reason"' in line for line in said[:-1])
    assert said[-1] == "data: [DONE]"
