"""The Sanic application, and the port that it listens on."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import MethodNotAllowed, NotFound, PayloadTooLarge, SanicException

from rest_shim.codec import InvalidBody
from rest_shim.cors import Cors
from rest_shim.errors import REASONS, HttpError, Row, bad_request, http_error
from rest_shim.exchange import Exchange, answer, request_id
from rest_shim.hardening import check_head, close_after
from rest_shim.routes import ROUTES, Route, endpoints
from rest_shim.settings import ShimSettings
from rest_shim.stubs import Stubs, stubs_on

# Sanic cannot take more; a credential may fill most of it.
MAX_HEADERS = 16_384
BACKLOG = 4096
log = logging.getLogger("rest_shim")


def build(settings: ShimSettings, channel: grpc.aio.Channel) -> Sanic[Any, Any]:
    """The application over a channel, which may be real or in-process."""
    app: Sanic[Any, Any] = Sanic(f"rest-shim-{uuid4().hex}", configure_logging=False)
    app.config.update(_config(settings))
    app.ctx.endpoints = endpoints()
    app.ctx.running = Running()
    stubs = stubs_on(channel)
    for route in ROUTES:
        app.add_route(_served(route, stubs, settings), route.path, methods=route.methods, name=route.serve.__name__)
    Cors(settings.cors_origins).attach(app)
    app.on_request(_begin, priority=100)
    app.on_response(_end)
    app.exception(Exception)(_failed)
    return app


def _config(settings: ShimSettings) -> dict[str, Any]:
    return {
        "REQUEST_MAX_SIZE": settings.max_body,
        "REQUEST_MAX_HEADER_SIZE": MAX_HEADERS,
        "REQUEST_TIMEOUT": 30,
        # Answers take as long as they take; the RPC has its own deadline.
        "RESPONSE_TIMEOUT": 86_400,
        "KEEP_ALIVE_TIMEOUT": 30,
        "GRACEFUL_SHUTDOWN_TIMEOUT": 0.5,
        "FALLBACK_ERROR_FORMAT": "json",
        "ACCESS_LOG": False,
        "MOTD": False,
        "TOUCHUP": False,
    }


def _served(
    route: Route, stubs: Stubs, settings: ShimSettings
) -> Callable[..., Coroutine[Any, Any, HTTPResponse | None]]:
    async def serve(request: Request, **parameters: str) -> HTTPResponse | None:
        with request.app.ctx.running:
            return await route.serve(Exchange(request, stubs, settings), **parameters)

    return serve


async def _begin(request: Request) -> None:
    request.ctx.request_id = request_id(request)
    check_head(request)


async def _end(request: Request, response: HTTPResponse) -> None:
    response.headers.setdefault("x-request-id", getattr(request.ctx, "request_id", None) or request_id(request))


async def _failed(request: Request, error: Exception) -> HTTPResponse:
    """The one place where a failure becomes an HTTP answer."""
    failure = _as_http(error)
    if failure.row.code == "internal_error" and not isinstance(error, grpc.aio.AioRpcError):
        log.error("unforeseen failure", exc_info=error)
    if failure.row.code == "invalid_request":
        close_after(request)
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
            return bad_request(None, "this is not a request that HTTP allows", "invalid_request")
        case _:
            return HttpError(REASONS["INTERNAL"], "internal error; the log of the server has the rest")


class Running:
    """Counts the requests that are being served."""

    def __init__(self) -> None:
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def __enter__(self) -> None:
        self._count += 1
        self._idle.clear()

    def __exit__(self, *exc: object) -> None:
        self._count -= 1
        if not self._count:
            self._idle.set()

    async def idle(self) -> None:
        """Waits until no request is being served."""
        await self._idle.wait()


@dataclass(frozen=True, slots=True)
class Door:
    """An open REST port."""

    port: int
    server: Any
    running: Running

    async def finish(self, grace_s: float) -> None:
        """Accepts nothing more, and waits at most `grace_s` seconds for running requests."""
        self.server.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.running.idle(), grace_s)


@asynccontextmanager
async def listening(app: Sanic[Any, Any], settings: ShimSettings, *, reuse_port: bool = False) -> AsyncIterator[Door]:
    """Serves the application in the running loop. Raises `OSError` when the port cannot be had."""
    sock = bound_socket(settings.host, settings.port, reuse_port=reuse_port)
    server = await app.create_server(sock=sock, backlog=BACKLOG, return_asyncio_server=True, access_log=False)
    assert server is not None
    await server.startup()
    await server.before_start()
    await server.start_serving()
    await server.after_start()
    door = Door(sock.getsockname()[1], server, app.ctx.running)
    try:
        yield door
    finally:
        await door.finish(0.0)
        await server.before_stop()
        for connection in list(server.connections):
            connection.abort()
        await server.after_stop()
        Sanic.unregister_app(app)


def bound_socket(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    """A bound TCP socket. A taken port is an error, also among workers of somebody else."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit it; without it a small record may wait 40 ms for an acknowledgement.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
