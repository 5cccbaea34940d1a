"""Responses that are kept: looked at, stopped, forgotten."""

from sanic import HTTPResponse

from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.v1 import responses_pb2 as pb
from rest_shim.errors import bad_request
from rest_shim.exchange import Exchange, answer
from rest_shim.responses.stored import items, stored

PAGE, MAX_PAGE = 20, 100


async def get_response(exchange: Exchange, response_id: str) -> HTTPResponse:
    """A response as its reply was, or how far it is."""
    if exchange.request.args.get("stream") == "true":
        text = "a kept response is not streamed: get it whole, and again until it is complete"
        raise bad_request("stream", text, "unsupported_parameter")
    return answer(stored(await _kept(exchange, response_id)))


async def delete_response(exchange: Exchange, response_id: str) -> HTTPResponse:
    """Forgets a response; what is being made is stopped."""
    await exchange.call(exchange.stubs.responses.DeleteResponse, pb.DeleteResponseRequest(response_id=response_id))
    return answer({"id": response_id, "object": "response", "deleted": True})


async def cancel_response(exchange: Exchange, response_id: str) -> HTTPResponse:
    """Stops a response in the background; does nothing to one that has ended."""
    request = pb.CancelResponseRequest(response_id=response_id)
    return answer(stored((await exchange.call(exchange.stubs.responses.CancelResponse, request)).response))


async def list_input_items(exchange: Exchange, response_id: str) -> HTTPResponse:
    """What the model read, newest first, page by page."""
    limit, after = _limit(exchange), exchange.request.args.get("after", "")
    descending = _descending(exchange)
    found = items(await _kept(exchange, response_id))
    found = found[::-1] if descending else found
    return answer(_page(found[_first(found, after) :], limit))


async def _kept(exchange: Exchange, response_id: str) -> pb.Response:
    request = pb.GetResponseRequest(response_id=response_id)
    return (await exchange.call(exchange.stubs.responses.GetResponse, request)).response  # type: ignore[no-any-return]


def _page(found: list[JsonObject], limit: int) -> JsonObject:
    page = found[:limit]
    first, last = (page[0]["id"], page[-1]["id"]) if page else (None, None)
    return {"object": "list", "data": page, "first_id": first, "last_id": last, "has_more": len(found) > limit}


def _first(found: list[JsonObject], after: str) -> int:
    ids = [item["id"] for item in found]
    if after and after not in ids:
        raise bad_request("after", "after is none of the items of this response", "invalid_value")
    return ids.index(after) + 1 if after else 0


def _limit(exchange: Exchange) -> int:
    asked = exchange.request.args.get("limit", str(PAGE))
    if not asked.isdecimal() or not 1 <= int(asked) <= MAX_PAGE:
        raise bad_request("limit", f"limit is not a number from 1 to {MAX_PAGE}", "invalid_value")
    return int(asked)


def _descending(exchange: Exchange) -> bool:
    order = exchange.request.args.get("order", "desc")
    if order not in ("asc", "desc"):
        raise bad_request("order", "order is neither asc nor desc", "invalid_value")
    return bool(order == "desc")
