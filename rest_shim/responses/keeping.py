"""What is kept of a response, and for how long."""

from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from qwen_grpc.openai_json.jsontext import JsonObject, dump
from qwen_grpc.openai_json.kinds import InvalidBody
from qwen_grpc.v1 import responses_pb2 as pb
from qwen_grpc.v1.chat_pb2 import ChatMessage, CompleteChatRequest, CompleteChatResponse
from rest_shim.errors import bad_request, http_error
from rest_shim.exchange import Exchange
from rest_shim.responses.ids import response_of
from rest_shim.responses.items import references
from rest_shim.responses.stored import conversation, items, stored
from rest_shim.responses.write import Head

DAY_S = 86_400
# What a client asked to have kept. Of what none forbade to keep, the setting `keep_responses` says it.
ASKED_S = 30 * DAY_S
# Nobody waits longer for the last event because of this.
SAVE_S = 10.0


@dataclass(frozen=True, slots=True)
class Keeping:
    """Keeps the answer to one request. `seconds` of 0 keep nothing."""

    exchange: Exchange
    message: CompleteChatRequest
    seconds: int

    async def last(self, head: Head, answer: CompleteChatResponse, whole: JsonObject) -> JsonObject:
        """The reply, in which `store` says whether the answer is kept. That it cannot be costs nobody the answer."""
        kept = await self._save(head, answer) if self.seconds else None
        if kept is None:
            return {**whole, "store": False}
        at = kept.complete_time.seconds if whole["completed_at"] is not None else None
        return {**whole, "store": True, "completed_at": at}

    async def _save(self, head: Head, answer: CompleteChatResponse) -> pb.Response | None:
        request = pb.SaveResponseRequest(
            id=head.id,
            request=self.message,
            answer=answer,
            dialect_json=dump({**head.echo, "store": True}).decode(),
            keep_for=Duration(seconds=self.seconds),
        )
        save = self.exchange.stubs.responses.SaveResponse
        try:
            return (await save(request, metadata=self.exchange.metadata, timeout=SAVE_S)).response
        except grpc.aio.AioRpcError:
            # Its own line of the log says why.
            return None


def seconds_of(body: JsonObject, unasked: int) -> int:
    """How long the answer is to be kept; `unasked` when the client does not say that it is to be stored or not."""
    if body.get("store") is None:
        return unasked
    return ASKED_S if body["store"] else 0


async def before(exchange: Exchange, body: JsonObject) -> list[ChatMessage]:
    """The messages of the response that a request continues, and of those before it."""
    previous = body.get("previous_response_id")
    if not previous:
        return []
    kept = await found(exchange, previous)
    if kept is None:
        text = "there is no such response under this account: it was not stored, or it was forgotten"
        raise bad_request("previous_response_id", text, "previous_response_not_found")
    if kept.state != pb.RESPONSE_STATE_SUCCEEDED:
        text = f"this response has no answer to go on from: it is {stored(kept)['status']}"
        raise bad_request("previous_response_id", text, "invalid_value")
    return conversation(kept)


async def known(exchange: Exchange, body: JsonObject) -> dict[str, JsonObject]:
    """The items that the input names instead of repeating them, as far as they are kept."""
    named = {response_of(item) for item in references(body["input"])} - {None}
    known: dict[str, Any] = {}
    for response_id in named:
        kept = await found(exchange, str(response_id))
        if kept is not None:
            known |= {item["id"]: item for item in [*items(kept), *stored(kept)["output"]]}
    return known


async def found(exchange: Exchange, response_id: str) -> pb.Response | None:
    """A kept response; None if there is none."""
    try:
        request = pb.GetResponseRequest(response_id=response_id)
        return (await exchange.call(exchange.stubs.responses.GetResponse, request)).response  # type: ignore[no-any-return]
    except grpc.aio.AioRpcError as error:
        if http_error(error).row.status == 404:
            return None
        raise


def check_background(body: JsonObject) -> None:
    """Raises `InvalidBody` for what cannot be had of an answer that nobody waits for."""
    if body.get("stream"):
        raise InvalidBody(
            "stream", "a response in the background is not streamed: ask for it by its id", "unsupported_parameter"
        )
    if body.get("store") is False:
        raise InvalidBody("store", "a response in the background has to be stored", "invalid_value")
