"""Qwen-Agent, over its client for OpenAI's form, with calls in that form too."""

import json
from typing import Any

from asked import FUNCTION, HELLO, WEATHER, Gateway, tell, user, weather
from qwen_agent.agents import Assistant
from qwen_agent.llm import get_chat_model
from qwen_agent.llm.base import ModelServiceError
from qwen_agent.tools.base import BaseTool


class Weather(BaseTool):
    """The function as a tool of Qwen-Agent."""

    name = FUNCTION["name"]
    description = FUNCTION["description"]
    parameters = FUNCTION["parameters"]

    def call(self, params: str | dict[str, Any], **_: Any) -> str:
        return weather(**(json.loads(params) if isinstance(params, str) else params))


def model(at: Gateway, key: str, **options: Any) -> Any:
    reach = {"model": at.model, "model_type": "oai", "model_server": at.url, "api_key": key}
    return get_chat_model({**reach, "generate_cfg": options})


def whole(chat: Any) -> str:
    return chat.chat([user(HELLO)], stream=False)[-1]["content"]


def streamed(chat: Any) -> str:
    *_, last = chat.chat([user(HELLO)], stream=True)
    return last[-1]["content"]


def called(chat: Any) -> str:
    *_, last = Assistant(function_list=[Weather()], llm=chat).run([user(WEATHER)])
    return last[-1]["content"]


def refused(chat: Any) -> str:
    try:
        return whole(chat)
    except ModelServiceError as error:
        return type(error).__name__


def heard(at: Gateway) -> dict[str, Any]:
    plain, native = model(at, at.key), model(at, at.key, use_raw_api=True)
    told = {"chat": whole(plain), "stream": streamed(native), "tools": called(native)}
    return {**told, "errors": refused(model(at, at.wrong_key))}


tell(heard)
