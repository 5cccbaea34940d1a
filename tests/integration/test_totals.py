"""How long a call may take, seen from outside: never-ending answers end, long work gets its time."""

import asyncio

import grpc
import pytest
from both_doors import COMPLETIONS, GrpcFailure, HttpFailure, all_ways, grpc_failure, metadata, question, request_of
from support import bearer, open_house
from upstream_record import until

from qwen_grpc.simulator import Behaviour

ENDLESS = question("[[sim:silent]]")
TEXT = "the call was not complete after 0.6 s, as long as one may take here"


@pytest.mark.asyncio
async def test_an_answer_without_end_is_ended_with_a_reason_at_both_doors_and_upstream() -> None:
    async with open_house(qwen_total=0.6) as house:
        outcomes = await all_ways(house, ENDLESS)
        assert len(house.simulator.streams) == 4
        await until(lambda: len(house.simulator.stops) == 4)

    whole, streamed, called, poured = (outcomes[way].failure for way in outcomes)
    assert isinstance(whole, HttpFailure)
    assert isinstance(streamed, HttpFailure)
    assert isinstance(called, GrpcFailure)
    assert isinstance(poured, GrpcFailure)
    assert (whole.status, whole.type, whole.code, whole.should_retry) == (504, "server_error", "timeout", "false")
    # The words that came before were delivered, and the failure after them.
    assert (streamed.status, streamed.code, outcomes["REST stream"].text) == (200, "timeout", "Part 1. ")
    assert outcomes["gRPC stream"].text == "Part 1. "
    assert {(one.code, one.reason) for one in (called, poured)} == {
        (grpc.StatusCode.DEADLINE_EXCEEDED, "TOTAL_TIMEOUT")
    }
    assert {one.message for one in (whole, streamed, called, poured)} == {TEXT}


@pytest.mark.asyncio
async def test_the_deadline_of_a_client_comes_before_with_a_reason_too() -> None:
    async with open_house() as house:
        reply = await house.http.post(COMPLETIONS, json=ENDLESS, headers={**bearer(), "x-request-timeout-ms": "500"})
        assert (reply.status_code, reply.json()["error"]["message"]) == (
            504, "the deadline of the call passed before the answer was complete"
        )  # fmt: skip
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await house.chat.CompleteChat(request_of(ENDLESS), metadata=metadata(), timeout=0.5)
    failure = grpc_failure(caught.value)
    assert (failure.code, failure.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "CLIENT_DEADLINE")


@pytest.mark.asyncio
@pytest.mark.parametrize("asked", ["soon", "0", "1.5"])
async def test_a_time_that_is_none_is_a_mistake_of_the_caller(asked: str) -> None:
    async with open_house() as house:
        headers = {**bearer(), "x-request-timeout-ms": asked}
        replies = [
            await house.http.post(COMPLETIONS, json=question("Hello", stream=stream), headers=headers)
            for stream in (True, False)
        ]
        assert house.simulator.streams == []
    assert {(reply.status_code, reply.json()["error"]["param"]) for reply in replies} == {(400, "x-request-timeout-ms")}


@pytest.mark.asyncio
async def test_a_research_gets_the_time_of_long_work_and_a_chat_beside_it_does_not() -> None:
    async with open_house(Behaviour(research_silence_s=1.2), qwen_total=0.6, qwen_long_total=20) as house:
        research = question("What is a lagoon?", model="qwen-max-deep-research")
        first = await house.http.post(COMPLETIONS, json=research, headers=bearer())
        assert first.status_code == 200
        talk = [*research["messages"], first.json()["choices"][0]["message"], {"role": "user", "content": "Go on"}]
        report, chat = await asyncio.gather(
            house.http.post(COMPLETIONS, json={**research, "messages": talk}, headers=bearer()),
            house.http.post(COMPLETIONS, json=ENDLESS, headers=bearer()),
        )
    assert (report.status_code, chat.status_code) == (200, 504)
    assert "#" in report.json()["choices"][0]["message"]["content"]
