"""Calls by the typed client."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager
from typing import Any

from support import House, session

from qwen_grpc.client import Qwen, QwenError, connect
from qwen_grpc.credentials import WebSession, pack
from qwen_grpc.typed.qwen.v1 import ChatMessage, CompleteChatRequest, Role


def client_to(house: House, who: WebSession | None = None) -> AbstractAsyncContextManager[Qwen]:
    """A connection with a credential that the simulator takes."""
    return connect(house.target, pack(who or session()))


def asking(content: str, model: str = "qwen-max") -> CompleteChatRequest:
    return CompleteChatRequest(model=model, messages=[ChatMessage(role=Role.USER, content=content)])


async def failure(work: Awaitable[Any]) -> QwenError:
    """How a call fails."""
    try:
        await work
    except QwenError as error:
        return error
    raise AssertionError("the call did not fail")


async def all_of(messages: AsyncIterator[Any], into: list[Any] | None = None) -> list[Any]:
    """All messages of a stream; `into` has them also when the stream fails."""
    found = [] if into is None else into
    async for message in messages:
        found.append(message)
    return found
