"""Responses that are kept behind the contract: how they look, and what a conversation takes up of them."""

from qwen_grpc.openai_json.jsontext import JsonObject, load_object
from qwen_grpc.v1 import responses_pb2 as pb
from qwen_grpc.v1.chat_pb2 import ChatMessage, CompleteChatResponse
from rest_shim.errors import REASONS
from rest_shim.responses.echo import echo_of
from rest_shim.responses.ids import call_id
from rest_shim.responses.inputs import input_items
from rest_shim.responses.write import Head, response, shown

WORDS: dict[pb.ResponseState, str] = {
    pb.RESPONSE_STATE_QUEUED: "queued",
    pb.RESPONSE_STATE_RUNNING: "in_progress",
    pb.RESPONSE_STATE_FAILED: "failed",
    pb.RESPONSE_STATE_CANCELLED: "cancelled",
}


def stored(kept: pb.Response) -> JsonObject:
    """A kept response as its reply was."""
    head = head_of(kept)
    if kept.state == pb.RESPONSE_STATE_SUCCEEDED:
        return response(head, kept.answer, at=kept.complete_time.seconds)
    if kept.state == pb.RESPONSE_STATE_FAILED:
        return shown(head, "failed", error=_error(kept.error))
    return shown(head, WORDS[kept.state])


def head_of(kept: pb.Response) -> Head:
    """What a kept response says before its output. One that another dialect began has nothing to repeat."""
    echo = load_object(kept.dialect_json) if kept.dialect_json else echo_of({"background": kept.background}, store=True)
    model = kept.answer.model or kept.request.model
    return Head(kept.id, kept.answer.created or kept.create_time.seconds, model, echo)


def conversation(kept: pb.Response) -> list[ChatMessage]:
    """The messages up to a kept answer, with it. Its instructions do not go over to what follows it."""
    messages = _without_instructions(kept)
    answer = ChatMessage()
    answer.CopyFrom(kept.answer.choices[0].message)
    for name in ("annotations", "audio", "extra_json"):
        answer.ClearField(name)
    return [*messages, answer]


def items(kept: pb.Response) -> list[JsonObject]:
    """The items of its input."""
    return input_items(kept.id, _without_instructions(kept))


def with_call_ids(response_id: str, answer: CompleteChatResponse) -> CompleteChatResponse:
    """The answer, in which each call has an id."""
    for number, call in enumerate(answer.choices[0].message.tool_calls):
        call.id = call_id(response_id, number, call.id)
    return answer


def _without_instructions(kept: pb.Response) -> list[ChatMessage]:
    given = bool(head_of(kept).echo["instructions"])
    return list(kept.request.messages)[int(given) :]


def _error(error: pb.ResponseError) -> JsonObject:
    row = REASONS.get(error.reason)
    return {"code": row.code if row else "server_error", "message": error.message}
