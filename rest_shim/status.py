"""GET /, /livez, /readyz and /health."""

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from sanic import HTTPResponse

from rest_shim.exchange import Exchange, answer

# The service that says whether more calls are wanted; the one without a name says whether there is a server at all.
READY = "qwen.v1.ChatService"
ASKED_S = 2.0


async def welcome(exchange: Exchange) -> HTTPResponse:
    """What this is, and where to go on."""
    return answer(
        {
            "name": "qwen-grpc",
            "about": "OpenAI-compatible REST in front of the qwen.v1 gRPC services",
            "endpoints": exchange.request.app.ctx.endpoints,
        }
    )


async def livez(_: Exchange) -> HTTPResponse:
    """200 while this process answers at all: whoever gets none restarts it."""
    return answer({"status": "ok"})


async def readyz(exchange: Exchange) -> HTTPResponse:
    """200 when more requests are wanted, else 503: while the gateway ends, or has been full for a while."""
    if exchange.running.leaving:
        return answer({"status": "shutting down"}, status=503)
    return await _told(exchange, READY)


async def health(exchange: Exchange) -> HTTPResponse:
    """200 when the gRPC side serves, else 503."""
    return await _told(exchange, "")


async def _told(exchange: Exchange, service: str) -> HTTPResponse:
    try:
        found = await exchange.stubs.health.Check(HealthCheckRequest(service=service), timeout=ASKED_S)
        serving = found.status == HealthCheckResponse.SERVING
    except grpc.aio.AioRpcError:
        serving = False
    return answer({"status": "ok" if serving else "not serving"}, status=200 if serving else 503)
