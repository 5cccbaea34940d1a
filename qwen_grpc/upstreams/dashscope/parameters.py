"""The sanitiser: rules that make the parameters of an OpenAI request such as the model at DashScope takes.

Every rule is a function from members to members; those of `ANYWHERE` come
first, then those of `BY_MODEL`, which look at the model too. They
refuse what would be refused anyway, with the name of the field, and leave out
what is refused and means little. Ranges are those of the error codes' page of
May 2026; what is not here goes as the caller wrote it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.errors import InvalidParameter, Unsupported
from qwen_grpc.openai_json.jsontext import JsonObject, load_object
from qwen_grpc.upstreams.clocks import Work
from qwen_grpc.upstreams.dashscope.thinking import AUTO, Thought
from qwen_grpc.upstreams.dashscope.traits import Traits
from qwen_grpc.upstreams.openai_wire.members import NEVER_SENT, is_web_search
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

MAX_SEED = (1 << 31) - 1
MOST_ANSWERS = 4

# Members that do not go along: OpenAI's own that mean nothing there, what would lead a request elsewhere, settings of
# other upstreams, and all spellings of what is said once, in DashScope's own.
LEFT_OUT = frozenset(
    (
        *("frequency_penalty", "service_tier", "store", "prediction", "verbosity", "safety_identifier"),
        *("prompt_cache_key", "prompt_cache_retention"),
        *NEVER_SENT,
        "conversation",
        *("enable_thinking", "thinking_budget", "reasoning_effort", "chat_template_kwargs", "reasoning", "thinking"),
        *("enable_search", "search_options", "web_search_options"),
    )
)
# Asks for the sources, and for their numbers in the text.
SOURCES: JsonObject = {"enable_source": True, "enable_citation": True, "citation_format": "[<number>]"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, the model that it goes to, and what was settled about thinking."""

    request: CompleteChatRequest
    model: ResolvedModel
    traits: Traits
    thought: Thought

    @property
    def work(self) -> Work:
        """What the model may do while it is silent."""
        return Work.THINKING if self.thought.on else Work.ANSWERING

    @property
    def searches(self) -> bool:
        """Whether the web is to be searched first; a tool `web_search` asks for it where no functions are beside it."""
        search = self.request.search
        return search.enabled if search.HasField("enabled") else self.model.search or self._only_searches()

    def _only_searches(self) -> bool:
        tools = [load_object(tool.raw_json) if tool.raw_json else {} for tool in self.request.tools]
        return bool(tools) and all(is_web_search(tool) for tool in tools)


def sanitised(body: JsonObject, asked: Asked) -> JsonObject:
    """The members of a request after all rules. Raises `InvalidParameter` and `Unsupported`."""
    for plain in ANYWHERE:
        body = plain(body)
    for rule in BY_MODEL:
        body = rule(body, asked)
    return body


# -- for every model --------------------------------------------------------------------------------------------------


def without_strangers(body: JsonObject) -> JsonObject:
    """Leaves out what is refused or means nothing there, as `frequency_penalty`, or leads elsewhere, as `base_url`."""
    return {name: item for name, item in body.items() if name not in LEFT_OUT and item is not None}


def in_range(body: JsonObject) -> JsonObject:
    """Checks the numbers whose ranges are narrower than OpenAI's."""
    for name, (fits, expected) in RANGES.items():
        if name in body and not fits(body[name]):
            raise InvalidParameter(f"{name} is {body[name]!r:.40}: DashScope expects {expected}", field=name)
    return body


def streamed(body: JsonObject) -> JsonObject:
    """Asks for a stream and for its counts, whatever the caller wants: whole answers are put together here."""
    return body | {"stream": True, "stream_options": {"include_usage": True}}


# -- as the model takes it --------------------------------------------------------------------------------------------


def addressed(body: JsonObject, asked: Asked) -> JsonObject:
    """Names the model by the service's own id."""
    return body | {"model": asked.model.id}


def with_thinking(body: JsonObject, asked: Asked) -> JsonObject:
    """Says `enable_thinking`, and `thinking_budget` or `reasoning_effort`, as was settled."""
    return body | asked.thought.members()


def with_search(body: JsonObject, asked: Asked) -> JsonObject:
    """Switches the search on, if the model has one, and asks for its sources."""
    if not asked.searches:
        return body
    if "S" not in asked.traits.can:
        raise Unsupported(f"{asked.model.id} does not search the web", field="enable_search")
    own = asked.request.search.options_json
    return body | {"enable_search": True, "search_options": SOURCES | (load_object(own) if own else {})}


