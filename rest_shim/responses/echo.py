"""What a response repeats of its request."""

from qwen_grpc.openai_json.jsontext import JsonObject

# Members that stand in every response, and what they say when the request did not. A sampling parameter that was not
# given is null: what applies then is the upstream's affair, and not known here.
DEFAULTS: JsonObject = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": None,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": None,
    "user": None,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "background": False,
}
_TOOL = {"description": None, "parameters": None, "strict": None}


def echo_of(body: JsonObject, *, store: bool) -> JsonObject:
    """The parameters as OpenAI's clients look for them. `store` says what is done, not what was asked for."""
    given = {name: body[name] for name in DEFAULTS if body.get(name) is not None}
    text, reasoning = body.get("text") or {}, body.get("reasoning") or {}
    return {
        **DEFAULTS,
        **given,
        "metadata": body.get("metadata") or {},
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "store": store,
        "text": {**text, "format": text.get("format") or {"type": "text"}},
        "tools": [_tool(tool) for tool in body.get("tools") or ()],
        # The beginning of a long input is never left out here.
        "truncation": "disabled",
    }


def _tool(tool: JsonObject) -> JsonObject:
    return {**_TOOL, **tool} if tool.get("type") == "function" else tool
