"""Whether and how long to think: one question, which each engine is asked in its own way."""

from dataclasses import dataclass

from qwen_grpc.calls import notice
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.upstreams.openai_engine.dialects import Dialect, Switch
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

KWARGS = "chat_template_kwargs"
SWITCH, BUDGET, EFFORT = "enable_thinking", "thinking_budget", "reasoning_effort"
# All the names that clients have for it; what each said is in the typed fields.
SPELLINGS = (SWITCH, BUDGET, EFFORT, "reasoning", "thinking")
NO_EFFORT, ANY_EFFORT = "none", "auto"
# Words for the effort that not every engine has, and what comes next to them.
NEAREST = {"minimal": "low", "xhigh": "high", "max": "high"}
USUAL_EFFORT = "medium"


@dataclass(frozen=True, slots=True)
class Thinking:
    """What a caller wants. `enabled` None is the engine's choice; an empty `effort` and a `budget` of 0 are none."""

    enabled: bool | None = None
    effort: str = ""
    budget: int = 0


def wanted(request: CompleteChatRequest, model: ResolvedModel) -> Thinking:
    """The switch decides, then the suffix of the model's name, then the effort."""
    options = request.thinking
    effort = "" if options.effort == ANY_EFFORT else options.effort
    enabled = options.enabled if options.HasField("enabled") else model.thinking
    if enabled is None and effort:
        enabled = effort != NO_EFFORT
    if enabled is False:
        return Thinking(enabled=False)
    return Thinking(enabled, "" if effort == NO_EFFORT else effort, options.budget_tokens)


def encode_thinking(thinking: Thinking, dialect: Dialect, body: JsonObject) -> None:
    """Puts it into a request in the engine's words, in place of the client's."""
    for name in SPELLINGS:
        body.pop(name, None)
    _encode_kwargs(thinking, dialect, body)
    if effort := _effort(thinking, dialect):
        body[EFFORT] = effort
    if not thinking.budget:
        return
    if dialect.budget:
        body[dialect.budget] = thinking.budget
    else:
        notice(f"{dialect.title} bounds no thinking by request, so thinking_budget was not sent")


def _encode_kwargs(thinking: Thinking, dialect: Dialect, body: JsonObject) -> None:
    """The template's switch; other members of the same object stay what they were."""
    given = body.pop(KWARGS, None)
    if given is not None and not isinstance(given, dict):
        body[KWARGS] = given
        return
    kwargs = {name: value for name, value in (given or {}).items() if name not in (SWITCH, BUDGET)}
    if dialect.switch is Switch.TEMPLATE and thinking.enabled is not None:
        kwargs[SWITCH] = thinking.enabled
    if kwargs:
        body[KWARGS] = kwargs


def _effort(thinking: Thinking, dialect: Dialect) -> str:
    effort = thinking.effort
    if dialect.switch is Switch.EFFORT and thinking.enabled is not None:
        effort = (effort or USUAL_EFFORT) if thinking.enabled else NO_EFFORT
    return NEAREST.get(effort, effort) if effort not in dialect.efforts and dialect.efforts else effort