def with_tools(body: JsonObject, asked: Asked) -> JsonObject:
    """Checks the tools: all are functions and none is called `search`; frees a choice that thinking excludes."""
    tools = body.get("tools") or []
    if not tools:
        return {
            name: item for name, item in body.items() if name not in ("tools", "tool_choice", "parallel_tool_calls")
        }
    if "T" not in asked.traits.can:
        raise Unsupported(f"{asked.model.id} calls no tools: leave them away, or choose another model", field="tools")
    for number, tool in enumerate(tools):
        _check_tool(tool, f"tools[{number}]")
    if asked.request.tool_choice.raw_json:
        text = "tool_choice: DashScope expects auto, none, required, or one function by its name"
        raise Unsupported(text, field="tool_choice")
    return body | {"tool_choice": AUTO} if asked.thought.free_choice else body


def with_format(body: JsonObject, asked: Asked) -> JsonObject:
    """Checks that the model can answer in the wanted form; `json_object` needs the word json in a message."""
    wanted = body.get("response_format", {}).get("type", "text")
    letter = {"json_object": "J", "json_schema": "X"}.get(wanted, "")
    if letter not in asked.traits.can:
        text = f"{asked.model.id} does not offer response_format {wanted}; ListModels tells of other models"
        raise Unsupported(text, field="response_format")
    if wanted == "json_object" and not _mentions_json(body["messages"]):
        text = "response_format json_object needs the word json in one of the messages: say that you want JSON"
        raise InvalidParameter(text, field="messages")
    return body


def with_answers(body: JsonObject, asked: Asked) -> JsonObject:
    """Checks `n`."""
    count = body.get("n", 1)
    if count > 1 and (count > MOST_ANSWERS or asked.thought.on or body.get("tools")):
        text = f"n is {count}: DashScope makes up to {MOST_ANSWERS} answers, and one while it thinks or calls tools"
        raise Unsupported(text, field="n")
    return body


def with_bias(body: JsonObject, asked: Asked) -> JsonObject:
    """Refuses `logit_bias` where it would be ignored."""
    if body.get("logit_bias") and "N" not in asked.traits.can:
        raise Unsupported(f"{asked.model.id} takes no logit_bias; only models for role play do", field="logit_bias")
    return body


def without_memory(body: JsonObject, asked: Asked) -> JsonObject:
    """Refuses to go on in a stored chat: there are none."""
    if asked.request.conversation.chat_id:
        raise Unsupported("DashScope stores no chats: send the whole history", field="conversation.chat_id")
    return body


def for_its_maker(body: JsonObject, asked: Asked) -> JsonObject:
    """Keeps `metadata` from models of other makers, `preserve_thinking` from those that read no earlier thinking."""
    unread = {"metadata": "M", "preserve_thinking": "R"}
    return {name: item for name, item in body.items() if unread.get(name, "") in asked.traits.can}


ANYWHERE: Sequence[Callable[[JsonObject], JsonObject]] = (without_strangers, in_range, streamed)
BY_MODEL: Sequence[Callable[[JsonObject, Asked], JsonObject]] = (
    addressed,
    with_thinking,
    with_search,
    with_tools,
    with_format,
    with_answers,
    with_bias,
    without_memory,
    for_its_maker,
)
RANGES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "temperature": (lambda value: 0 <= value < 2, "0 or more and less than 2"),
    "top_p": (lambda value: 0 < value <= 1, "more than 0 and at most 1"),
    "seed": (lambda value: 0 <= value <= MAX_SEED, f"0 to {MAX_SEED}"),
    "top_logprobs": (lambda value: 0 <= value <= 5, "0 to 5"),
}


_OF_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")


def _check_tool(tool: JsonObject, path: str) -> None:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        raise Unsupported(f"{path}: DashScope takes functions only; enable_search switches its search on", field=path)
    if function.get("name") == "search":
        field = f"{path}.function.name"
        raise InvalidParameter(
            f"{field} is search, which DashScope keeps for itself: give it another name", field=field
        )


def _mentions_json(messages: Sequence[JsonObject]) -> bool:
    return any("json" in str(message.get("content", "")).lower() for message in messages)
