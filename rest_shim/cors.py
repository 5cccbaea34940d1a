"""Cross-origin calls from browsers: off, or for the listed origins exactly."""

from typing import Any

from sanic import HTTPResponse, Request, Sanic

from rest_shim.exchange import ANNOUNCED, REQUEST_ID

_ALLOWED = {
    "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
    "access-control-allow-headers": "*, authorization, content-type, x-api-key, x-request-id",
    "access-control-max-age": "600",
}


class Cors:
    """Answers preflights and marks responses. Credentials of browsers are never allowed."""

    def __init__(self, origins: str) -> None:
        self._origins = frozenset(origin.strip() for origin in origins.split(",") if origin.strip())

    def attach(self, app: Sanic[Any, Any]) -> None:
        """Does nothing without origins, so that OPTIONS stays an unknown method."""
        if self._origins:
            app.on_request(self._preflight, priority=50)
            app.on_response(self._mark)

    async def _preflight(self, request: Request) -> HTTPResponse | None:
        asked = request.method == "OPTIONS" and request.headers.get("access-control-request-method")
        return HTTPResponse(status=204, headers=_ALLOWED) if asked and self._allowed(request) else None

    async def _mark(self, request: Request, response: HTTPResponse) -> None:
        if self._allowed(request):
            response.headers["access-control-allow-origin"] = request.headers["origin"]
            response.headers["access-control-expose-headers"] = ", ".join((REQUEST_ID, "retry-after", *ANNOUNCED))
        response.headers.add("vary", "origin")

    def _allowed(self, request: Request) -> bool:
        return request.headers.get("origin") in self._origins
