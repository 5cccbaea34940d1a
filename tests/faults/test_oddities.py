"""F-36, F-37: what is put right, and what is left out, in answers that are odd and whole."""

from typing import Any

import pytest
from both_doors import COMPLETIONS, metadata, request_of
from faces import DONE, ENGINE, says, step
from raw_server import LAST_CHUNK, STREAM_HEAD, chunk
from streaming import ODD_USAGE, usage, whole
from support import bearer, records
from trial import Trial, trial_of

from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP


async def chunks_of(trial: Trial) -> list[Any]:
    """The records of a REST stream."""
    body = {**trial.face.asked(), "stream": True, "stream_options": {"include_usage": True}}
    reply = await trial.doors.http.post(COMPLETIONS, json=body, headers=bearer(trial.face.credentials))
    return records(reply.text)


@pytest.mark.asyncio
@pytest.mark.parametrize("second", ["stop", "length"])
async def test_the_first_finish_reason_stands(second: str) -> None:
    async with trial_of(ENGINE) as trial:
        trial.upstream.play = whole(says("Hi"), step({}, "stop"), step({}, second))
        call = trial.doors.chat.StreamChat(
            request_of(trial.face.asked()), metadata=metadata(trial.face.credentials), timeout=20
        )
        reasons = [delta.finish_reason async for message in call for delta in message.deltas if delta.finish_reason]
        *chunks, done = await chunks_of(trial)

    assert reasons == [FINISH_REASON_STOP]
    told = [choice["finish_reason"] for one in chunks for choice in one["choices"] if choice.get("finish_reason")]
    assert (told, done) == (["stop"], "[DONE]")


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ODD_USAGE)
async def test_no_count_is_better_than_a_wrong_one(name: str) -> None:
    async with trial_of(ENGINE) as trial:
        trial.upstream.play = usage(ODD_USAGE[name])
        whole_answer = await trial.doors.chat.CompleteChat(
            request_of(trial.face.asked()), metadata=metadata(trial.face.credentials), timeout=20
        )
        chunks = await chunks_of(trial)
        reply = await trial.doors.http.post(
            COMPLETIONS, json=trial.face.asked(), headers=bearer(trial.face.credentials)
        )

    assert not whole_answer.HasField("usage")
    assert not any(one.get("usage") for one in chunks[:-1])
    assert reply.json().get("usage") is None


@pytest.mark.asyncio
async def test_calls_in_disorder_are_put_in_order() -> None:
    fragments = [
        (1, {"arguments": '{"a":'}), (0, {"name": "second"}), (1, {"name": "first"}), (0, {"arguments": "{}"}),
        (1, {"arguments": "1}"}),
    ]  # fmt: skip
    events = [step({"tool_calls": [{"index": index, "function": function}]}) for index, function in fragments]
    async with trial_of(ENGINE) as trial:
        trial.upstream.play = [STREAM_HEAD + chunk(b"".join(events) + step({}, "tool_calls") + DONE) + LAST_CHUNK]
        answer = await trial.doors.chat.CompleteChat(
            request_of(trial.face.asked()), metadata=metadata(trial.face.credentials), timeout=20
        )

    calls = {call.name: call.arguments for call in answer.choices[0].message.tool_calls}
    assert calls == {"first": '{"a":1}', "second": "{}"}
    assert all(call.id for call in answer.choices[0].message.tool_calls)
