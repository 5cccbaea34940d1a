"""The load generator of the benchmark in C, before a server that does what a broken gateway might do."""

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from raw_server import LAST_CHUNK, STREAM_HEAD, Script, Step, answer, chunk, raw_server

from benchmarks.compiled import compiler
from benchmarks.loads import Door, Load, begin

pytestmark = pytest.mark.skipif(compiler() is None, reason="the benchmark's programs need a C compiler")

FOUR = Load("four deltas", clients=1, seconds=0, deltas=4, pause_us=1)
WHOLE = Load("a whole answer", clients=1, seconds=0, deltas=4, pause_us=0)
FINISH = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
RIGHT = {"lost": 0, "doubled": 0, "out_of_order": 0, "errors": 0, "first_error": ""}


def delta(number: int, late_ns: int = 0) -> str:
    return f"w{number}@{time.monotonic_ns() - late_ns} "


def event(text: str) -> bytes:
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}, 'finish_reason': None}]})}\n\n".encode()


def stream(texts: Iterable[str], end: bytes = FINISH + DONE) -> bytes:
    return STREAM_HEAD + b"".join(chunk(event(text)) for text in texts) + chunk(end) + LAST_CHUNK


async def seen(script: Script, load: Load = FOUR) -> dict[str, Any]:
    """What the load generator says of an answer."""
    async with raw_server(script) as server:
        return await asyncio.to_thread(begin(Door(int(server.url.rpartition(":")[2])), load))


def wrong(result: dict[str, Any]) -> dict[str, int]:
    return {name: result[name] for name in ("lost", "doubled", "out_of_order") if result[name]}


@pytest.mark.asyncio
async def test_an_answer_as_it_was_sent_is_right() -> None:
    result = await seen([stream(map(delta, range(4)))])
    assert RIGHT.items() <= result.items()
    assert [result[name] for name in ("answers", "complete", "deltas", "expected")] == [1, 1, 4, 4]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        pytest.param((0, 1, 3), {"lost": 1}, id="one-lost"),
        pytest.param((0, 1, 2), {"lost": 1}, id="the-last-lost"),
        pytest.param((), {"lost": 4}, id="all-lost"),
        pytest.param((0, 1, 1, 2, 3), {"doubled": 1}, id="one-doubled"),
        pytest.param((0, 1, 2, 3, 0, 1, 2, 3), {"doubled": 4}, id="all-doubled"),
        pytest.param((0, 2, 1, 3), {"out_of_order": 1}, id="two-swapped"),
        pytest.param((3, 2, 1, 0), {"out_of_order": 3}, id="backwards"),
        pytest.param((0, 3, 3, 1), {"lost": 1, "doubled": 1, "out_of_order": 1}, id="all-of-it"),
    ],
)
async def test_deltas_that_are_not_as_sent_are_found(numbers: Sequence[int], found: dict[str, int]) -> None:
    result = await seen([stream(map(delta, numbers))])
    assert wrong(result) == found
    assert (result["answers"], result["complete"]) == (1, 0)


@pytest.mark.asyncio
async def test_deltas_may_be_joined_and_cut_anywhere() -> None:
    text = "".join(map(delta, range(4)))
    for texts in ([text], list(text), [text[:30], text[30:]]):
        result = await seen([stream(texts)])
        assert RIGHT.items() <= result.items()


@pytest.mark.asyncio
async def test_bytes_may_come_one_by_one() -> None:
    result = await seen([bytes([byte]) for byte in stream(map(delta, range(4)))])
    assert RIGHT.items() <= result.items()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(stream([*map(delta, range(4)), "more"]), "text that no delta has: 'm' after delta 3", id="text"),
        pytest.param(stream(map(delta, range(5))), "delta 4 of an answer of 4", id="one-too-many"),
        pytest.param(stream(map(delta, range(4)), DONE), "an answer ended without a finish reason", id="no-finish"),
        pytest.param(stream(map(delta, range(4)), FINISH), "an answer ended without [DONE]", id="no-done"),
        pytest.param(
            stream(map(delta, range(4)), b'data: {"error": {"message": "no"}}\n\n'),
            "an error within an answer: {'error': {'message': 'no'}}",
            id="error",
        ),
        pytest.param(answer(b'{"why": "full"}', status=b"503 Busy"), "status 503: {'why': 'full'}", id="refused"),
    ],
)
async def test_the_first_error_is_told(body: bytes, error: str) -> None:
    result = await seen([body])
    assert result["first_error"] == error
    assert (result["errors"] > 0, result["complete"]) == (True, 0)


@pytest.mark.asyncio
async def test_an_answer_that_is_cut_has_lost_its_rest() -> None:
    result = await seen([STREAM_HEAD + chunk(event(delta(0))), Step.CLOSE])
    assert wrong(result) == {"lost": 3}
    assert result["first_error"] == "the server hung up within a response: end of the stream"


@pytest.mark.asyncio
async def test_a_whole_answer_is_looked_through_like_a_stream() -> None:
    for numbers, found in (((0, 1, 2, 3), {}), ((0, 2, 1, 1), {"lost": 1, "doubled": 1, "out_of_order": 1})):
        choice = {"message": {"content": "".join(map(delta, numbers))}, "finish_reason": "stop"}
        body = json.dumps({"choices": [choice]}).encode()
        result = await seen([answer(body, b"Content-Type: application/json")], WHOLE)
        assert wrong(result) == found
        assert (result["added_ms"], result["errors"] > 0) == (None, bool(found))


@pytest.mark.asyncio
async def test_a_delta_is_as_late_as_its_stamp_says() -> None:
    result = await seen([stream([delta(0), delta(1, late_ns=10**10), delta(2), delta(3)])])
    assert result["added_ms"][2] >= 10_000
    assert result["early_steps"] == 1, "the second delta was held back by more than 5 ms"
    late_last = await seen([stream([delta(0), delta(1), delta(2), delta(3, late_ns=10**10)])])
    assert late_last["early_ms"][2] < 10_000, "only the first three deltas count as early"


@pytest.mark.asyncio
async def test_clients_ask_again_on_their_connections_until_the_time_is_over() -> None:
    load = Load("again", clients=3, seconds=1, deltas=4, pause_us=0, spread_us=1000)
    async with raw_server([stream(map(delta, range(4)))]) as server:
        result = await asyncio.to_thread(begin(Door(int(server.url.rpartition(":")[2])), load))
    assert RIGHT.items() <= result.items()
    assert result["answers"] > server.connections == 3
