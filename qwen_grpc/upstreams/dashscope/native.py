"""The native API: JSON in, JSON out, and errors that may come with any status."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import Unsupported, UpstreamProtocol
from qwen_grpc.upstreams.dashscope.origin import DashScopeOrigin
from qwen_grpc.upstreams.dashscope.refusals import refusal
from qwen_grpc.upstreams.messages import Request, Response
from qwen_grpc.upstreams.openai_wire.turn import JSON

# The scheme of places in the temporary store, which the service looks up only when a header says so.
OSS = "oss://"
RESOLVE = {"X-DashScope-OssResourceResolve": "enable"}
# Makes a task of a request; without it the models that only make tasks refuse.
QUEUED = {"X-DashScope-Async": "enable"}


class Reply(Struct):
    """What every answer may have. With a word as its `code` it is an error, whatever its status."""

    code: str | int | None = None


T = TypeVar("T", bound=Reply)


class Native:
    """Calls of the native API at one server. Nothing is sent a second time once it may have arrived."""

    def __init__(self, origin: DashScopeOrigin) -> None:
        self.origin = origin

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Request:
        """A request to the native API. Raises `Unsupported` at hosts that do not have it."""
        if not self.origin.place.native:
            text = f"{self.origin.name} has no images, videos and uploads at {self.origin.host}: its plan is for chat"
            raise Unsupported(f"{text}; take a host and a key of the pay as you go plan")
        return self.origin.request(method, path, headers, body)

    async def get(self, path: str, key: ApiKey, reply: type[T]) -> T:
        """Asks for something."""
        return await self._answer(self._request("GET", path, self.origin.headers(key)), reply)

    async def post(self, path: str, key: ApiKey, reply: type[T], body: Any = None, *, queued: bool = False) -> T:
        """Asks for something to be done; `queued` makes a task of it."""
        content = msgspec.json.encode(body if body is not None else {})
        resolve = RESOLVE if OSS.encode() in content else {}
        headers = {**self.origin.headers(key), **JSON, **resolve, **(QUEUED if queued else {})}
        return await self._answer(self._request("POST", path, headers, content), reply)

    async def _answer(self, request: Request, reply: type[T]) -> T:
        async with self.origin.exchange(request) as response:
            return answer_in(self.origin, response, await self.origin.body(response), reply)


def answer_in(origin: DashScopeOrigin, response: Response, body: bytes, reply: type[T]) -> T:
    """The answer in a body. Raises what a refusal means, `UpstreamProtocol` for a form that is not known."""
    if not response.is_success:
        raise refusal(response, body)
    try:
        answer = msgspec.json.decode(body, type=reply)
    except msgspec.MsgspecError as error:
        raise UpstreamProtocol(f"{origin.name} answered in a form that is not known here") from error
    if answer.code and isinstance(answer.code, str):
        raise refusal(response, body)
    return answer
