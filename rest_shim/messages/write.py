"""From a whole answer to Anthropic's message, and the words that its streams share."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

from qwen_grpc.openai_json.jsontext import JsonObject, load, load_object
from qwen_grpc.v1 import chat_pb2 as pb
from qwen_grpc.v1.common_pb2 import Usage
from rest_shim.errors import REASONS, HttpError
from rest_shim.messages.body import Body

STOPS: dict[pb.FinishReason, str] = {
    pb.FINISH_REASON_STOP: "end_turn",
    pb.FINISH_REASON_LENGTH: "max_tokens",
    pb.FINISH_REASON_TOOL_CALLS: "tool_use",
    pb.FINISH_REASON_FUNCTION_CALL: "tool_use",
    pb.FINISH_REASON_CONTENT_FILTER: "refusal",
}
# Reasons that may end an answer in the middle of a call.
CUT = (pb.FINISH_REASON_LENGTH, pb.FINISH_REASON_CONTENT_FILTER)
# What engines call the stop text that they met, beside the finish reason: vLLM and SGLang, in that order.
_MET = ("stop_reason", "matched_stop")


@dataclass(frozen=True, slots=True)
class Wish:
    """What of a request decides how its answer is written.

    Thinking is shown to those who asked for it: to others the first block of
    an answer is its text, as most programs expect.
    """

    thinking: bool = False
    stops: Collection[str] = ()

    @classmethod
    def of(cls, asked: Body) -> Self:
        """The wish of a body."""
        thinking = asked.thinking
        shown = thinking is not None and thinking.type != "disabled" and thinking.display != "omitted"
        return cls(shown, asked.stop_sequences or ())


def whole(answer: pb.CompleteChatResponse, wish: Wish) -> JsonObject:
    """The message. Raises a 502 when the model called a tool with what is no JSON object."""
    choice = answer.choices[0]
    content = list(_content(choice, wish))
    called = any(block["type"] == "tool_use" for block in content)
    message = opening(answer.id, answer.model)
    message["content"] = content
    message |= ending(choice.finish_reason, choice.message.extra_json, wish, called=called)
    message["usage"] = written_usage(answer.usage)
    return message


def _content(choice: pb.Choice, wish: Wish) -> list[JsonObject]:
    said = choice.message
    content = [thinking_block(said.reasoning_content)] if wish.thinking and said.reasoning_content else []
    text = text_block(said.content + said.refusal)
    if said.annotations:
        text["citations"] = citations(said.annotations)
    content += [text] if text["text"] or said.annotations else []
    for call in said.tool_calls:
        given = arguments(call.arguments)
        if given is None and choice.finish_reason not in CUT:
            raise broken_call()
        content += [] if given is None else [tool_block(call.id, call.name, given)]
    return content


def opening(id_: str, model: str) -> JsonObject:
    """A message that says nothing yet."""
    return {
        "id": f"msg_{id_.removeprefix('chatcmpl-')}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": written_usage(Usage()),
    }


def ending(finish: pb.FinishReason, extra_json: str, wish: Wish, *, called: bool) -> JsonObject:
    """Why the answer ended. An answer with calls waits for their results, whatever the upstream calls that."""
    met = _met(extra_json, wish) if finish == pb.FINISH_REASON_STOP else None
    if met is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": met}
    reason = "tool_use" if called and finish == pb.FINISH_REASON_STOP else STOPS[finish]
    return {"stop_reason": reason, "stop_sequence": None}


def _met(extra_json: str, wish: Wish) -> str | None:
    extra = load_object(extra_json) if wish.stops and extra_json else {}
    return next((extra[name] for name in _MET if extra.get(name) in wish.stops), None)


def text_block(text: str) -> JsonObject:
    """Text."""
    return {"type": "text", "text": text}


def thinking_block(text: str) -> JsonObject:
    """Thinking. A signature would prove that Anthropic's servers wrote it, so ours is empty."""
    return {"type": "thinking", "thinking": text, "signature": ""}


def tool_block(id_: str, name: str, given: JsonObject) -> JsonObject:
    """A call of a tool."""
    return {"type": "tool_use", "id": id_, "name": name, "input": given}


def citations(notes: Iterable[pb.Annotation]) -> list[JsonObject]:
    """The pages that were used. What Anthropic's servers would have to say of them besides is empty."""
    pages = [note.url_citation for note in notes if note.HasField("url_citation")]
    unknown = {"cited_text": "", "encrypted_index": ""}
    return [
        {"type": "web_search_result_location", "url": page.url, "title": page.title or None, **unknown}
        for page in pages
    ]


def arguments(text: str) -> JsonObject | None:
    """The arguments of a call; None if they are no JSON object. No text means no arguments."""
    try:
        given = load(text) if text.strip() else {}
    except ValueError:
        return None
    return given if isinstance(given, dict) else None


def broken_call() -> HttpError:
    """The failure of a model that called a tool with something else."""
    return HttpError(REASONS["UPSTREAM_PROTOCOL"], "the model called a tool with arguments that are not a JSON object")


def written_usage(usage: Usage) -> JsonObject:
    """The counts; 0 where the upstream told none. Anthropic does not count cached tokens as input."""
    counts: JsonObject = {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    }
    if usage.HasField("reasoning_tokens"):
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return counts
