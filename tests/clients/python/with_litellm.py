"""LiteLLM as a client."""

import json
from typing import Any

import litellm
from asked import HELLO, TOOLS, WEATHER, Gateway, tell, user, weather

litellm.suppress_debug_info = True


def ask(at: Gateway, *messages: Any, **more: Any) -> Any:
    reach = {"model": f"openai/{at.model}", "api_base": at.url, "api_key": at.key}
    return litellm.completion(**{**reach, **more}, messages=list(messages))


def said(answer: Any) -> Any:
    return answer.choices[0].message


def streamed(at: Gateway, question: Any, **more: Any) -> Any:
    """The message that its own builder makes of the chunks."""
    return said(litellm.stream_chunk_builder(list(ask(at, question, stream=True, **more))))


def called(at: Gateway) -> str:
    message = streamed(at, user(WEATHER), tools=TOOLS)
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": weather(**json.loads(call.function.arguments))}
        for call in message.tool_calls
    ]
    return said(ask(at, user(WEATHER), message, *results, tools=TOOLS)).content


def refused(at: Gateway) -> str:
    try:
        return said(ask(at, user(HELLO), api_key=at.wrong_key)).content
    except litellm.AuthenticationError as error:
        return type(error).__name__


def heard(at: Gateway) -> dict[str, Any]:
    told = {"chat": said(ask(at, user(HELLO))).content, "stream": streamed(at, user(HELLO)).content}
    return {**told, "tools": called(at), "errors": refused(at)}


tell(heard)
