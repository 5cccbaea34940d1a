import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from both_doors import COMPLETIONS, WAYS, Outcome, request_of
from engine_house import DIALECTS, HEADERS, KEY, THOUGHTS, EngineHouse, model_of, open_engine
from engine_paths import upstream

from qwen_grpc.credentials import ApiKey
from qwen_grpc.services.fold import fold
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_STOP, FINISH_REASON_TOOL_CALLS

PICTURE = "data:image/png;base64,iVBORw0KGgo="
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest_asyncio.fixture(params=DIALECTS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[EngineHouse]:
    async with open_engine(request.param) as opened:
        yield opened


@pytest.mark.asyncio
async def test_an_answer_is_the_same_by_all_ways(engine: EngineHouse) -> None:
    question = engine.question("Hello")
    outcomes = {name: await ask(engine.doors, question, ApiKey(KEY)) for name, ask in WAYS.items()}

    assert outcomes == dict.fromkeys(WAYS, Outcome("You said: Hello", None))
    assert {one.headers["authorization"] for one in engine.simulator.requests} == {f"Bearer {KEY}"}


@pytest.mark.asyncio
async def test_the_engine_is_told_what_it_needs_and_the_client_hears_of_usage_only_if_it_asked(
    engine: EngineHouse,
) -> None:
    asked = await engine.chunks("Hello", stream_options={"include_usage": True})
    *chunks, done = await engine.chunks("Hello")

    assert (asked[-1], done) == ("[DONE]", "[DONE]")
    assert asked[-2]["usage"]["completion_tokens"] > 0
    assert not any(chunk.get("usage") for chunk in chunks)
    assert (engine.sent()["model"], engine.sent()["stream"]) == (model_of(engine.dialect), True)
    assert engine.sent()["stream_options"] == {"include_usage": True}


@pytest.mark.asyncio
async def test_thinking_is_told_apart_when_it_is_wanted_and_left_out_when_it_is_not(engine: EngineHouse) -> None:
    thinking = {"role": "assistant", "content": "You said: Hi", "reasoning_content": THOUGHTS}

    assert await engine.message("Hi", enable_thinking=True) == thinking
    assert await engine.message("Hi", enable_thinking=False) == {"role": "assistant", "content": "You said: Hi"}
    assert await engine.message("Hi", enable_thinking=None, model=model_of(engine.dialect)) == thinking


@pytest.mark.asyncio
async def test_thinking_comes_before_the_answer_in_a_stream(engine: EngineHouse) -> None:
    deltas = [delta for message in await engine.streamed("Hi", enable_thinking=True) for delta in message.deltas]

    kinds = ["thought" if delta.reasoning_content else "said" for delta in deltas if not delta.finish_reason]
    assert kinds == sorted(kinds, reverse=True)
    assert "".join(delta.reasoning_content for delta in deltas) == THOUGHTS
    assert "".join(delta.content for delta in deltas) == "You said: Hi"
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == [FINISH_REASON_STOP]


@pytest.mark.asyncio
async def test_an_answer_that_came_as_thinking_is_given_back_as_the_answer(engine: EngineHouse) -> None:
    misplaced = {"role": "assistant", "content": "You said: Hi"}

    assert await engine.message("Hi [[sim:misplaced]]") == misplaced
    texts = [delta["content"] for delta in _deltas(await engine.chunks("Hi [[sim:misplaced]]")) if "content" in delta]
    assert "".join(texts) == "You said: Hi"


@pytest.mark.asyncio
async def test_thoughts_without_an_answer_stay_thoughts_when_thinking_was_wanted(engine: EngineHouse) -> None:
    message = await engine.message("Hi [[sim:think_only]]", enable_thinking=True)

    assert message == {"role": "assistant", "reasoning_content": THOUGHTS}


@pytest.mark.asyncio
async def test_calls_of_tools_come_in_parallel(engine: EngineHouse) -> None:
    messages = await engine.streamed("Paris [[sim:parallel_tools]]", tools=[WEATHER])
    steps = [step for message in messages for delta in message.deltas for step in delta.tool_calls]
    named = [step for step in steps if step.id or step.name]

    assert [(step.index, step.name) for step in named] == [(0, "weather"), (1, "weather")]
    assert len({step.id for step in named}) == 2
    for index in (0, 1):
        arguments = "".join(step.arguments for step in steps if step.index == index)
        assert json.loads(arguments) == {"city": "Paris"}
    reasons = [delta.finish_reason for message in messages for delta in message.deltas if delta.finish_reason]
    assert reasons == [FINISH_REASON_TOOL_CALLS]


@pytest.mark.asyncio
async def test_a_result_of_a_tool_is_answered(engine: EngineHouse) -> None:
    call = (await engine.message("Paris [[sim:tools]]", tools=[WEATHER]))["tool_calls"][0]
    history = [
        {"role": "user", "content": "Paris"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "sunny"},
    ]

    assert (await engine.message("", messages=history, tools=[WEATHER]))["content"] == "The tool said: sunny"


@pytest.mark.asyncio
async def test_a_picture_is_looked_at(engine: EngineHouse) -> None:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": PICTURE}}]

    message = await engine.message(parts, model=model_of(engine.dialect, sees=True))

    assert message["content"] == "You sent: image.png (image)\nYou said: What is it?"


@pytest.mark.asyncio
async def test_a_long_answer_comes_whole_and_in_order(engine: EngineHouse) -> None:
    text = "".join(f"word {number} " for number in range(1000))

    assert (await engine.message("[[sim:long:1000]]"))["content"] == text
    assert "".join(delta.get("content", "") for delta in _deltas(await engine.chunks("[[sim:long:1000]]"))) == text


@pytest.mark.asyncio
async def test_text_that_is_cut_between_bytes_arrives_unharmed(engine: EngineHouse) -> None:
    engine.simulator.engine.behaviour.write_bytes = 7
    text = "Grüße, 世界 👋🏽 \u2028 end"

    assert (await engine.message(text))["content"] == f"You said: {text}"


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["pings", "no_done"])
async def test_what_is_only_unusual_does_no_harm(engine: EngineHouse, scenario: str) -> None:
    assert (await engine.message(f"Hi [[sim:{scenario}]]"))["content"] == "You said: Hi"


