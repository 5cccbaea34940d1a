"""LangChain's package for OpenAI."""

from typing import Any

from asked import BY_RESPONSES, CITY, HELLO, WEATHER, Gateway, tell, weather
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import AuthenticationError
from pydantic import BaseModel


class City(BaseModel):
    """A city."""

    name: str


def model(at: Gateway, key: str) -> ChatOpenAI:
    reach: Any = {"base_url": at.url, "api_key": key, "model": at.model}
    return ChatOpenAI(**reach, use_responses_api=BY_RESPONSES)


def streamed(chat: ChatOpenAI) -> str:
    total = AIMessageChunk(content="")
    for chunk in chat.stream(HELLO):
        total = total + chunk
    return total.text


def called(chat: ChatOpenAI) -> str:
    function = tool(weather)
    bound = chat.bind_tools([function])
    question = HumanMessage(WEATHER)
    asked: Any = bound.invoke([question])
    results = [ToolMessage(function.invoke(call["args"]), tool_call_id=call["id"]) for call in asked.tool_calls]
    return bound.invoke([question, asked, *results]).text


def structured(chat: ChatOpenAI) -> Any:
    city: Any = chat.with_structured_output(City, method="function_calling").invoke(CITY)
    return city.name


def refused(chat: ChatOpenAI) -> str:
    try:
        return chat.invoke(HELLO).text
    except AuthenticationError as error:
        return type(error).__name__


def heard(at: Gateway) -> dict[str, Any]:
    chat = model(at, at.key)
    told = {"chat": chat.invoke(HELLO).text, "stream": streamed(chat), "tools": called(chat)}
    return {**told, "objects": structured(chat), "errors": refused(model(at, at.wrong_key))}


tell(heard)
