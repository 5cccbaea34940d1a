"""What the tests of the OpenAI clients share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncOpenAI
from support import House, session

from qwen_grpc.credentials import pack
from qwen_grpc.simulator import Simulator

THOUGHTS = "The person wants to hear the words again.\n\nAn echo is enough."


@asynccontextmanager
async def client_of(house: House, **options: Any) -> AsyncIterator[AsyncOpenAI]:
    """The official client, with the retries that it has by default."""
    async with AsyncOpenAI(base_url=f"{house.rest}/v1", **{"api_key": pack(session()), **options}) as client:
        yield client


def asking(content: str, model: str = "qwen-max") -> dict[str, Any]:
    """The arguments of a question."""
    return {"model": model, "messages": [{"role": "user", "content": content}]}


def completions(simulator: Simulator) -> int:
    """How often the upstream was asked for an answer."""
    return sum(request.path == "/api/v2/chat/completions" for request in simulator.requests)
