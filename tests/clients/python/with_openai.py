"""The official package of OpenAI: whole answers, and its helper for streams."""

import json
from typing import Any

from asked import CITY, HELLO, TOOLS, WEATHER, Gateway, tell, user, weather
from openai import AuthenticationError, OpenAI, pydantic_function_tool
from pydantic import BaseModel


class Weather(BaseModel):
    """The weather of a city."""

    city: str


class City(BaseModel):
    """A city."""

    name: str


STRICT = [pydantic_function_tool(Weather, name="weather")]


def whole(client: OpenAI, at: Gateway) -> str | None:
    answer = client.chat.completions.create(model=at.model, messages=[user(HELLO)])
    return answer.choices[0].message.content


def streamed(client: OpenAI, at: Gateway) -> str | None:
    with client.chat.completions.stream(model=at.model, messages=[user(HELLO)]) as stream:
        return stream.get_final_completion().choices[0].message.content


def called(client: OpenAI, at: Gateway) -> str | None:
    """A streamed call, and a whole answer to its result."""
    asked: list[Any] = [user(WEATHER)]
    with client.chat.completions.stream(model=at.model, messages=asked, tools=STRICT) as stream:
        message = stream.get_final_completion().choices[0].message
    asked.append(message)
    for call in message.tool_calls or []:
        result = weather(**json.loads(call.function.arguments))
        asked.append({"role": "tool", "tool_call_id": call.id, "content": result})
    answer = client.chat.completions.create(model=at.model, messages=asked, tools=TOOLS)
    return answer.choices[0].message.content


def formed(client: OpenAI, at: Gateway) -> str | None:
    """A member of the object whose schema was sent along."""
    answer = client.chat.completions.parse(model=at.model, messages=[user(CITY)], response_format=City)
    city = answer.choices[0].message.parsed
    return city and city.name


def refused(at: Gateway) -> str:
    with OpenAI(base_url=at.url, api_key=at.wrong_key) as client:
        try:
            return str(whole(client, at))
        except AuthenticationError as error:
            return type(error).__name__


def heard(at: Gateway) -> dict[str, Any]:
    with OpenAI(base_url=at.url, api_key=at.key) as client:
        told = {"chat": whole(client, at), "stream": streamed(client, at), "tools": called(client, at)}
        return {**told, "schema": formed(client, at), "errors": refused(at)}


tell(heard)
