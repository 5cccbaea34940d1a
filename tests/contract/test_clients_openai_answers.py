"""The official openai package finds everything where it expects it."""

import asyncio
from typing import Any

import pytest
from openai import OpenAI
from openai_parts import THOUGHTS, asking, client_of
from support import House, bearer, session

from qwen_grpc.credentials import pack
from qwen_grpc.v1.models_pb2 import ListModelsRequest

CITATION = {
    "type": "url_citation",
    "url_citation": {"url": "https://example.org/echo", "title": "How echoes work", "start_index": 22, "end_index": 27},
}
USAGE = {
    "completion_tokens": 24,
    "prompt_tokens": 802,
    "total_tokens": 826,
    "completion_tokens_details": {"reasoning_tokens": 16},
    "prompt_tokens_details": {"cached_tokens": 0},
}
FULL_MESSAGE = {
    "content": "You said: Hello there [[1]].",
    "refusal": None,
    "role": "assistant",
    "annotations": [CITATION],
    "reasoning_content": THOUGHTS,
}


def text_of(chunks: list[Any]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


@pytest.mark.asyncio
async def test_the_model_list_names_what_the_rpc_names(house: House) -> None:
    async with client_of(house) as client:
        listed = [(model.id, model.object, model.owned_by) async for model in client.models.list()]
    found = await house.models.ListModels(ListModelsRequest(), metadata=tuple(bearer().items()))
    assert listed == [(model.id, "model", "qwen") for model in found.models]


@pytest.mark.asyncio
async def test_a_model_is_retrieved_by_any_name_that_works(house: House) -> None:
    async with client_of(house) as client:
        models = [await client.models.retrieve(name) for name in ("qwen-max", "qwen3.8-max", "qwen-max-thinking")]
    assert [(model.id, (model.model_extra or {}).get("base_model_id")) for model in models] == [
        ("qwen-max", "qwen3.8-max"),
        ("qwen3.8-max", None),
        ("qwen-max-thinking", "qwen3.8-max"),
    ]


@pytest.mark.asyncio
async def test_a_whole_completion_has_text_thinking_sources_and_usage(house: House) -> None:
    async with client_of(house) as client:
        completion = await client.chat.completions.create(**asking("Hello there", "qwen-max-thinking-search"))
    said = completion.model_dump(exclude_unset=True)
    assert said.pop("id") == f"chatcmpl-{said.pop('conversation')['message_id']}"
    assert said.pop("created") > 1_700_000_000
    assert said == {
        "object": "chat.completion",
        "model": "qwen3.8-max",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": FULL_MESSAGE}],
        "usage": USAGE,
    }


@pytest.mark.asyncio
async def test_a_streamed_completion_says_the_role_first_and_the_finish_reason_last(house: House) -> None:
    async with client_of(house) as client:
        chunks = [chunk async for chunk in await client.chat.completions.create(**asking("Hello there"), stream=True)]
    assert chunks[0].choices[0].delta.model_dump(exclude_unset=True) == {"role": "assistant", "content": ""}
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert text_of(chunks) == "You said: Hello there"
    assert [chunk.usage for chunk in chunks if "usage" in chunk.model_fields_set] == []


@pytest.mark.asyncio
async def test_usage_comes_once_in_a_last_chunk_without_choices_when_asked_for(house: House) -> None:
    async with client_of(house) as client:
        asked = asking("Hello there", "qwen-max-thinking-search")
        stream = await client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        chunks = [chunk async for chunk in stream]
    usages = [chunk.usage.model_dump(exclude_unset=True) if chunk.usage else None for chunk in chunks]
    assert usages == [None] * (len(chunks) - 1) + [USAGE]
    assert [len(chunk.choices) for chunk in chunks] == [1] * (len(chunks) - 1) + [0]


@pytest.mark.asyncio
async def test_a_stream_shows_thinking_before_text_and_sources_after_it(house: House) -> None:
    async with client_of(house) as client:
        asked = asking("Hello there", "qwen-max-thinking-search")
        chunks = [chunk async for chunk in await client.chat.completions.create(**asked, stream=True)]
    deltas = [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in chunks]
    thoughts = "".join(delta.get("reasoning_content", "") for delta in deltas)
    order = [name for delta in deltas[1:] for name in delta]
    assert thoughts == THOUGHTS
    assert list(dict.fromkeys(order)) == ["reasoning_content", "content", "annotations"]
    assert [delta["annotations"] for delta in deltas if "annotations" in delta] == [[CITATION]]


@pytest.mark.asyncio
async def test_the_stream_helper_adds_up_to_the_whole_completion(house: House) -> None:
    async with client_of(house) as client:
        asked = asking("Hello there", "qwen-max-thinking-search")
        async with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
            pieces = [event.delta async for event in stream if event.type == "content.delta"]
            final = await stream.get_final_completion()
    message = final.choices[0].message.model_dump(exclude_unset=True, exclude_none=True)
    assert "".join(pieces) == FULL_MESSAGE["content"]
    assert message == {name: value for name, value in FULL_MESSAGE.items() if value is not None}
    assert final.choices[0].finish_reason == "stop"
    assert final.usage is not None
    assert final.usage.model_dump(exclude_unset=True) == USAGE


def ask_in_a_thread(base_url: str) -> tuple[str | None, str]:
    with OpenAI(base_url=base_url, api_key=pack(session())) as client:
        whole = client.chat.completions.create(**asking("Hello there"))
        with client.chat.completions.create(**asking("Hello again"), stream=True) as stream:
            return whole.choices[0].message.content, text_of(list(stream))


@pytest.mark.asyncio
async def test_the_synchronous_client_works_alike(house: House) -> None:
    answers = await asyncio.to_thread(ask_in_a_thread, f"{house.rest}/v1")
    assert answers == ("You said: Hello there", "You said: Hello again")
