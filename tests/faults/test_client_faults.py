"""F-38 to F-43: callers that leave, by whatever way, and callers that do not read."""

import asyncio
import resource
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest
from both_doors import COMPLETIONS, WAYS, metadata, request_of
from broken_upstream import BrokenUpstream, path_of
from faces import ENGINE, says
from http_wire import Wire, post, wire
from raw_server import STREAM_HEAD, Step, chunk
from support import bearer
from tcp_wire import Wire as Cable
from trial import SOON_S, Trial, trial_of
from upstream_record import until

from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub

# When a caller leaves: what the upstream has done by then.
MOMENTS: dict[str, list[bytes | Step]] = {
    "before the headers": [Step.WAIT],
    "before the first event": [STREAM_HEAD, Step.WAIT],
    "in the middle": [ENGINE.begun, Step.WAIT],
}
MANY = 500


def asked_by_rest(trial: Trial, *, stream: bool) -> bytes:
    headers = bearer(trial.face.credentials)
    return post(COMPLETIONS, {**trial.face.asked(), "stream": stream}, **headers)


def asked_by_grpc(trial: Trial, stub: Any, *, stream: bool) -> Any:
    method = stub.StreamChat if stream else stub.CompleteChat
    return method(request_of(trial.face.asked()), metadata=metadata(trial.face.credentials), timeout=60)


@asynccontextmanager
async def asking(trial: Trial, way: str, *, heard: bool) -> AsyncIterator[None]:
    """A caller that has asked, and heard the first words if there are any; leaving is leaving."""
    door, _, form = way.partition(" ")
    stream, arrived = form == "stream", len(trial.upstream.completions())
    async with AsyncExitStack() as stack:
        if door == "REST":
            line = await stack.enter_async_context(wire(trial.doors.http.base_url.port or 0))
            line.send(asked_by_rest(trial, stream=stream))
            words = line.chunk
            first = line.head if heard and stream else None
        else:
            call = asked_by_grpc(trial, trial.doors.chat, stream=stream)
            stack.callback(call.cancel)
            words, first = getattr(call, "read", None), None
        await until(lambda: len(trial.upstream.completions()) > arrived)
        if heard and stream:
            if first is not None:
                await first()
            assert words is not None
            await words()
        yield


@pytest.mark.asyncio
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", MOMENTS)
async def test_who_leaves_stops_the_upstream_at_once(moment: str, way: str) -> None:
    async with trial_of(ENGINE) as trial:
        await trial.ask(way)
        before = trial.levels()
        trial.upstream.play = MOMENTS[moment]
        del trial.logged[:]
        async with asking(trial, way, heard=moment == "in the middle"):
            pass
        await trial.upstream.hang_ups(1, within=SOON_S)
        await until(lambda: trial._lines(), within=SOON_S)
        assert [line["code"] for line in trial._lines()] == ["CANCELLED"]
        await trial.is_well(before, way)


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [True, False])
async def test_who_says_that_nothing_more_will_come_is_taken_for_gone(stream: bool) -> None:
    async with trial_of(ENGINE) as trial:
        await trial.ask("REST stream")
        before = trial.levels()
        trial.upstream.play = MOMENTS["in the middle"]
        async with wire(trial.doors.http.base_url.port or 0) as line:
            line.send(asked_by_rest(trial, stream=stream))
            await until(lambda: len(trial.upstream.completions()) == 2)
            line.writer.write_eof()
            await trial.upstream.hang_ups(1, within=SOON_S)
            assert b"[DONE]" not in await line.closed()
        await trial.is_well(before, "REST stream")


# -- all at once ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def cable_to(trial: Trial) -> AsyncIterator[Cable]:
    """A wire to the gRPC door that can be cut."""
    cable = Cable(trial.doors.grpc_port)
    async with await asyncio.start_server(cable.carry, "127.0.0.1", 0) as server:
        cable.target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield cable
        cable.cut()


def reset(line: Wire) -> None:
    """Closes a connection by a TCP reset."""
    line.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.writer.transport.abort()


@pytest.fixture
def enough_files() -> Iterator[None]:
    """Each of these callers needs four."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < 8192:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.asyncio
@pytest.mark.usefixtures("enough_files")
async def test_five_hundred_callers_that_reset_their_connections_at_once_leave_nothing() -> None:
    async with trial_of(ENGINE) as trial, cable_to(trial) as cable, AsyncExitStack() as stack:
        await trial.ask("REST stream")
        before = trial.levels()
        trial.upstream.play = MOMENTS["in the middle"]
        lines = [await stack.enter_async_context(wire(trial.doors.http.base_url.port or 0)) for _ in range(MANY // 2)]
        for line in lines:
            line.send(asked_by_rest(trial, stream=True))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(cable.target))
        stub = ChatServiceStub(channel)
        calls = [asked_by_grpc(trial, stub, stream=True) for _ in range(MANY // 2)]
        await asyncio.gather(*(line.head() for line in lines), *(call.read() for call in calls))

        for line in lines:
            reset(line)
        cable.cut()
        await trial.upstream.hang_ups(MANY, within=2.0)
        await stack.aclose()
        await trial.is_well(before, "REST stream")


# -- callers that do not read -----------------------------------------------------------------------------------------


class Tap:
    """Words for ever, and how many bytes of them were taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __call__(self, _: BrokenUpstream) -> Iterator[bytes]:
        piece = chunk(says("x" * 100_000))
        yield ENGINE.begun
        while True:
            yield piece
            self.taken += len(piece)


@pytest.mark.asyncio
@pytest.mark.parametrize("way", ["REST stream", "gRPC stream"])
async def test_a_caller_that_does_not_read_holds_the_upstream_back(way: str) -> None:
    tap = Tap()
    async with trial_of(ENGINE) as trial:
        await trial.ask(way)
        before = trial.levels()
        trial.upstream.play = tap
        async with asking(trial, way, heard=True):
            taken = await _standing(tap)
        # What lies in the buffers of four sockets, which are the machine's, and a few hundred kilobytes of ours.
        assert taken < 32 << 20
        await trial.is_well(before, way)
    assert path_of(trial.upstream.requests[-1]) == b"/v1/chat/completions"


async def _standing(tap: Tap) -> int:
    """How much was taken when no more is."""
    taken = still = 0
    while still < 30:
        await asyncio.sleep(0.01)
        still = still + 1 if tap.taken == taken else 0
        taken = tap.taken
    return taken
