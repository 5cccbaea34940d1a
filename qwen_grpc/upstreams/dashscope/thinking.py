"""Whether a model thinks, how long, and what gives way when a request asks for what thinking excludes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.configuration import ForcedTools
from qwen_grpc.errors import Unsupported
from qwen_grpc.upstreams.dashscope.traits import ALWAYS, NEVER, ON, Traits
from qwen_grpc.upstreams.efforts import TOKENS
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, ResponseFormat, ThinkingOptions, ToolChoice

NONE, AUTO = "none", "auto"
# The words of the models that have words of their own, for OpenAI's; others go as they are (autumn 2026).
OWN_EFFORTS: Mapping[str, str] = {"minimal": "low", "high": "xhigh", "max": "xhigh"}


@dataclass(frozen=True, slots=True)
class Thought:
    """What a request says of thinking, settled: `switch` is None when the model's own way is left alone.

    `free_choice`: the tool choice was forced and is now up to the model.
    `notices` tell the caller what was changed.
    """

    on: bool
    switch: bool | None = None
    budget: int = 0
    effort: str = ""
    free_choice: bool = False
    notices: Sequence[str] = ()

    def members(self) -> dict[str, bool | int | str]:
        """The members of the request; a budget and an effort exclude each other, and the budget wins."""
        said: dict[str, bool | int | str] = {} if self.switch is None else {"enable_thinking": self.switch}
        if self.on and self.budget:
            said["thinking_budget"] = self.budget
        elif self.on and self.effort:
            said["reasoning_effort"] = self.effort
        return said


def settled(request: CompleteChatRequest, model: ResolvedModel, traits: Traits, forced: ForcedTools) -> Thought:
    """Decides. Raises `Unsupported` for thinking of a model that never does, and for none of one that always does."""
    thought = _asked(request.thinking, model, traits)
    if thought.on and _forces(request):
        thought = _unforced(thought, traits, forced)
    if thought.on and _wants_json(request) and "X" not in traits.can:
        thought = _unthinking(thought, traits, "response_format", "an answer in JSON")
    return thought


def _asked(options: ThinkingOptions, model: ResolvedModel, traits: Traits) -> Thought:
    wanted = options.enabled if options.HasField("enabled") else model.thinking
    if wanted is None and options.effort and options.effort != AUTO:
        wanted = options.effort != NONE
    if traits.thinking is NEVER:
        return _never(options, wanted)
    if traits.thinking is ALWAYS and wanted is False:
        raise Unsupported(f"{model.id} always thinks: choose a model that can do without", field="enable_thinking")
    on = traits.thinking in (ON, ALWAYS) if wanted is None else wanted
    switch = None if traits.thinking is ALWAYS else wanted
    if not on:
        return Thought(on=False, switch=switch)
    return _measured(Thought(on=True, switch=switch), options, traits)


def _never(options: ThinkingOptions, wanted: bool | None) -> Thought:
    if options.HasField("enabled") and wanted:
        raise Unsupported("this model does not think: leave enable_thinking away", field="enable_thinking")
    ignored = wanted or options.budget_tokens
    return Thought(on=False, notices=["this model does not think; the wish for it was left away"] if ignored else [])


def _measured(thought: Thought, options: ThinkingOptions, traits: Traits) -> Thought:
    if options.budget_tokens:
        return replace(thought, budget=options.budget_tokens)
    if options.effort in ("", AUTO, NONE):
        return thought
    if "E" in traits.can:
        return replace(thought, effort=OWN_EFFORTS.get(options.effort, options.effort))
    return replace(thought, budget=TOKENS.get(options.effort, 0))


def _forces(request: CompleteChatRequest) -> bool:
    choice = request.tool_choice
    return bool(request.tools) and (choice.mode == ToolChoice.MODE_REQUIRED or bool(choice.function_name))


def _unforced(thought: Thought, traits: Traits, forced: ForcedTools) -> Thought:
    """While a model thinks, it cannot be made to call a tool (until autumn 2026)."""
    if forced == "stop_thinking" and traits.thinking is not ALWAYS:
        return _unthinking(thought, traits, "tool_choice", "a forced tool_choice")
    told = "tool_choice was changed to auto, since no tool can be forced while the model thinks"
    return replace(thought, free_choice=True, notices=[*thought.notices, told])


def _wants_json(request: CompleteChatRequest) -> bool:
    return request.response_format.type in (ResponseFormat.TYPE_JSON_OBJECT, ResponseFormat.TYPE_JSON_SCHEMA)


def _unthinking(thought: Thought, traits: Traits, field: str, what: str) -> Thought:
    if traits.thinking is ALWAYS:
        raise Unsupported(f"this model always thinks, which excludes {what}: choose another model", field=field)
    told = f"thinking was switched off, since it excludes {what}"
    return Thought(on=False, switch=False, notices=[*thought.notices, told])
