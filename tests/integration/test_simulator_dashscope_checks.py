from typing import Any

import pytest
from dashscope_caller import WEATHER, dashscope, fault_of

ALGO = "<400> InternalError.Algo.InvalidParameter: "
WEATHER_CHOICE = {"type": "function", "function": {"name": "weather"}}
JSON = {"type": "json_object"}
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
LARGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10_485_760}}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


# What is asked beside the usual, and the words that refuse it; all of them are 400.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no messages": ({"messages": []}, "[] is too short - 'messages'"),
    "hot": ({"temperature": 2.0}, f"{ALGO}Temperature should be in [0.0, 2.0)"),
    "truth for a number": ({"temperature": True}, f"{ALGO}Temperature should be in [0.0, 2.0)"),
    "no nucleus": ({"top_p": 0}, f"{ALGO}Range of top_p should be (0.0, 1.0]"),
    "negative top_k": ({"top_k": -1}, f"{ALGO}Parameter top_k be greater than or equal to 0"),
    "presence": ({"presence_penalty": 2.1}, f"{ALGO}Presence_penalty should be in [-2.0, 2.0]"),
    "repetition": ({"repetition_penalty": 0}, f"{ALGO}Repetition_penalty should be greater than 0.0"),
    "frequency": ({"frequency_penalty": 1}, "'frequency_penalty' is not supported now"),
    "five answers": ({"n": 5}, f"{ALGO}Range of n should be [1, 4]"),
    "negative seed": ({"seed": -1}, "Range of seed should be [0, 2147483647]"),
    "large seed": ({"seed": 2**31}, "Range of seed should be [0, 2147483647]"),
    "no tokens": ({"max_tokens": 0}, f"{ALGO}Range of max_tokens should be [1, 32768]"),
    "many tokens": ({"max_completion_tokens": 99_999}, f"{ALGO}Range of max_completion_tokens should be [1, 32768]"),
    "mixed stops": (
        {"stop": ["a", 1]},
        f"{ALGO}'stop' must be str, list[str], list[int], or list[list[int]], and all elements of the same type.",
    ),
    "usage of no stream": (
        {"stream_options": {"include_usage": True}},
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    ),
    "thinking while whole": (
        {"model": "qwen3-32b"},
        "parameter.enable_thinking must be set to false for non-streaming calls",
    ),
    "stream only": (
        {"model": "qwen-omni-turbo"},
        f"{ALGO}This model only support stream mode, please enable the stream parameter to access the model.",
    ),
    "whole sound": ({"modalities": ["text", "audio"]}, f"{ALGO}'audio' output only support with stream=true"),
    "thinking switched at all": (
        {"model": "qwen3-coder-plus", "enable_thinking": True},
        "The model qwen3-coder-plus does not support enable_thinking.",
    ),
    "thinking switched off": (
        {"model": "qwen3.7-max-preview", "enable_thinking": False},
        f"{ALGO}The value of the enable_thinking parameter is restricted to True.",
    ),
    "no budget": (
        {"thinking_budget": 0},
        f"{ALGO}The thinking_budget parameter must be a positive integer and not greater than 81920",
    ),
    "two efforts": (
        {"model": "qwen3.8-max", "thinking_budget": 5, "reasoning_effort": "low"},
        f"{ALGO}thinking_budget and reasoning_effort cannot be set at the same time.",
    ),
    "too much effort": (
        {"model": "qwen3.8-max", "reasoning_effort": "max"},
        f"{ALGO}reasoning_effort should be one of [none, low, medium, xhigh]",
    ),
    "forced while thinking": (
        {"model": "qwen3.7-plus", "tools": [WEATHER], "tool_choice": "required"},
        f"{ALGO}The tool_choice parameter does not support being set to required or object in thinking mode",
    ),
    "named while thinking": (
        {"model": "qwen3.7-plus", "tools": [WEATHER], "tool_choice": WEATHER_CHOICE},
        f"{ALGO}The tool_choice parameter does not support being set to required or object in thinking mode",
    ),
    "no tools here": ({"model": "qwen-long", "tools": [WEATHER]}, f"{ALGO}The tool call is not supported."),
    "a tool called search": (
        {"tools": [{"type": "function", "function": {"name": "search"}}]},
        f"{ALGO}Tool names are not allowed to be [search]",
    ),
    "tools and copies": ({"tools": [WEATHER], "n": 2}, f"{ALGO}n should be 1 when tools are set"),
    "json without saying so": (
        {"response_format": JSON},
        f"{ALGO}'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
    ),
    "json while thinking": (
        {"response_format": JSON, "enable_thinking": True, "messages": [user("json!")]},
        f"{ALGO}Json mode response is not supported when enable_thinking is true",
    ),
    "a schema for an older model": (
        {"response_format": {"type": "json_schema"}},
        f"{ALGO}'response_format' of type 'json_schema' is not supported by this model.",
    ),
    "no search here": (
        {"model": "qwen3-coder-plus", "enable_search": True},
        f"{ALGO}This model does not support enable_search.",
    ),
    "parts for a model that reads": (
        {"messages": [user([{"type": "text", "text": "hi"}])]},
        f"{ALGO}input content must be a string.",
    ),
    "a large part": (
        {"model": "qwen3-vl-plus", "messages": [user([LARGE])]},
        f"{ALGO}Exceeded limit on max bytes per data-uri item : 10485760",
    ),
    "a strange address": (
        {"model": "qwen3-vl-plus", "messages": [user([{"type": "image_url", "image_url": {"url": "ftp://a/b"}}])]},
        "url error, please check url\uff01",
    ),
    "a lone tool": (
        {"messages": [user("hi"), {"role": "tool", "content": "18"}]},
        f'{ALGO}messages with role "tool" must be a response to a preceeding message with "tool_calls".',
    ),
    "a late system": (
        {"messages": [user("hi"), {"role": "system", "content": "be"}, user("hi")]},
        "Role must be user or assistant and Content length must be greater than 0.",
    ),
    "nothing said": (
        {"messages": [user("")]},
        "Role must be user or assistant and Content length must be greater than 0.",
    ),
    "too long": (
        {"model": "qwen3-8b", "enable_thinking": False, "messages": [user("word" * 129_025)]},
        "Range of input length should be [1, 129024]",
    ),
    "no model": ({"model": None}, "you must provide a model parameter."),
    "messages of another kind": (
        {"messages": ["hi"]},
        "Required body invalid, please check the request body format.",
    ),
}  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("case", REFUSED)
async def test_a_wrong_request_is_refused_in_the_words_of_the_service(case: str) -> None:
    asked, words = REFUSED[case]
    async with dashscope() as caller:
        reply = await caller.chat(**asked)

    assert reply.status_code == 400
    assert fault_of(reply)[2] == words
    assert not caller.memory.completions


