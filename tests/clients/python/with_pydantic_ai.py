"""PydanticAI's agents."""

import asyncio
from typing import Any

from asked import BY_RESPONSES, CITY, HELLO, WEATHER, Gateway, tell, weather
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider


class City(BaseModel):
    """A city."""

    name: str


def model(at: Gateway, key: str) -> Model:
    kind = OpenAIResponsesModel if BY_RESPONSES else OpenAIChatModel
    return kind(at.model, provider=OpenAIProvider(base_url=at.url, api_key=key))


async def streamed(chat: Model) -> str:
    async with Agent(chat).run_stream(HELLO) as answer:
        return "".join([piece async for piece in answer.stream_text(delta=True)])


async def refused(chat: Model) -> str:
    try:
        return (await Agent(chat).run(HELLO)).output
    except ModelHTTPError as error:
        return f"{type(error).__name__} {error.status_code}"


async def heard(at: Gateway) -> dict[str, Any]:
    chat = model(at, at.key)
    return {
        "chat": (await Agent(chat).run(HELLO)).output,
        "stream": await streamed(chat),
        "tools": (await Agent(chat, tools=[weather]).run(WEATHER)).output,
        "objects": (await Agent(chat, output_type=City).run(CITY)).output.name,
        "errors": await refused(model(at, at.wrong_key)),
    }


tell(lambda at: asyncio.run(heard(at)))
