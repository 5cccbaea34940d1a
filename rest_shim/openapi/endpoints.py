"""GET /openapi.json and GET /docs."""

from sanic import HTTPResponse

from rest_shim.exchange import Exchange, answer
from rest_shim.openapi.page import page


async def get_openapi(exchange: Exchange) -> HTTPResponse:
    """The OpenAPI document."""
    return answer(exchange.request.app.ctx.openapi())


async def get_docs(exchange: Exchange) -> HTTPResponse:
    """The same as a page, which needs nothing from elsewhere."""
    return HTTPResponse(page(exchange.request.app.ctx.openapi()), content_type="text/html; charset=utf-8")
