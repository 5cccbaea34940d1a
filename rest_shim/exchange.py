"""One HTTP request and what is carried over from it to the RPC."""

import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sanic import HTTPResponse, Request

from qwen_grpc.openai_json.jsontext import dump, load
from rest_shim.errors import bad_request
from rest_shim.running import Running
from rest_shim.settings import ShimSettings
from rest_shim.stubs import Stubs

Json = dict[str, Any]

# No call takes longer, whatever a client asks for; the server ends most of them earlier.
LIMIT_S = 3600.0
# Credentials in the forms of OpenAI's and Anthropic's clients, and W3C trace context.
REQUEST_ID = "x-request-id"
# What the server tells of an answer: the model, the upstream, failed attempts, changes to the request.
NOTICE = "x-qwen-notice"
ANNOUNCED = ("x-qwen-model", "x-qwen-upstream", "x-qwen-attempts", NOTICE)
IDEMPOTENCY_KEY = "idempotency-key"
CARRIED = ("authorization", "x-api-key", "traceparent", "tracestate", IDEMPOTENCY_KEY, "via")

_request_id = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_milliseconds = re.compile(r"[1-9][0-9]{0,8}")
_printable = re.compile(r"[\x20-\x7e]*")
_key = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass
class Exchange:
    """A request, the stubs that can answer it, and the settings."""

    request: Request
    stubs: Stubs
    settings: ShimSettings

    @cached_property
    def body(self) -> Json:
        """The body as a JSON object; an empty body reads as an empty one."""
        if not self.request.body:
            return {}
        try:
            body = load(self.request.body)
        except ValueError as error:
            raise bad_request(None, f"the body is not valid JSON: {error}", "invalid_json") from None
        if not isinstance(body, dict):
            raise bad_request(None, "the body is not a JSON object", "invalid_type")
        return body

    @cached_property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes along with the RPC."""
        headers = self.request.headers
        if not _key.fullmatch(headers.get(IDEMPOTENCY_KEY, "-")):
            # Left away it would be as if the client had asked for no protection.
            raise bad_request("Idempotency-Key", "expected 1 to 255 printable ASCII characters", "invalid_value")
        carried = [(name, headers.get(name)) for name in CARRIED]
        kept = [(name, value) for name, value in carried if value and _printable.fullmatch(value)]
        return (*kept, (REQUEST_ID, self.request.ctx.request_id))

    @property
    def running(self) -> Running:
        """All requests that this door has in hand."""
        running: Running = self.request.app.ctx.running
        return running

    def metadata_of_part(self, part: str) -> tuple[tuple[str, str], ...]:
        """The same for one RPC of several: an idempotency key stands for one of them only, so each gets its own."""

        def own(key: str) -> str:
            return hashlib.sha256(f"{key}\0{part}".encode()).hexdigest()

        return tuple((name, own(value) if name == IDEMPOTENCY_KEY else value) for name, value in self.metadata)

    @property
    def timeout(self) -> float:
        """Seconds for an RPC: the caller's `X-Request-Timeout-Ms`, or as many as any call may take."""
        asked = self.request.headers.get("x-request-timeout-ms")
        if asked is None:
            return LIMIT_S
        if not _milliseconds.fullmatch(asked):
            text = "X-Request-Timeout-Ms: expected a whole number of milliseconds, from 1 to 999999999"
            raise bad_request("x-request-timeout-ms", text, "invalid_value")
        return min(LIMIT_S, int(asked) / 1000)

    async def call(self, method: Any, message: Any) -> Any:
        """A unary RPC."""
        return await method(message, metadata=self.metadata, timeout=self.timeout)

    async def reply(self, method: Any, message: Any, write: Callable[[Any], Json]) -> HTTPResponse:
        """The answer to a unary RPC, with what the server announced of it."""
        call = method(message, metadata=self.metadata, timeout=self.timeout)
        return answer(write(await call), headers=await announced(call))


async def announced(call: Any) -> dict[str, str]:
    """Who answers, what was tried before, and what was changed to get it served: headers of ours."""
    return {name: value for name, value in await call.initial_metadata() if name in ANNOUNCED}


def request_id(request: Request) -> str:
    """The caller's `X-Request-Id`, or a new one."""
    given = request.headers.get(REQUEST_ID, "")
    return given if _request_id.fullmatch(given) else f"req_{uuid.uuid4().hex}"


def answer(body: Json, *, status: int = 200, headers: dict[str, str] | None = None) -> HTTPResponse:
    """A JSON response."""
    return HTTPResponse(dump(body), status=status, headers=headers, content_type="application/json")
