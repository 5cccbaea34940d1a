import asyncio
import random
import socket
import ssl
import time
from dataclasses import replace
from pathlib import Path

import pytest
from both_doors import WAYS, Outcome, all_ways, open_doors, question, site
from grpc import StatusCode
from qwen_wire import CREATED, FINISHED, GOODBYE, MODELS, NEW_CHAT, Refused, said, tick, ticking, wordless
from raw_server import LAST_CHUNK, STREAM_HEAD, Script, Step, chunk, deaf_port, raw_server, self_signed
from support import session

from qwen_grpc.upstreams.clocks import Clocks

SHORT = Clocks(
    connect_s=0.1,
    headers_s=0.4,
    first_event_s=0.4,
    thinking_first_event_s=0.4,
    idle_s=0.4,
    thinking_idle_s=0.4,
    silence_s=0.4,
)
TIMEOUT = (504, "server_error", "timeout")
HEADERS = Refused(StatusCode.DEADLINE_EXCEEDED, "UPSTREAM_HEADERS_TIMEOUT", *TIMEOUT, retry=True)
FIRST_EVENT = Refused(StatusCode.DEADLINE_EXCEEDED, "UPSTREAM_TTFB_TIMEOUT", *TIMEOUT, retry=True)
IDLE = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_IDLE_TIMEOUT", 504, "server_error", "stream_interrupted", said="Hi")
CONNECT = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_CONNECT", 503, "server_error", "upstream_unavailable", retry=True)
TLS = Refused(StatusCode.UNAVAILABLE, "UPSTREAM_TLS", 502, "server_error", "upstream_tls")
PING = chunk(b": ping\n\n")

each_way = pytest.mark.parametrize("way", WAYS)


async def asked(way: str, script: Script, clocks: Clocks = SHORT) -> Outcome:
    """One question to an upstream that answers the completion by a script, with a tick every 100 ms."""
    async with (
        raw_server([MODELS], [NEW_CHAT], script, [GOODBYE]) as server,
        open_doors(site(server.url, clocks)) as doors,
    ):
        ticking_on = asyncio.create_task(tick(script, server, 0.1))
        outcome = await WAYS[way](doors, question("Hello"), session(refresh=False))
        if script[-1] is Step.WAIT:
            await server.hang_ups(1, within=1.0)
        ticking_on.cancel()
        for step in script:
            if isinstance(step, asyncio.Event):
                # Lets the server find out, too, that its client is gone.
                step.set()
        completions = [request for request in server.requests if b"/chat/completions?" in request]
        assert len(completions) == 1, "what may still be at work is not asked again"
        return outcome


@pytest.mark.asyncio
@each_way
async def test_an_upstream_without_headers_is_given_up(way: str) -> None:
    assert wordless(await asked(way, [Step.WAIT])) == HEADERS.by(way)


@pytest.mark.asyncio
@each_way
async def test_an_upstream_that_sends_headers_and_no_event_is_given_up(way: str) -> None:
    assert wordless(await asked(way, [STREAM_HEAD, Step.WAIT])) == FIRST_EVENT.by(way)


@pytest.mark.asyncio
@each_way
async def test_comments_are_no_first_event(way: str) -> None:
    assert wordless(await asked(way, [STREAM_HEAD, *ticking(PING, 12)])) == FIRST_EVENT.by(way)


@pytest.mark.asyncio
@each_way
async def test_an_upstream_that_falls_silent_is_given_up(way: str) -> None:
    assert wordless(await asked(way, [STREAM_HEAD + chunk(CREATED + said("Hi")), Step.WAIT])) == IDLE.by(way)


@pytest.mark.asyncio
@each_way
@pytest.mark.parametrize("piece", [PING, chunk(b"x")], ids=["comments", "bytes of an event that never ends"])
async def test_neither_comments_nor_an_unfinished_event_keep_a_stream_alive(way: str, piece: bytes) -> None:
    begun = STREAM_HEAD + chunk(CREATED + said("Hi") + b"data: "[: 6 * (piece != PING)])
    assert wordless(await asked(way, [begun, *ticking(piece, 12)])) == IDLE.by(way)


@pytest.mark.asyncio
@each_way
async def test_comments_keep_a_stream_alive_for_a_while_and_not_for_ever(way: str) -> None:
    begun = STREAM_HEAD + chunk(CREATED + said("Hi"))
    # Alive and silent for a second, which is longer than the clock between two events.
    pings = ticking(PING, 10)
    patient = replace(SHORT, silence_s=5.0)
    spoke = [begun, *pings, chunk(said(" there") + FINISHED), LAST_CHUNK]
    assert await asked(way, spoke, patient) == Outcome("Hi there", None)
    limited = replace(SHORT, silence_s=0.8)
    assert wordless(await asked(way, [begun, *ticking(PING, 60)], limited)) == IDLE.by(way)


@pytest.mark.asyncio
@each_way
async def test_events_in_time_keep_a_stream_alive_longer_than_the_clock(way: str) -> None:
    words = [part for number in range(5) for part in ticking(chunk(said(f"{number}")), 1)]
    script = [STREAM_HEAD + chunk(CREATED + said("Hi")), *words, chunk(FINISHED), LAST_CHUNK]
    assert await asked(way, script) == Outcome("Hi01234", None)


# -- no connection ----------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@each_way
async def test_an_upstream_that_refuses_connections_is_tried_three_times(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def no_pause(_: float, most: float) -> float:
        pauses.append(most)
        return 0.0

    monkeypatch.setattr(random, "uniform", no_pause)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        async with open_doors(site(f"http://127.0.0.1:{bound.getsockname()[1]}", SHORT)) as doors:
            outcome = await WAYS[way](doors, question("Hello"), session())

    assert wordless(outcome) == CONNECT.by(way)
    # Once for the list of models, once for the chat.
    assert pauses == [0.2, 0.4, 0.2, 0.4]


@pytest.mark.asyncio
async def test_an_upstream_that_does_not_answer_the_connection_is_given_up_in_time() -> None:
    with deaf_port() as port:
        async with open_doors(site(f"http://127.0.0.1:{port}", SHORT)) as doors:
            begun = time.monotonic()
            outcomes = await all_ways(doors, question("Hello"), session())
            took = time.monotonic() - begun

    assert {way: wordless(outcome) for way, outcome in outcomes.items()} == {way: CONNECT.by(way) for way in WAYS}
    # The list of models and the chat, each as long as the clock says and no second time.
    assert 0.2 <= took < 0.7


@pytest.mark.asyncio
async def test_an_upstream_with_a_certificate_of_its_own_making_gets_nothing(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    async with raw_server([MODELS], tls=_tls(*certificate)) as server, open_doors(site(server.url, SHORT)) as doors:
        outcomes = await all_ways(doors, question("Hello"), session())

        assert {way: wordless(outcome) for way, outcome in outcomes.items()} == {way: TLS.by(way) for way in WAYS}
        assert server.requests == []


def _tls(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