@pytest.mark.asyncio
async def test_an_answer_that_is_cut_by_its_limit_says_so(engine: EngineHouse) -> None:
    answer = await engine.whole("Hello there", max_completion_tokens=2)

    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["choices"][0]["message"]["content"] == "You said"


@pytest.mark.asyncio
async def test_members_that_nobody_here_knows_reach_the_engine_as_they_were_written(engine: EngineHouse) -> None:
    unknown = '"zz_new":{"b":[1,2.5,null,true,"ß\\u2028"],"a":{}},"min_p":0.05,"cache_salt":"s","aa":[]'
    asked = json.dumps(engine.question("Hello", api_base="http://elsewhere.example"))[:-1] + "," + unknown + "}"
    reply = await engine.doors.http.post(
        COMPLETIONS, content=asked.encode(), headers={**HEADERS, "content-type": "application/json"}
    )

    assert reply.status_code == 200
    sent = [one for one in engine.simulator.requests if one.path.endswith("/chat/completions")][-1]
    wanted = json.loads("{" + unknown + "}")
    assert {name: value for name, value in sent.json.items() if name in wanted} == wanted
    for name, value in wanted.items():
        member = json.dumps({name: value}, separators=(",", ":"), ensure_ascii=False)[1:-1]
        assert member.encode() in sent.body
    assert b"elsewhere" not in sent.body


@pytest.mark.asyncio
async def test_what_an_engine_says_beyond_the_contract_reaches_the_client() -> None:
    async with open_engine("llamacpp") as engine:
        assert "timings" in await engine.whole("Hi")
        chunks = await engine.chunks("Hi", return_progress=True)
        assert any("prompt_progress" in chunk for chunk in chunks[:-1])


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", ["sglang", "llamacpp", "vllm"])
async def test_the_tokens_of_thinking_are_counted_in_one_place(dialect: str) -> None:
    async with open_engine(dialect) as engine:
        usage = (await engine.whole("Hi", enable_thinking=True))["usage"]

        if dialect != "llamacpp":
            assert usage["completion_tokens_details"]["reasoning_tokens"] > 0
        assert "reasoning_tokens" not in usage


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", ["vllm", "sglang", "llamacpp", "generic"])
async def test_each_of_several_answers_comes_whole(dialect: str) -> None:
    async with open_engine(dialect) as engine, upstream(f"{engine.simulator.url}/engine/{dialect}/v1") as gpu:
        request = request_of(engine.question("Hi", n=2))
        model = await gpu.resolve(request.model, ApiKey(KEY))

        answer = await fold(gpu.chat(request, model, ApiKey(KEY)))

        assert [choice.message.content for choice in answer.choices] == ["You said: Hi"] * 2


def _deltas(chunks: list[Any]) -> list[dict[str, Any]]:
    assert chunks[-1] == "[DONE]"
    return [choice["delta"] for chunk in chunks[:-1] for choice in chunk["choices"]]
