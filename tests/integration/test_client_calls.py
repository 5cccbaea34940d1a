"""Deadlines, leaving and broken connections, as the typed client meets them."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from gateway_process import gateway_process
from grpclib.const import Status
from support import open_house, session
from tcp_wire import wire_to
from typed_calls import all_of, asking, client_to, failure
from upstream_record import until

from qwen_grpc.client import DeadlinePassed, GatewayFailed, Limited, Qwen, Reply, connect, text_of
from qwen_grpc.credentials import pack
from qwen_grpc.simulator import Behaviour, running
from qwen_grpc.typed.qwen.v1 import CompleteChatRequest, ListModelsRequest, StreamChatResponse

# Slow enough that `long` goes on for ten seconds when nobody stops it.
SLOW = Behaviour(pace_s=0.01, stall_s=60)
LONG = asking("[[sim:long:1000]]")
SILENT = asking("[[sim:headers_only]]")

Leave = Callable[[Qwen], Awaitable[None]]


async def by_break(qwen: Qwen) -> None:
    async for _ in qwen.stream_chat(LONG):
        break


async def by_closing(qwen: Qwen) -> None:
    async with aclosing(qwen.stream_chat(LONG)) as messages:
        await anext(messages)


async def by_an_error(qwen: Qwen) -> None:
    with pytest.raises(Stumbled):
        await stumbling(qwen)


class Stumbled(Exception):
    """What goes wrong in the caller's own code."""


async def stumbling(qwen: Qwen) -> None:
    async for _ in qwen.stream_chat(LONG):
        raise Stumbled


async def by_deadline(qwen: Qwen) -> None:
    error = await failure(all_of(qwen.stream_chat(LONG, timeout=0.3)))
    assert (type(error), error.reason, error.may_retry) == (DeadlinePassed, "CLIENT_DEADLINE", False)


@pytest.mark.asyncio
@pytest.mark.parametrize("leave", [by_break, by_closing, by_an_error, by_deadline], ids=lambda leave: leave.__name__)
async def test_who_leaves_a_stream_stops_the_upstream_within_a_second(leave: Leave) -> None:
    async with open_house(SLOW) as house, client_to(house) as qwen:
        await leave(qwen)
        assert await house.simulator.hang_ups(1, within=1.0) == 1
        assert text_of(await qwen.complete_chat(asking("Again"))) == "You said: Again"


