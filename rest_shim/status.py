"""GET / and GET /health."""

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from sanic import HTTPResponse

from rest_shim.exchange import Exchange, answer


async def welcome(exchange: Exchange) -> HTTPResponse:
    """What this is, and where to go on."""
    return answer(
        {
            "name": "qwen-grpc",
            "about": "OpenAI-compatible REST in front of the qwen.v1 gRPC services",
            "endpoints": exchange.request.app.ctx.endpoints,
        }
    )


async def health(exchange: Exchange) -> HTTPResponse:
    """200 when the gRPC side serves, else 503."""
    try:
        found = await exchange.stubs.health.Check(HealthCheckRequest(), timeout=2.0)
        serving = found.status == HealthCheckResponse.SERVING
    except grpc.aio.AioRpcError:
        serving = False
    return answer({"status": "ok" if serving else "not serving"}, status=200 if serving else 503)
