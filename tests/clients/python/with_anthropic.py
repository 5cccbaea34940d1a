"""The official package of Anthropic, over /v1/messages."""

from typing import Any

from anthropic import Anthropic, AuthenticationError
from asked import FUNCTION, HELLO, WEATHER, Gateway, tell, user, weather

TOOLS: Any = [{"name": FUNCTION["name"], "input_schema": FUNCTION["parameters"]}]


def client(at: Gateway, key: str) -> Anthropic:
    return Anthropic(base_url=at.url.removesuffix("/v1"), api_key=key)


def asking(at: Gateway, *messages: Any) -> Any:
    return {"model": at.model, "max_tokens": 1000, "messages": messages}


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def streamed(claude: Anthropic, asked: Any) -> Any:
    """The message that its own helper makes of the events."""
    with claude.messages.stream(**asked) as stream:
        return stream.get_final_message()


def called(claude: Anthropic, at: Gateway) -> str:
    message = streamed(claude, {**asking(at, user(WEATHER)), "tools": TOOLS})
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": weather(**block.input)}
        for block in message.content
        if block.type == "tool_use"
    ]
    history = user(WEATHER), {"role": "assistant", "content": message.content}, {"role": "user", "content": results}
    return text_of(claude.messages.create(**asking(at, *history), tools=TOOLS))


def refused(at: Gateway) -> str:
    try:
        return text_of(client(at, at.wrong_key).messages.create(**asking(at, user(HELLO))))
    except AuthenticationError as error:
        return type(error).__name__


def heard(at: Gateway) -> dict[str, Any]:
    claude, hello = client(at, at.key), asking(at, user(HELLO))
    told = {"chat": text_of(claude.messages.create(**hello)), "stream": text_of(streamed(claude, hello))}
    return {**told, "tools": called(claude, at), "errors": refused(at)}


tell(heard)