# Requests at the edges of what is allowed.
ACCEPTED: dict[str, dict[str, Any]] = {
    "edges": {"temperature": 0, "top_p": 1, "top_k": 0, "presence_penalty": -2, "seed": 2**31 - 1, "n": 4},
    "most tokens": {"max_tokens": 32_768},
    "open weights that do not think": {"model": "qwen3-32b", "enable_thinking": False},
    "open weights in a stream": {"model": "qwen3-32b", "stream": True},
    "a stream only": {"model": "qwen-omni-turbo", "stream": True},
    "a tool of one's own choice": {"model": "qwen3.7-plus", "tools": [WEATHER], "tool_choice": "auto"},
    "forced while not thinking": {
        "model": "qwen3.7-plus", "enable_thinking": False, "tools": [WEATHER], "tool_choice": "required",
    },
    "a schema while thinking": {"model": "qwen3.7-plus", "response_format": {"type": "json_schema"}},
    "a search": {"enable_search": True, "search_options": {"forced_search": True}},
    "a picture": {"model": "qwen3-vl-plus", "messages": [user([PICTURE])]},
    "a system first": {"messages": [{"role": "system", "content": "be"}, user("hi")]},
    "what nobody knows": {"chat_template_kwargs": {"enable_thinking": True}},
}  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("case", ACCEPTED)
async def test_a_request_at_the_edge_is_answered(case: str) -> None:
    async with dashscope() as caller:
        reply = await caller.chat(**ACCEPTED[case])

    assert reply.status_code == 200
    assert caller.memory.completions == {"sk-one": 1}


@pytest.mark.asyncio
async def test_models_are_known_retired_denied_or_of_another_kind() -> None:
    async with dashscope() as caller:
        caller.behave(denied_models=["qwen3-max"])
        models = ("qwen-plus-latest", "gpt-5", "qwen-max", "qwen3-max", "wan2.7-image", "wan2.7-t2v")
        replies = {model: await caller.chat(model=model) for model in models}
        caller.behave(keep_retired=True)
        kept = await caller.chat(model="qwen-max")

    assert {model: reply.status_code for model, reply in replies.items()} == {
        "qwen-plus-latest": 200,
        "gpt-5": 404,
        "qwen-max": 404,
        "qwen3-max": 403,
        "wan2.7-image": 404,
        "wan2.7-t2v": 404,
    }
    codes = [fault_of(replies[model])[1] for model in ("gpt-5", "qwen3-max", "wan2.7-t2v")]
    assert codes == ["model_not_found", "Model.AccessDenied", "model_not_supported"]
    assert replies["qwen-plus-latest"].json()["model"] == "qwen-plus-latest"
    assert kept.status_code == 200


@pytest.mark.asyncio
async def test_a_request_is_looked_at_in_the_order_of_the_service() -> None:
    """Key, body, model, limit, parameters, words: a request that is wrong in all of them hears of the first."""
    wrong: dict[str, Any] = {"model": "gpt-5", "temperature": 9, "messages": [user("[[sim:rate_quota]] ugly")]}
    async with dashscope() as caller:
        caller.behave(moderated_words=["ugly"])
        path = "/compatible-mode/v1/chat/completions"
        no_key = await caller.http.post(path, content=b"{", headers={"authorization": "Bearer sk-bad"})
        no_body = await caller.http.post(path, content=b"{")
        steps = [no_key, no_body, await caller.chat(**wrong)]
        wrong["model"] = "qwen-plus"
        steps.append(await caller.chat(**wrong))
        wrong["messages"] = [user("ugly")]
        steps.append(await caller.chat(**wrong))
        wrong["temperature"] = 1
        steps.append(await caller.chat(**wrong))

    codes = [fault_of(step)[1] for step in steps]
    assert codes == [
        "invalid_api_key",
        "invalid_request_error",
        "model_not_found",
        "limit_requests",
        "invalid_parameter_error",
        "data_inspection_failed",
    ]
