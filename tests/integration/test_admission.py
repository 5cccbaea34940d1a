"""What is refused because there is no room, at both doors, and what is answered all the same."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from both_doors import (
    COMPLETIONS,
    WAYS,
    GrpcFailure,
    HttpFailure,
    Outcome,
    all_ways,
    grpc_failure,
    metadata,
    question,
    request_of,
)
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from support import House, bearer, open_house
from upstream_record import until

from qwen_grpc.v1.files_pb2 import UploadFileRequest
from qwen_grpc.v1.files_pb2_grpc import FilesServiceStub

BUDGET = 1000
LONG = question("x" * 900)


def check_refused(outcomes: dict[str, Outcome], text: str) -> None:
    """All were refused alike, each with a time of its own to come back at."""
    for way, outcome in outcomes.items():
        assert outcome.text == ""
        match outcome.failure:
            case HttpFailure() as failure:
                assert (failure.status, failure.code, failure.message) == (503, "server_is_overloaded", text), way
                assert (failure.type, failure.should_retry) == ("service_unavailable_error", "true")
                assert 1 <= int(failure.retry_after or 0) <= 5
            case GrpcFailure() as failed:
                assert (failed.code, failed.reason) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED"), way
                assert failed.message == text
                assert 1.0 <= (failed.retry_after or 0) <= 5.0
            case None:
                pytest.fail(f"{way} was served")


async def check_healthy(house: House) -> None:
    """Health, the list of endpoints and the docs are answered however full it is."""
    stub: Any = HealthStub(house.channel)
    reply = await stub.Check(HealthCheckRequest(), timeout=5)
    assert reply.status == HealthCheckResponse.SERVING
    for path in ("/health", "/", "/docs"):
        assert (await house.http.get(path)).status_code == 200


@asynccontextmanager
async def running_stream(house: House, body: dict[str, Any]) -> AsyncIterator[Any]:
    """A stream over gRPC that has begun and goes on for as long as the test wants."""
    call = house.chat.StreamChat(request_of(body), metadata=metadata())
    await call.read()
    try:
        yield call
    finally:
        call.cancel()


# -- calls --------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_full_gateway_refuses_at_both_doors_and_stays_healthy_and_keeps_what_runs() -> None:
    async with open_house(qwen_max_calls=1) as house, running_stream(house, question("[[sim:silent]]")) as call:
        outcomes = await asyncio.wait_for(all_ways(house, question("Hello")), 5)
        check_refused(outcomes, "the gateway serves 1 calls at once and is full; try again")
        await check_healthy(house)
        assert not call.done()
        assert len(house.simulator.streams) == 1
        assert house.gateway.server.pressure.refused["calls"] == 4

        call.cancel()
        await until(lambda: house.gateway.server.pressure.calls == 0)
        for ask in WAYS.values():
            assert await ask(house, question("Hello"), None) == Outcome("You said: Hello", None)


# -- bytes of requests --------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_bytes_in_hand_refuse_further_requests_until_their_call_has_ended() -> None:
    long = question("[[sim:silent]]" + "x" * BUDGET)
    async with open_house(max_inflight_bytes=BUDGET) as house:
        async with running_stream(house, long):
            outcomes = await asyncio.wait_for(all_ways(house, question("Hello")), 5)
            text = f"the gateway holds {BUDGET} bytes of requests and takes no more just now; try again"
            check_refused(outcomes, text)
            await check_healthy(house)
        await until(lambda: house.gateway.server.pressure.inflight_bytes == 0)
        outcomes = {way: await ask(house, question("Hello"), None) for way, ask in WAYS.items()}

    assert outcomes == {way: Outcome("You said: Hello", None) for way in WAYS}


@pytest.mark.asyncio
async def test_a_request_of_the_rest_door_is_not_refused_for_its_own_bytes() -> None:
    async with open_house(max_inflight_bytes=BUDGET) as house:
        content = "x" * BUDGET
        assert (await WAYS["REST whole"](house, question(content), None)).text == f"You said: {content}"
        assert (await WAYS["gRPC whole"](house, question(content), None)).text == f"You said: {content}"
        await until(lambda: house.gateway.server.pressure.inflight_bytes == 0)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("framing", "sent"),
    [("content-length: 3000000", b""), ("transfer-encoding: chunked", b"65\r\n" + b"x" * 0x65 + b"\r\n")],
    ids=["with a length", "in chunks"],
)
async def test_a_body_for_which_there_is_no_room_is_refused_before_it_has_come(framing: str, sent: bytes) -> None:
    async with open_house(max_inflight_bytes=BUDGET) as house:
        async with running_stream(house, question("[[sim:silent]]" + "x" * (BUDGET - 100))):
            head, reply = await raw_post(house, framing, sent)
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"connection: close" in head.lower()
        assert json.loads(reply)["error"]["code"] == "server_is_overloaded"


async def raw_post(house: House, framing: str, sent: bytes) -> tuple[bytes, bytes]:
    """Sends a head, and of the body no more than this; head and body of the answer."""
    assert house.gateway.rest is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", house.gateway.rest.port)
    credential = bearer()["authorization"]
    writer.write(f"POST {COMPLETIONS} HTTP/1.1\r\nhost: x\r\nauthorization: {credential}\r\n{framing}\r\n\r\n".encode())
    writer.write(sent)
    reply = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    head, _, body = reply.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.asyncio
async def test_a_client_that_sends_a_large_body_reads_why_it_was_refused() -> None:
    long = question("[[sim:silent]]" + "x" * BUDGET)
    async with open_house(max_inflight_bytes=BUDGET) as house, running_stream(house, long):
        outcome = await WAYS["REST whole"](house, question("x" * 3_000_000), None)
    assert isinstance(outcome.failure, HttpFailure)
    assert outcome.failure.code == "server_is_overloaded"


@pytest.mark.asyncio
async def test_a_small_refused_request_keeps_its_connection() -> None:
    async with open_house(qwen_max_calls=0) as house:
        for _ in range(3):
            assert (await house.complete("Hello")).status_code == 503
        assert house.gateway.rest is not None
        assert len(house.gateway.rest.server.connections) == 1


@pytest.mark.asyncio
async def test_the_pieces_of_an_upload_are_in_hand_one_by_one() -> None:
    async with open_house(max_inflight_bytes=BUDGET) as house:

        async def pieces() -> AsyncIterator[UploadFileRequest]:
            header = UploadFileRequest()
            header.header.filename = "a.txt"
            yield header
            for _ in range(10):
                yield UploadFileRequest(data=b"x" * (BUDGET // 2))

        stub: Any = FilesServiceStub(house.channel)
        reply = await stub.UploadFile(pieces(), metadata=metadata(), timeout=10)
        assert reply.file.size_bytes == 5 * BUDGET
        assert house.gateway.server.pressure.inflight_bytes == 0


@pytest.mark.asyncio
async def test_a_message_that_came_although_there_is_no_room_for_it_is_refused() -> None:
    async with open_house(max_inflight_bytes=BUDGET) as house:
        async with running_stream(house, question("[[sim:silent]]" + "x" * (BUDGET - 200))):
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await house.chat.CompleteChat(request_of(LONG), metadata=metadata(), timeout=5)
            assert grpc_failure(failure.value).reason == "OVERLOADED"
            assert (await WAYS["gRPC whole"](house, question("Hello"), None)).text == "You said: Hello"
        await until(lambda: house.gateway.server.pressure.inflight_bytes == 0)


# -- memory and connections ---------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_gateway_that_holds_too_much_memory_refuses_new_calls_and_stays_healthy() -> None:
    async with open_house(max_rss=1) as house:
        await until(lambda: house.gateway.server.pressure.rss_bytes)
        outcomes = await all_ways(house, question("Hello"))
        check_refused(outcomes, "the gateway is short of memory and takes on no more just now; try again")
        await check_healthy(house)
        assert (await house.http.get("/v1/models", headers=bearer())).status_code == 503


@pytest.mark.asyncio
async def test_a_loop_that_stays_late_refuses_lists_at_first_and_chat_at_last_and_stays_healthy() -> None:
    async with open_house(max_lag=0.25) as house:
        pressure = house.gateway.server.pressure
        # From here on the test says how late the loop is.
        pressure._timer.cancel()
        for now in (0.0, 0.5):
            pressure.look(now, 0.3, 0)
        assert (await house.http.get("/v1/models", headers=bearer())).status_code == 503
        for ask in WAYS.values():
            assert await ask(house, question("Hello"), None) == Outcome("You said: Hello", None)

        pressure.look(2.0, 0.3, 0)
        outcomes = await all_ways(house, question("Hello"))
        check_refused(outcomes, "the gateway is late with what it serves and takes on no more just now; try again")
        await check_healthy(house)

        pressure.look(2.25, 0.0, 0)
        assert (await house.http.get("/v1/models", headers=bearer())).status_code == 200
        assert pressure.refused["lag"] == 5


@pytest.mark.asyncio
async def test_one_connection_more_than_may_be_is_told_so_and_closed() -> None:
    async with open_house(shim={"max_connections": 1}) as house:
        assert (await house.http.get("/health")).status_code == 200
        assert house.gateway.rest is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", house.gateway.rest.port)
        head, _, reply = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 503 ")
        assert json.loads(reply)["error"]["code"] == "server_is_overloaded"
        assert (await house.http.get("/health")).status_code == 200
        assert house.gateway.server.pressure.refused["connections"] == 1
