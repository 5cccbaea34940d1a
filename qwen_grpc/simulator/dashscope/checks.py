"""What DashScope refuses in a chat request, in its own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qwen_grpc.simulator.conversation import text_of, tokens
from qwen_grpc.simulator.dashscope import faults
from qwen_grpc.simulator.dashscope.asked import Asked
from qwen_grpc.simulator.dashscope.faults import Fault, Refused, invalid

DATA_URI_BYTES = 10_485_760
COMPAT_SEED_END = 2**31
NATIVE_SEED_END = 2**63
LONGEST_THOUGHT = 81_920
EFFORTS = ("none", "low", "medium", "xhigh")
EFFORT_MODELS = ("qwen3.8-max", "qwen3.8-flash")
BAD_ROLE = Fault(
    400, "ServiceUnavailableError", "Role must be user or assistant and Content length must be greater than 0."
)
NEEDS_JSON = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
NEEDS_STREAM = "This model only support stream mode, please enable the stream parameter to access the model."
LONE_TOOL = 'messages with role "tool" must be a response to a preceeding message with "tool_calls".'
FORCED = "The tool_choice parameter does not support being set to required or object in thinking mode"

Check = Callable[[Asked], None]
In = Callable[[float], bool]

# Which numbers a parameter takes, and what is said of others.
RANGES: dict[str, tuple[In, str]] = {
    "temperature": (lambda value: 0 <= value < 2, "Temperature should be in [0.0, 2.0)"),
    "top_p": (lambda value: 0 < value <= 1, "Range of top_p should be (0.0, 1.0]"),
    "top_k": (lambda value: value >= 0, "Parameter top_k be greater than or equal to 0"),
    "presence_penalty": (lambda value: -2 <= value <= 2, "Presence_penalty should be in [-2.0, 2.0]"),
    "repetition_penalty": (lambda value: value > 0, "Repetition_penalty should be greater than 0.0"),
    "n": (lambda value: 1 <= value <= 4, "Range of n should be [1, 4]"),
    "top_logprobs": (lambda value: 0 <= value <= 5, "Range of top_logprobs should be [0, 5]"),
}


def check_messages(asked: Asked) -> None:
    """There are messages, the system speaks first, tools answer calls."""
    if not asked.messages:
        raise invalid("[] is too short - 'messages'")
    calls = False
    for number, message in enumerate(asked.messages):
        role = message.get("role")
        if role == "tool" and not calls:
            raise invalid(LONE_TOOL, algo=True)
        if role not in ("user", "assistant", "tool") and not (role == "system" and number == 0):
            raise Refused(BAD_ROLE)
        calls = bool(message.get("tool_calls")) or (calls and role == "tool")
    if asked.messages[-1].get("role") == "user" and not asked.messages[-1].get("content"):
        raise Refused(BAD_ROLE)


def check_content(asked: Asked) -> None:
    """Only models that see and hear take parts, or who marks one for the cache, and no part is too large."""
    lists = [message["content"] for message in asked.messages if isinstance(message.get("content"), list)]
    parts = any(not any(isinstance(part, dict) and "cache_control" in part for part in one) for one in lists)
    if parts and asked.model.inputs == "t" and not asked.native:
        raise invalid("input content must be a string.", algo=True)
    if any(url.startswith("data:") and len(url) > DATA_URI_BYTES for _, url in asked.urls()):
        raise invalid(f"Exceeded limit on max bytes per data-uri item : {DATA_URI_BYTES}", algo=True)


def check_numbers(asked: Asked) -> None:
    """Every number is in its range."""
    for name, (accepts, words) in RANGES.items():
        value = asked.parameters.get(name)
        if value is not None and not (is_number(value) and accepts(value)):
            raise invalid(words, algo=True)
    for name in ("max_tokens", "max_completion_tokens"):
        value = asked.parameters.get(name)
        if value is not None and not (is_number(value) and 1 <= value <= asked.model.max_output):
            raise invalid(f"Range of {name} should be [1, {asked.model.max_output}]", algo=True)
    seed = asked.parameters.get("seed")
    end = NATIVE_SEED_END if asked.native else COMPAT_SEED_END
    if seed is not None and not (isinstance(seed, int) and 0 <= seed < end):
        raise Refused(Fault(400, "InvalidParameter", f"Range of seed should be [0, {end - 1}]", "invalid_value"))


def check_refused_parameters(asked: Asked) -> None:
    """Some parameters of the other service are not taken at all."""
    if asked.parameters.get("frequency_penalty"):
        raise invalid("'frequency_penalty' is not supported now")
    if asked.parameters.get("stream_options") and not asked.stream:
        raise invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    stop = asked.parameters.get("stop")
    kinds = {type(one) for one in stop} if isinstance(stop, list) else {type(stop)}
    if stop is not None and (len(kinds) > 1 or not kinds <= {str, int, list}):
        words = "'stop' must be str, list[str], list[int], or list[list[int]], and all elements of the same type."
        raise invalid(words, algo=True)


def check_thinking(asked: Asked) -> None:
    """The switches of thinking fit the model."""
    model, wanted = asked.model, asked.parameters.get("enable_thinking")
    if wanted is not None and model.thinking == "none":
        words = f"The model {model.id} does not support enable_thinking."
        raise Refused(Fault(400, "InvalidParameter.NotSupportEnableThinking", words, "invalid_parameter_error"))
    if wanted is False and model.thinking == "must":
        raise invalid("The value of the enable_thinking parameter is restricted to True.", algo=True)
    budget, effort = asked.parameters.get("thinking_budget"), asked.parameters.get("reasoning_effort")
    if budget is not None and not (isinstance(budget, int) and 0 < budget <= LONGEST_THOUGHT):
        words = f"The thinking_budget parameter must be a positive integer and not greater than {LONGEST_THOUGHT}"
        raise invalid(words, algo=True)
    if budget is not None and effort is not None:
        raise invalid("thinking_budget and reasoning_effort cannot be set at the same time.", algo=True)
    if effort is not None and model.id in EFFORT_MODELS and effort not in EFFORTS:
        raise invalid(f"reasoning_effort should be one of [{', '.join(EFFORTS)}]", algo=True)


def check_streaming(asked: Asked) -> None:
    """Some models answer in streams only, some only while they think."""
    if asked.stream:
        return
    if "audio" in (asked.parameters.get("modalities") or []):
        raise invalid("'audio' output only support with stream=true", algo=True)
    if "F" in asked.model.can:
        raise invalid(NEEDS_STREAM, algo=True)
    if "O" in asked.model.can and asked.thinks:
        raise invalid("parameter.enable_thinking must be set to false for non-streaming calls")


def check_growing(asked: Asked) -> None:
    """A native stream that thinks comes in increments and as messages."""
    if not asked.native or not asked.thinks:
        return
    if asked.stream and not asked.parameters.get("incremental_output"):
        raise invalid('The incremental_output parameter must be "true" when enable_thinking is true')
    if asked.parameters.get("result_format", "message") != "message":
        raise invalid('The result_format parameter must be "message" when enable_thinking is true')


def check_tools(asked: Asked) -> None:
    """The model takes tools, and thinking leaves their choice to it."""
    if not asked.parameters.get("tools"):
        return
    if "T" not in asked.model.can:
        raise invalid("The tool call is not supported.", algo=True)
    if any(tool.get("name") == "search" for tool in asked.tools):
        raise invalid("Tool names are not allowed to be [search]", algo=True)
    if asked.thinks and asked.forced_tool is not None:
        raise invalid(FORCED, algo=True)
    if (asked.number("n") or 1) > 1:
        raise invalid("n should be 1 when tools are set", algo=True)


def check_format(asked: Asked) -> None:
    """JSON is asked for in words too, of a model that can and does not think."""
    wanted = asked.response_format
    if wanted == "text":
        return
    letter = {"json_object": "J", "json_schema": "X"}.get(wanted)
    if letter is None or letter not in asked.model.can:
        raise invalid(f"'response_format' of type '{wanted}' is not supported by this model.", algo=True)
    spoken = " ".join(text_of(message.get("content")) for message in asked.messages)
    if wanted == "json_object" and "json" not in spoken.lower():
        raise invalid(NEEDS_JSON, algo=True)
    if asked.thinks and "X" not in asked.model.can:
        raise invalid("Json mode response is not supported when enable_thinking is true", algo=True)


def check_search(asked: Asked) -> None:
    """The model can search."""
    if asked.searches and "S" not in asked.model.can:
        raise invalid("This model does not support enable_search.", algo=True)


def check_length(asked: Asked) -> None:
    """The prompt fits."""
    spoken = sum(tokens(text_of(message.get("content"))) for message in asked.messages)
    if spoken > asked.model.max_input:
        raise Refused(faults.too_long(asked.model.max_input))


CHECKS: tuple[Check, ...] = (
    check_messages,
    check_content,
    check_numbers,
    check_refused_parameters,
    check_thinking,
    check_streaming,
    check_growing,
    check_tools,
    check_format,
    check_search,
    check_length,
)


def is_number(value: Any) -> bool:
    """Whether it is a number, which a truth value is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
