"""One question, asked at both doors, whole and streamed, and in what way it failed."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from grpc_status import rpc_status
from routed import fleet_of
from support import bearer, records, session, settings_for, shim_settings

from qwen_grpc.credentials import Credentials
from qwen_grpc.ledger import Ledger
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.server import Server
from qwen_grpc.upstreams.base import Upstream
from qwen_grpc.upstreams.chat_qwen_ai import ChatQwenAi, Site
from qwen_grpc.upstreams.clocks import Clocks
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub
from rest_shim.app import build
from rest_shim.door import bound_socket, listening

COMPLETIONS = "/v1/chat/completions"


@dataclass(frozen=True)
class Doors:
    """Both doors of a gateway; a `House` has the same two."""

    channel: grpc.aio.Channel
    http: httpx.AsyncClient
    grpc_port: int
    server: Server | None = None

    @property
    def chat(self) -> Any:
        return ChatServiceStub(self.channel)


@asynccontextmanager
async def open_doors(
    upstream: Upstream, *, shim: Mapping[str, Any] | None = None, **changes: Any
) -> AsyncIterator[Doors]:
    """A gateway in front of any upstream."""
    settings = settings_for(_Nowhere(), **changes)  # type: ignore[arg-type]
    async with Ledger(settings.qwen_ledger) as ledger, fleet_of(upstream) as fleet:
        server = Server(fleet, settings, ledger)
        await server.start()
        port, rest = await server.listen(), shim_settings(**(shim or {}))
        try:
            async with (
                listening(build(rest, server.channel), bound_socket(rest.host, rest.port, reuse_port=False)) as door,
                grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.port}", timeout=20) as http,
            ):
                yield Doors(channel, http, port, server)
        finally:
            await server.drain(settings.qwen_drain)


class _Nowhere:
    """Stands for the simulator in the settings of a gateway that calls none."""

    url = "http://127.0.0.1:9"


def site(url: str, clocks: Clocks | None = None) -> ChatQwenAi:
    """The adapter of chat.qwen.ai, with its own clocks."""
    return ChatQwenAi(Site(url, url, clocks=clocks))


# -- asking -----------------------------------------------------------------------------------------------------------


def question(content: str, **more: Any) -> dict[str, Any]:
    """An OpenAI request with one user message."""
    return {"model": "qwen-max", "messages": [{"role": "user", "content": content}], **more}


def request_of(body: Mapping[str, Any]) -> CompleteChatRequest:
    """The same request as a message."""
    return REQUESTS.read(CompleteChatRequest, dict(body))


def metadata(credential: Credentials | None = None) -> tuple[tuple[str, str], ...]:
    """A credential as metadata."""
    return tuple(bearer(credential or session()).items())


@dataclass(frozen=True)
class GrpcFailure:
    """What a failed call says of itself."""

    code: grpc.StatusCode
    reason: str
    message: str
    retry_after: float | None = None
    field: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class HttpFailure:
    """What a failed HTTP answer says of itself. The headers of a failure within a stream cannot say anything."""

    status: int
    type: str
    code: str
    message: str
    param: str | None = None
    retry_after: str | None = None
    should_retry: str | None = None


@dataclass(frozen=True)
class Outcome:
    """The text that was delivered, and the failure, if there was one."""

    text: str
    failure: GrpcFailure | HttpFailure | None


Way = Callable[[Any, Mapping[str, Any], Credentials | None], Awaitable[Outcome]]


async def rest_whole(doors: Any, body: Mapping[str, Any], credential: Credentials | None = None) -> Outcome:
    """One JSON answer."""
    reply = await doors.http.post(COMPLETIONS, json=body, headers=bearer(credential))
    if reply.status_code != 200:
        return Outcome("", http_failure(reply))
    return Outcome(reply.json()["choices"][0]["message"]["content"], None)


async def rest_stream(doors: Any, body: Mapping[str, Any], credential: Credentials | None = None) -> Outcome:
    """An SSE answer; a failed one has exactly one error record, at its end, and no `[DONE]`."""
    reply = await doors.http.post(COMPLETIONS, json={**body, "stream": True}, headers=bearer(credential))
    if reply.status_code != 200:
        return Outcome("", http_failure(reply))
    assert reply.text.endswith("\n\n")
    *chunks, last = records(reply.text)
    assert "[DONE]" not in chunks
    assert not any("error" in chunk for chunk in chunks)
    text = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    if last == "[DONE]":
        return Outcome(text, None)
    assert list(last) == ["error"]
    assert len(re.findall("^data: ", reply.text, re.MULTILINE)) == len(chunks) + 1
    return Outcome(text, HttpFailure(200, **_told(last["error"])))


async def grpc_whole(doors: Any, body: Mapping[str, Any], credential: Credentials | None = None) -> Outcome:
    """`CompleteChat`."""
    try:
        whole = await doors.chat.CompleteChat(request_of(body), metadata=metadata(credential), timeout=20)
    except grpc.aio.AioRpcError as error:
        return Outcome("", grpc_failure(error))
    return Outcome(whole.choices[0].message.content, None)


async def grpc_stream(doors: Any, body: Mapping[str, Any], credential: Credentials | None = None) -> Outcome:
    """`StreamChat`."""
    text = ""
    try:
        async for message in doors.chat.StreamChat(request_of(body), metadata=metadata(credential), timeout=20):
            text += "".join(delta.content for delta in message.deltas)
    except grpc.aio.AioRpcError as error:
        return Outcome(text, grpc_failure(error))
    return Outcome(text, None)


WAYS: dict[str, Way] = {
    "REST whole": rest_whole,
    "REST stream": rest_stream,
    "gRPC whole": grpc_whole,
    "gRPC stream": grpc_stream,
}


async def all_ways(doors: Any, body: Mapping[str, Any], credential: Credentials | None = None) -> dict[str, Outcome]:
    """The outcome of each way, asked at the same time."""
    outcomes = await asyncio.gather(*(ask(doors, body, credential) for ask in WAYS.values()))
    return dict(zip(WAYS, outcomes, strict=True))


# -- reading failures -------------------------------------------------------------------------------------------------


def http_failure(reply: httpx.Response) -> HttpFailure:
    """The failure in an HTTP answer; its body has nothing but OpenAI's four words, and what `_told` lets pass."""
    assert list(reply.json()) == ["error"]
    hints = (reply.headers.get("retry-after"), reply.headers.get("x-should-retry"))
    return HttpFailure(reply.status_code, **_told(reply.json()["error"]), retry_after=hints[0], should_retry=hints[1])


def _told(error: dict[str, Any]) -> dict[str, Any]:
    # Only an answer that is not in the demanded form is shown.
    shown = ["answer"] if error["code"] == "schema_mismatch" else []
    assert sorted(error) == [*shown, "code", "message", "param", "type"]
    return {name: value for name, value in error.items() if name not in shown}


def grpc_failure(error: grpc.aio.AioRpcError) -> GrpcFailure:
    """The failure in a status and its details."""
    found: dict[str, Any] = {}
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    for packed in status.details if status else ():
        info, retry, wrong, request = ErrorInfo(), RetryInfo(), BadRequest(), RequestInfo()
        if packed.Unpack(info):
            assert info.domain == "qwen.v1"
            found["reason"] = info.reason
        elif packed.Unpack(retry):
            found["retry_after"] = retry.retry_delay.ToMilliseconds() / 1000
        elif packed.Unpack(wrong):
            found["field"] = wrong.field_violations[0].field
        elif packed.Unpack(request):
            found["request_id"] = request.request_id
    return GrpcFailure(error.code(), found.pop("reason", ""), error.details() or "", **found)
