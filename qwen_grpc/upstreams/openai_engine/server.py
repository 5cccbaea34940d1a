"""An engine's server: where it is, how it is called, and how its answers are read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import UpstreamProtocol
from qwen_grpc.hops import Hops
from qwen_grpc.openai_json.jsontext import load
from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.upstreams.http import Origin
from qwen_grpc.upstreams.messages import Content, Request, Response
from qwen_grpc.upstreams.openai_engine.refusals import refused
from qwen_grpc.upstreams.openai_wire.turn import authorized

# An engine may load a model, or read a long prompt, before it says anything; many send the headers only then.
CLOCKS = Clocks(headers_s=300.0, first_event_s=300.0, thinking_first_event_s=300.0)
MODELS = "/models"
JSON = "application/json"
MAX_DOCUMENT_BYTES = 64 << 20


class EngineServer(Origin):
    """The server behind a base URL of the operator's. No request may name another one."""

    def __init__(self, name: str, base_url: str, clocks: Clocks | None = None, hops: Hops | None = None) -> None:
        super().__init__(base_url, clocks=clocks or CLOCKS)
        self.name = name
        self._hops = hops or Hops()
        self.place = f"{name} at {httpx.URL(self.base_url).netloc.decode()}"
        self.root = self.base_url.removesuffix("/v1")

    def authorized(self, credentials: Credentials) -> dict[str, str]:
        """The headers of a call: the key, if the engine needs one, the trace, and the gateways that it has passed."""
        return authorized(credentials, self.name) | self._hops.onward()

    async def document(
        self, method: str, path: str, credentials: Credentials, content: Content = None, content_type: str = JSON
    ) -> Any:
        """The JSON that the engine answers. Raises what its refusal means."""
        headers = {**self.authorized(credentials), "accept": JSON}
        if content is not None:
            headers["content-type"] = content_type
        async with self.accepted(self.request(method, path, headers, content)) as response:
            body = await self.body(response, limit=MAX_DOCUMENT_BYTES)
        try:
            return load(body)
        except ValueError as error:
            raise UpstreamProtocol(f"{self.place} answered {method} {path} with something that is no JSON") from error

    @asynccontextmanager
    async def accepted(self, request: Request) -> AsyncIterator[Response]:
        """Sends a request; gives the response with its body unread, or raises what its refusal means."""
        async with self.exchange(request) as response:
            if not response.is_success:
                raise refused(self.place, response, await self.body(response))
            yield response
