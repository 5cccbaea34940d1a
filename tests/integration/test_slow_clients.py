"""Clients that take nothing for too long are given up at either door, and what is made for them ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import pytest
from both_doors import COMPLETIONS, Doors, grpc_failure, metadata, open_doors, question, request_of, site
from grpc import StatusCode
from http_wire import post, wire
from qwen_wire import CREATED, FINISHED, GOODBYE, MODELS, NEW_CHAT, said
from raw_server import LAST_CHUNK, STREAM_HEAD, RawServer, chunk, raw_server
from support import bearer, records
from upstream_record import until

from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub

# Together more than all buffers on the way hold.
PIECES = [said(f"{number}:{'x' * 100_000} ") for number in range(240)]
PATIENCE_S = 0.5


@asynccontextmanager
async def flooding(calls: int = 1000) -> AsyncIterator[tuple[Doors, RawServer]]:
    """A gateway that takes so many calls, in front of an upstream that answers more than anybody can hold."""
    script = [STREAM_HEAD + chunk(CREATED), *(chunk(piece) for piece in PIECES), chunk(FINISHED), LAST_CHUNK]
    async with (
        raw_server([MODELS], [NEW_CHAT], script, [GOODBYE]) as server,
        open_doors(
            site(server.url), shim={"slow_client": PATIENCE_S}, grpc_slow_client=PATIENCE_S, qwen_max_calls=calls
        ) as doors,
    ):
        yield doors, server


async def upstream_left(server: RawServer) -> None:
    """The site was told to stop, which it is once its connection is closed."""
    await until(lambda: any(b"/stop?" in request for request in server.requests), within=10)


async def nothing_runs(doors: Doors) -> None:
    """The only place that there is, is free."""
    async with asyncio.timeout(5):
        while (await doors.http.get("/v1/models", headers=bearer())).status_code != 200:
            pass


# -- gRPC -------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def call_of(doors: Doors) -> AsyncIterator[grpc.aio.UnaryStreamCall]:  # type: ignore[type-arg]
    """A call that has begun, of a client that asks for no more than it reads."""
    options = [("grpc.http2.bdp_probe", 0), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{doors.grpc_port}", options=options) as channel:
        call = ChatServiceStub(channel).StreamChat(request_of(question("Hello")), metadata=metadata())
        await call.read()
        yield call


async def read_out(call: grpc.aio.UnaryStreamCall) -> list[str]:  # type: ignore[type-arg]
    """The numbers of the pieces that still come. Raises how the call ends."""
    found = []
    async with asyncio.timeout(20):
        while message := await call.read():
            found += [delta.content.partition(":")[0] for delta in message.deltas if delta.content]
            await asyncio.sleep(PATIENCE_S / 50)
    return found


@pytest.mark.asyncio
async def test_a_grpc_client_that_does_not_read_is_given_up_with_a_reason_and_its_upstream_left() -> None:
    async with flooding(calls=1) as (doors, server), call_of(doors) as call:
        await upstream_left(server)
        # Though the client has not even taken its status.
        await nothing_runs(doors)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read_out(call)
    failure = grpc_failure(caught.value)
    assert (failure.code, failure.reason) == (StatusCode.RESOURCE_EXHAUSTED, "CLIENT_TOO_SLOW")
    assert failure.message == "the client took nothing of the answer for 0.5 s; read on, or ask for less"


@pytest.mark.asyncio
async def test_a_grpc_client_that_reads_slowly_gets_all_of_it() -> None:
    async with flooding() as (doors, _), call_of(doors) as call:
        found = await read_out(call)
    # The first message had the first pieces.
    assert 0 < int(found[0]) < 10
    assert found == [f"{number}" for number in range(int(found[0]), len(PIECES))]


# -- REST -------------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_rest_client_that_does_not_read_is_left_and_so_is_its_upstream() -> None:
    async with flooding(calls=1) as (doors, server), wire(doors.http.base_url.port or 0) as line:
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        line.send(post(COMPLETIONS, question("Hello", stream=True), **bearer()))
        await upstream_left(server)
        await nothing_runs(doors)
        line.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert not (await rest_of(line.reader)).endswith(b"\r\n0\r\n\r\n"), "a last chunk would say that it is whole"


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What had come before the connection was closed."""
    found = b""
    with suppress(ConnectionError):
        async with asyncio.timeout(10):
            while part := await reader.read(1 << 16):
                found += part
    return found


@pytest.mark.asyncio
async def test_a_rest_client_that_reads_slowly_gets_all_of_it() -> None:
    async with flooding() as (doors, _):
        body = question("Hello", stream=True)
        async with doors.http.stream("POST", COMPLETIONS, json=body, headers=bearer()) as reply:
            parts = []
            async for part in reply.aiter_bytes(1 << 19):
                parts.append(part)
                await asyncio.sleep(PATIENCE_S / 20)
    *chunks, done = records(b"".join(parts).decode())
    texts = [made["choices"][0]["delta"].get("content", "") for made in chunks]
    assert [text.partition(":")[0] for text in texts if text] == [f"{number}" for number in range(len(PIECES))]
    assert done == "[DONE]"
