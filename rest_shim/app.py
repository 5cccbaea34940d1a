"""The Sanic application: routes, and the one place where a failure becomes an HTTP answer."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import cache, partial
from typing import Any
from uuid import uuid4

import grpc
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import MethodNotAllowed, NotFound, PayloadTooLarge, RequestTimeout, SanicException

from qwen_grpc.openai_json.codec import InvalidBody
from rest_shim.cors import Cors
from rest_shim.door import Application
from rest_shim.errors import REASONS, HttpError, Row, bad_request, http_error
from rest_shim.exchange import REQUEST_ID, Exchange, answer, request_id
from rest_shim.gate import Admitted, Budget, Room, gated
from rest_shim.hardening import check_head, close_after
from rest_shim.messages import errors as anthropic
from rest_shim.openapi.document import document
from rest_shim.routes import ROUTES, Route, endpoints
from rest_shim.running import Running
from rest_shim.settings import INFLIGHT_BYTES, ShimSettings
from rest_shim.stubs import Stubs, stubs_on

# Sanic cannot take more; a credential may fill most of it.
MAX_HEADERS = 16_384
# How long the head of a request may take, its body, and a connection between two requests.
HEAD_S, BODY_S, IDLE_S = 10.0, 30.0, 30.0
SLOW = Row(408, "invalid_request_error", "request_timeout")
log = logging.getLogger("rest_shim")


def build(settings: ShimSettings, channel: grpc.aio.Channel, room: Room | None = None) -> Sanic[Any, Any]:
    """The application over a channel, which may be real or in-process; `room` is how much it takes on."""
    app: Sanic[Any, Any] = Application(f"rest-shim-{uuid4().hex}", configure_logging=False)
    app.config.update(_config(settings))
    app.ctx.endpoints = endpoints()
    app.ctx.openapi = cache(partial(document, ROUTES))
    app.ctx.running = Running()
    app.ctx.room = room or Budget(INFLIGHT_BYTES)
    stubs = stubs_on(channel)
    for route in ROUTES:
        serve, name = _served(route, stubs, settings), route.serve.__name__
        # Sanic would wait for a body without any clock.
        app.add_route(serve, route.path, methods=route.methods, name=name, stream="POST" in route.methods)
    Cors(settings.cors_origins).attach(app)
    app.on_request(_begin, priority=100)
    app.on_response(_end)
    app.exception(Exception)(_failed)
    return app


def _config(settings: ShimSettings) -> dict[str, Any]:
    return {
        "MAX_CONNECTIONS": settings.max_connections,
        "SLOW_CLIENT": settings.slow_client,
        "REQUEST_MAX_SIZE": settings.max_body,
        # Beyond this Sanic may stop reading, and would then not notice that the client hangs up.
        "REQUEST_BUFFER_SIZE": settings.max_body + MAX_HEADERS + 4096,
        "REQUEST_MAX_HEADER_SIZE": MAX_HEADERS,
        "REQUEST_TIMEOUT": HEAD_S,
        # Answers take as long as they take; the RPC has its own deadline.
        "RESPONSE_TIMEOUT": 86_400,
        "KEEP_ALIVE_TIMEOUT": IDLE_S,
        "GRACEFUL_SHUTDOWN_TIMEOUT": 0.5,
        "FALLBACK_ERROR_FORMAT": "json",
        "ACCESS_LOG": False,
        "MOTD": False,
        # It rewrites classes that all applications of a process share, and breaks the second one.
        "TOUCHUP": False,
    }


def _served(
    route: Route, stubs: Stubs, settings: ShimSettings
) -> Callable[..., Coroutine[Any, Any, HTTPResponse | None]]:
    service = gated(route.rpc)

    async def serve(request: Request, **parameters: str) -> HTTPResponse | None:
        with request.app.ctx.running, Admitted(request.app.ctx.room, service) as admitted:
            await admitted.check(request)
            if not route.streamed:
                await _receive_body(request, route.max_body or settings.max_body, admitted)
            return await route.serve(Exchange(request, stubs, settings), **parameters)

    return serve


async def _receive_body(request: Request, limit: int, admitted: Admitted) -> None:
    try:
        async with asyncio.timeout(BODY_S):
            await admitted.receive_body(request, limit)
    except TimeoutError:
        close_after(request)
        raise HttpError(SLOW, f"the body did not arrive within {BODY_S:g} s") from None


async def _begin(request: Request) -> None:
    request.ctx.request_id = request_id(request)
    check_head(request)


async def _end(request: Request, response: HTTPResponse) -> None:
    if request.app.ctx.running.leaving:
        close_after(request)
    response.headers.setdefault(REQUEST_ID, _id_of(request))
    if anthropic.speaks(request.path):
        response.headers.setdefault(anthropic.REQUEST_ID, _id_of(request))


def _id_of(request: Request) -> str:
    """The id of a request, also of one that failed before it began."""
    if not hasattr(request.ctx, "request_id"):
        request.ctx.request_id = request_id(request)
    return str(request.ctx.request_id)


async def _failed(request: Request, error: Exception) -> HTTPResponse:
    """Every failure ends here."""
    failure = _as_http(error)
    if failure.row.code == "internal_error" and not isinstance(error, grpc.aio.AioRpcError):
        log.error("unforeseen failure", exc_info=error)
    if failure.row.code == "invalid_request":
        close_after(request)
    if anthropic.speaks(request.path):
        body = anthropic.failure_body(failure, _id_of(request))
        return answer(body, status=anthropic.failure_status(failure), headers=failure.headers)
    return answer(failure.body, status=failure.row.status, headers=failure.headers)


def _as_http(error: Exception) -> HttpError:
    match error:
        case HttpError():
            return error
        case grpc.aio.AioRpcError():
            return http_error(error)
        case InvalidBody():
            return bad_request(error.param or None, error.message, error.code)
        case PayloadTooLarge():
            headers = "header" in str(error)
            row = REASONS["HEADERS_TOO_LARGE" if headers else "TOO_LARGE"]
            what = f"the headers are over {MAX_HEADERS} bytes" if headers else "the body is over the limit (MAX_BODY)"
            return HttpError(row, what)
        case NotFound():
            return HttpError(Row(404, "invalid_request_error", "unknown_url"), "no such endpoint; GET / lists them")
        case MethodNotAllowed():
            row = Row(405, "invalid_request_error", "method_not_supported")
            return HttpError(row, "this endpoint takes another method; GET / lists them")
        case SanicException() if error.status_code < 500:
            return _unread(error)
        case _:
            return HttpError(REASONS["INTERNAL"], "internal error; the log of the server has the rest")


def _unread(error: SanicException) -> HttpError:
    """What a request is answered that could not be read."""
    if isinstance(error, RequestTimeout):
        return HttpError(SLOW, f"the head of the request did not arrive within {HEAD_S:g} s")
    return bad_request(None, "this is not a request that HTTP allows", "invalid_request")
