"""Serves the simulated Qwen inside the running event loop; `running` is the way in."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any
from uuid import uuid4

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import NotFound, SanicException
from sanic.server.protocols.base_protocol import SanicProtocol
from sanic.server.protocols.http_protocol import HttpProtocol

from qwen_grpc.simulator import chat_qwen_ai, control, files, outputs, store, videos
from qwen_grpc.simulator.behaviour import Behaviour
from qwen_grpc.simulator.dashscope import face as dashscope
from qwen_grpc.simulator.engine import face as engine
from qwen_grpc.simulator.replies import Answer, render
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.state import Arrived, Clock, NewId, Simulator, real_id

FACES = (chat_qwen_ai, videos, files, outputs, store, dashscope, engine, control)
STOP_S = 0.8
HOUR_S = 3600
CONFIG = {
    "MOTD": False,
    "ACCESS_LOG": False,
    # It rewrites classes that all apps of the process share, and fails when it does so twice.
    "TOUCHUP": False,
    # A stalled answer is meant to stall; only its caller may give up.
    "REQUEST_TIMEOUT": HOUR_S,
    "RESPONSE_TIMEOUT": HOUR_S,
    "KEEP_ALIVE_TIMEOUT": HOUR_S,
    # Exported cookie jars are longer than the default allows.
    "REQUEST_MAX_HEADER_SIZE": 128 * 1024,
    # Beyond this size the server stops reading, and then it would not notice that a caller hangs up.
    "REQUEST_BUFFER_SIZE": 128 * 1024 * 1024,
}


class Connection(HttpProtocol):
    """A connection that announces nothing to the framework's signals when it sends: nobody listens to them."""

    async def send(self, data: bytes) -> None:
        """Write with backpressure."""
        plain: Any = SanicProtocol.send
        await plain(self, data)


@asynccontextmanager
async def running(
    host: str = "127.0.0.1",
    port: int = 0,
    behaviour: Behaviour | None = None,
    *,
    new_id: NewId = real_id,
    now: Clock = time.time,
) -> AsyncIterator[Simulator]:
    """Run a simulated Qwen; port 0 takes a free one, `Simulator.url` says which. Leaving ends every stream."""
    simulator = Simulator(behaviour or Behaviour(), new_id, now)
    app = build(simulator)
    try:
        with socket.create_server((host, port), backlog=1024) as listener:
            # Accepted sockets inherit it; without it each event may wait 40 ms for an acknowledgement.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            simulator.url = f"http://{host}:{listener.getsockname()[1]}"
            server = await _serve(app, listener)
            try:
                yield simulator
            finally:
                await _stop(server, simulator)
    finally:
        Sanic.unregister_app(app)


def build(simulator: Simulator) -> Sanic[Any, Any]:
    """The application with the routes of every face; its name is unique because many live in one process."""
    app = Sanic(f"qwen-simulator-{uuid4().hex}", configure_logging=False)
    app.config.update(CONFIG)
    for route in chain.from_iterable(face.ROUTES for face in FACES):
        _add(app, simulator, route)

    @app.on_request
    async def remember(request: Request) -> None:
        if not request.path.startswith(control.PREFIX):
            simulator.arrived(_arrived(request))

    @app.exception(SanicException)
    async def refuse(request: Request, error: SanicException) -> HTTPResponse:
        text = "Not Found" if isinstance(error, NotFound) else str(error)
        return render(request, Answer({"detail": text}, status=error.status_code, actual=error.status_code))

    return app


def _add(app: Sanic[Any, Any], simulator: Simulator, route: Route) -> None:
    async def answered(request: Request, **values: str) -> HTTPResponse | None:
        answer = await route.respond(simulator, request, **values)
        return None if answer is None else render(request, answer)

    name = f"{route.method.lower()}_{route.path.translate(str.maketrans('/<>:', '____'))}"
    app.add_route(answered, route.path, methods=[route.method], name=name, stream=route.streamed)


def _arrived(request: Request) -> Arrived:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Arrived(request.method, request.path, request.query_string, headers, request.body, time.monotonic())


async def _serve(app: Sanic[Any, Any], listener: socket.socket) -> Any:
    log = logging.getLogger("sanic.error")
    level = log.level
    # On a terminal the framework recommends its debug mode, which is not meant for users of ours.
    log.setLevel(logging.ERROR)
    try:
        server: Any = await app.create_server(sock=listener, protocol=Connection, access_log=False)
    finally:
        log.setLevel(level)
    await server.startup()
    await server.before_start()
    await server.after_start()
    return server


async def _stop(server: Any, simulator: Simulator) -> None:
    """Close the door, then break every connection that is still open."""
    simulator.stopping = True
    connections = list(server.connections)
    tasks = [connection._task for connection in connections if connection._task]
    closing = server.close()
    for connection in connections:
        connection.transport.abort()
    await simulator.stop_background()
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_S)
    await closing
    await server.before_stop()
    await server.after_stop()