@pytest.mark.asyncio
@pytest.mark.parametrize("question", [SILENT, LONG], ids=["before the first byte", "in the middle"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_whoever_is_cancelled_stops_the_upstream_within_a_second(
    question: CompleteChatRequest, streamed: bool
) -> None:
    async with open_house(SLOW) as house, client_to(house) as qwen:
        work = all_of(qwen.stream_chat(question)) if streamed else qwen.complete_chat(question)
        waiting: asyncio.Future[Any] = asyncio.ensure_future(work)
        await until(lambda: house.simulator.streams)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await house.simulator.hang_ups(1, within=1.0) == 1


@pytest.mark.asyncio
async def test_leaving_the_connection_ends_its_calls() -> None:
    async with open_house(SLOW) as house:
        async with client_to(house) as qwen:
            messages = qwen.stream_chat(LONG)
            await anext(messages)
        assert await house.simulator.hang_ups(1, within=1.0) == 1
        error = await failure(all_of(messages))
    assert (type(error), error.may_retry) == (GatewayFailed, False)


@pytest.mark.asyncio
async def test_a_call_has_the_deadline_of_its_connection_unless_it_names_its_own() -> None:
    async with open_house(SLOW) as house, connect(house.target, pack(session()), timeout=0.2) as qwen:
        for work in (qwen.complete_chat(SILENT), qwen.call().complete_chat(SILENT)):
            error = await failure(work)
            assert (type(error), error.status, error.reason, error.may_retry) == (
                DeadlinePassed,
                Status.DEADLINE_EXCEEDED,
                "CLIENT_DEADLINE",
                False,
            )
        assert text_of(await qwen.complete_chat(asking("Hello"), timeout=20)) == "You said: Hello"
        assert (await failure(qwen.complete_chat(asking("Hello"), timeout=0))).reason == "CLIENT_DEADLINE"


@pytest.mark.asyncio
async def test_a_call_may_have_a_name_and_tells_who_answered() -> None:
    async with open_house() as house, client_to(house) as qwen:
        call = qwen.call(request_id="order-17")
        assert call.reply == Reply()
        messages = call.stream_chat(asking("Hello"))
        await anext(messages)
        early = call.reply
        await all_of(messages)
        other = qwen.call()
        await other.list_models(ListModelsRequest())
    assert early == call.reply == Reply(request_id="order-17", model="qwen3.8-max", upstream="web")
    assert other.reply == Reply(request_id=other.reply.request_id)
    assert other.reply.request_id.startswith("req_")


@pytest.mark.asyncio
async def test_a_gateway_that_is_full_says_when_to_come_again() -> None:
    async with (
        open_house(SLOW, qwen_max_calls=1) as house,
        client_to(house) as qwen,
        aclosing(qwen.stream_chat(LONG)) as messages,
    ):
        await anext(messages)
        error = await failure(qwen.complete_chat(asking("Hello")))
    assert (type(error), error.reason, error.may_retry) == (Limited, "OVERLOADED", True)
    assert error.retry_after is not None
    assert error.retry_after > 0


@pytest.mark.asyncio
async def test_a_hundred_calls_share_a_connection() -> None:
    async with open_house() as house, client_to(house) as qwen:
        asked = [asking(f"number {number}") for number in range(100)]
        answers = await asyncio.gather(*map(qwen.complete_chat, asked))
    assert list(map(text_of, answers)) == [f"You said: number {number}" for number in range(100)]


# -- connections ------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_where_nobody_listens_the_gateway_cannot_be_reached() -> None:
    async with connect("127.0.0.1:1", pack(session())) as qwen:
        error = await failure(qwen.complete_chat(asking("Hello")))
    assert (type(error), error.status, error.reason) == (GatewayFailed, Status.UNAVAILABLE, "UNAVAILABLE")
    assert (error.request_id, error.may_retry) == ("", True)
    assert error.message.startswith("the gateway cannot be reached: ")


@pytest.mark.asyncio
async def test_who_takes_the_other_door_is_told_so_by_a_typed_error() -> None:
    async with open_house() as house, connect(house.rest.removeprefix("http://"), pack(session())) as qwen:
        error = await failure(qwen.complete_chat(asking("Hello")))
    assert (type(error), error.reason) == (GatewayFailed, "UNAVAILABLE")


@pytest.mark.asyncio
async def test_a_connection_that_breaks_ends_its_calls_and_the_next_call_makes_a_new_one() -> None:
    async with open_house(SLOW) as house, wire_to(house) as wire, connect(wire.target, pack(session())) as qwen:
        messages = qwen.stream_chat(LONG)
        await anext(messages)
        wire.cut()
        broken = await failure(all_of(messages))
        assert await house.simulator.hang_ups(1, within=1.0) == 1
        assert text_of(await qwen.complete_chat(asking("Again"))) == "You said: Again"
    assert (type(broken), broken.status, broken.may_retry) == (GatewayFailed, Status.UNAVAILABLE, False)


@pytest.mark.slow
@pytest.mark.asyncio
async def test_when_the_gateway_drains_running_calls_fail_and_say_so(tmp_path: Path) -> None:
    """grpclib gives a connection up when the server says that it will take no further call."""
    async with (
        running(behaviour=SLOW) as simulator,
        gateway_process(simulator.url, tmp_path) as gateway,
        connect(gateway.target, pack(session())) as qwen,
    ):
        heard: list[StreamChatResponse] = []
        streaming = asyncio.ensure_future(failure(all_of(qwen.stream_chat(asking("[[sim:long:150]]")), heard)))
        await until(lambda: heard)
        gateway.signal()
        error = await asyncio.wait_for(streaming, 10)
        assert (type(error), error.status, error.may_retry) == (GatewayFailed, Status.UNAVAILABLE, False)
        assert await gateway.ended(10) == 0


@pytest.mark.asyncio
async def test_targets_are_addresses_or_sockets(tmp_path: Path) -> None:
    async with connect(f"unix:{tmp_path}/nobody", pack(session())) as qwen:
        assert (await failure(qwen.list_models(ListModelsRequest()))).reason == "UNAVAILABLE"
    async with connect("[::1]:1") as qwen:
        assert (await failure(qwen.list_models(ListModelsRequest()))).reason == "UNAVAILABLE"
    for wrong in ("", "gateway", "gateway:", "http://gateway:50051", "::1:50051", "gateway:50051/v1", "gateway:x"):
        with pytest.raises(ValueError, match="is no target: expected host:port"):
            async with connect(wrong):
                pass


def test_the_client_brings_nothing_of_the_server_along() -> None:
    code = "import qwen_grpc.client, sys; print(*sorted(name for name in sys.modules if name.count('.') == 1))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    ours = [name for name in done.stdout.split() if name.startswith(("qwen_grpc.", "rest_shim", "grpc."))]
    assert ours == ["qwen_grpc.client", "qwen_grpc.typed"]
