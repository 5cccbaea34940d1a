"""The typed client: betterproto2 messages over grpclib, another implementation of gRPC than ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from grpclib.client import Channel
from grpclib.const import Status
from openai_parts import THOUGHTS
from rich_errors import drained, typed_failure
from support import House, bearer

from qwen_grpc.typed.qwen.v1 import (
    ChatMessage,
    ChatServiceStub,
    Choice,
    CompleteChatRequest,
    FinishReason,
    ListModelsRequest,
    ModelsServiceStub,
    Role,
    StreamChatResponse,
    Usage,
)

USAGE = Usage(prompt_tokens=801, completion_tokens=21, total_tokens=822, cached_tokens=0, reasoning_tokens=16)


@asynccontextmanager
async def channel_to(house: House) -> AsyncIterator[Channel]:
    async with Channel("127.0.0.1", house.gateway.grpc_port) as channel:
        yield channel


def asking(content: str, model: str = "qwen-max") -> CompleteChatRequest:
    return CompleteChatRequest(model=model, messages=[ChatMessage(role=Role.USER, content=content)])


@pytest.mark.asyncio
async def test_the_typed_client_lists_models(house: House) -> None:
    async with channel_to(house) as channel:
        found = await ModelsServiceStub(channel).list_models(ListModelsRequest(page_size=2))
    assert [model.id for model in found.models] == ["qwen3.7-plus", "qwen3.7-plus-thinking"]
    assert (found.next_page_token, found.stale) == ("2", False)


@pytest.mark.asyncio
async def test_the_typed_client_gets_a_whole_answer(house: House) -> None:
    async with channel_to(house) as channel:
        chat = ChatServiceStub(channel, metadata=bearer())
        completion = await chat.complete_chat(asking("Hi you", "qwen-max-thinking"))
    message = ChatMessage(role=Role.ASSISTANT, content="You said: Hi you", reasoning_content=THOUGHTS)
    assert completion.choices == [Choice(message=message, finish_reason=FinishReason.STOP)]
    assert completion.usage == USAGE


@pytest.mark.asyncio
async def test_the_typed_client_streams(house: House) -> None:
    async with channel_to(house) as channel:
        chat = ChatServiceStub(channel, metadata=bearer())
        messages = [message async for message in chat.stream_chat(asking("Hi you", "qwen-max-thinking"))]
    deltas = [delta for message in messages for delta in message.deltas]
    assert [message.start is not None for message in messages] == [True] + [False] * (len(messages) - 1)
    assert [message.usage for message in messages] == [None] * (len(messages) - 1) + [USAGE]
    assert "".join(delta.reasoning_content or "" for delta in deltas) == THOUGHTS
    assert "".join(delta.content or "" for delta in deltas) == "You said: Hi you"
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == [FinishReason.STOP]


@pytest.mark.asyncio
async def test_the_typed_client_sees_status_and_message_of_a_failure(house: House) -> None:
    async with channel_to(house) as channel:
        chat = ChatServiceStub(channel, metadata=bearer())
        unknown = await typed_failure(chat.complete_chat(asking("Hello", "qwn-max")))
    near = "unknown model 'qwn-max'; did you mean 'qwen-max' or 'qwen3.8-max' or 'qwen3.7-max'?"
    assert unknown == (Status.NOT_FOUND, f"{near} GET /v1/models (ListModels) lists all")


@pytest.mark.asyncio
async def test_the_typed_client_gets_what_came_before_a_stream_broke(house: House) -> None:
    heard: list[StreamChatResponse] = []
    async with channel_to(house) as channel:
        chat = ChatServiceStub(channel, metadata=bearer())
        status, _ = await typed_failure(drained(chat.stream_chat(asking("Hello [[sim:eof]]")), heard))
    text = "".join(delta.content or "" for message in heard for delta in message.deltas)
    assert (text, status) == ("Part 1. Part 2. ", Status.UNAVAILABLE)
