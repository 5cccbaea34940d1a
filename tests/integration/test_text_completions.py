"""POST /v1/completions, with the official openai package and by hand."""

from typing import Any

import pytest
from openai import AsyncOpenAI
from support import House, bearer, open_house, records

from qwen_grpc.simulator import Behaviour

ASKED: dict[str, Any] = {"model": "qwen-max", "prompt": "Hello"}


def client_of(house: House) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{house.rest}/v1", api_key=bearer()["authorization"].removeprefix("Bearer "))


@pytest.mark.asyncio
@pytest.mark.parametrize("prompt", ["Hello", ["Hello"]])
async def test_a_prompt_is_answered(house: House, prompt: Any) -> None:
    async with client_of(house) as client:
        made = await client.completions.create(model="qwen-max", prompt=prompt, best_of=1, max_tokens=100)

    assert [(one.text, one.finish_reason, one.index) for one in made.choices] == [("You said: Hello", "stop", 0)]
    assert (made.object, made.id.partition("-")[0]) == ("text_completion", "cmpl")
    assert made.usage is not None
    assert made.usage.completion_tokens > 0


@pytest.mark.asyncio
async def test_a_stream_is_the_text_in_pieces_without_the_thinking(house: House) -> None:
    options: Any = {"include_usage": True}
    async with client_of(house) as client:
        stream = await client.completions.create(
            model="qwen-max-thinking", prompt="Hello", stream=True, stream_options=options
        )
        chunks = [chunk async for chunk in stream]

    *told, last = chunks
    assert "".join(chunk.choices[0].text for chunk in told) == "You said: Hello"
    assert [chunk.choices[0].finish_reason for chunk in told][-2:] == [None, "stop"]
    assert [chunk.usage for chunk in told] == [None] * len(told)
    assert last.choices == []
    assert last.usage is not None


@pytest.mark.asyncio
async def test_a_stream_ends_with_done_and_tells_no_usage_unasked(house: House) -> None:
    reply = await house.http.post("/v1/completions", json={**ASKED, "stream": True}, headers=bearer())
    *chunks, done = records(reply.text)
    assert done == "[DONE]"
    assert [chunk for chunk in chunks if "usage" in chunk or not chunk["choices"]] == []


@pytest.mark.asyncio
async def test_a_stream_that_breaks_ends_with_an_error() -> None:
    async with open_house(Behaviour()) as house:
        asked = {**ASKED, "prompt": "[[sim:truncate]]", "stream": True}
        reply = await house.http.post("/v1/completions", json=asked, headers=bearer())

    *chunks, last = records(reply.text)
    assert chunks != []
    assert list(last) == ["error"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1], [2]]}, "prompt"),
        ({"prompt": {}}, "prompt"),
        ({"echo": True}, "echo"),
        ({"suffix": "."}, "suffix"),
        ({"logprobs": 0}, "logprobs"),
        ({"tools": [{}]}, "tools"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {}}, "stream_options"),
        ({"temperature": "hot"}, "temperature"),
    ],
    ids=str,
)
async def test_what_cannot_be_served_is_refused_by_its_name(house: House, more: dict[str, Any], param: str) -> None:
    reply = await house.http.post("/v1/completions", json={**ASKED, **more}, headers=bearer())
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
