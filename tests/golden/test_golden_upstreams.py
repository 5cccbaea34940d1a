"""The hops of each golden case of DashScope and of an own engine, and then the whole way through an open gateway."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from last_hop import refused, streamed, told, whole
from operated import configured
from raw_server import LAST_CHUNK, STREAM_HEAD, RawServer, Script, answer, chunk, raw_server, sent_headers
from story import GOLDEN, NOW, Case, at_the_fixed_time, failure, one_by_one, parsed, pretty, shown
from support import bearer, settings_for, shim_settings

from qwen_grpc.cli.gateway import open_gateway
from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import QwenError
from qwen_grpc.interceptors.translate_errors import status_of
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.upstreams.base import Upstream
from qwen_grpc.upstreams.dashscope import DashScope
from qwen_grpc.upstreams.openai_engine import OpenAiEngine
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse
from rest_shim import sse

JSON = b"Content-Type: application/json"
CASES = [Case(found.parent) for kind in ("dashscope", "engine") for found in sorted(GOLDEN.glob(f"{kind}/*/1_*.json"))]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.folder.parent.name} {case.folder.name}")
KEYS = {"dashscope": ApiKey("sk-of-the-story"), "engine": ApiKey("gpu-of-the-story")}
# What is about the connection, and says nothing of the request.
USUAL = (
    b"host", b"accept", b"accept-encoding", b"connection", b"content-length", b"user-agent", b"content-type", b"via",
)  # fmt: skip


def dashscope(url: str) -> dict[str, Any]:
    return {"kind": "dashscope", "base_url": url}


def engine(url: str) -> dict[str, Any]:
    return {"kind": "openai_engine", "base_url": f"{url}/v1", "dialect": "vllm", "caller_keys": ["gpu-*"]}


TABLES: dict[str, Callable[[str], dict[str, Any]]] = {"dashscope": dashscope, "engine": engine}
ADAPTERS: dict[str, Callable[[str, UpstreamConfig], Upstream]] = {"dashscope": DashScope, "engine": OpenAiEngine}


# -- hop by hop -------------------------------------------------------------------------------------------------------


@each_case
def test_hop_1_to_2_the_shim_reads_the_request(case: Case) -> None:
    case.expect("2_rpc_request.txtpb", shown(REQUESTS.read(CompleteChatRequest, case.rest_request)))


@each_case
@pytest.mark.asyncio
async def test_hop_2_to_3_the_adapter_encodes_the_request(case: Case) -> None:
    async with serving(case) as server:
        await answered(case, server.url)

    case.expect("3_request.json", call(server.requests[-1]))


@each_case
@pytest.mark.asyncio
async def test_hop_4_to_5_the_adapter_decodes_the_reply(case: Case) -> None:
    async with serving(case) as server:
        messages, error = await answered(case, server.url)

    case.expect("5_rpc_events.txtpb", shown(*one_by_one(messages)))
    case.expect("5_rpc_status.txtpb", shown(status_of(error, "req_1")) if error else None)


@each_case
@pytest.mark.asyncio
async def test_hop_5_to_6_the_shim_writes_the_reply(case: Case) -> None:
    messages, error = told(case)

    case.expect("6_rest_reply.sse", streamed(case, messages, error) if messages else None)
    case.expect("6_rest_reply.json", refused(error) if error else await whole(messages))


# -- the whole way ----------------------------------------------------------------------------------------------------


@each_case
@pytest.mark.asyncio
async def test_the_whole_story_is_true_for_a_streaming_client(case: Case) -> None:
    reply = await posted(case, case.rest_request)

    if case.has("6_rest_reply.sse"):
        assert (200, sse.HEADERS["content-type"]) == (reply.status_code, reply.headers["content-type"])
        assert case.read("6_rest_reply.sse") == at_the_fixed_time(reply.text)
    else:
        assert case.read("6_rest_reply.json") == failure(reply.status_code, reply.headers, reply.json())


@each_case
@pytest.mark.asyncio
async def test_the_whole_story_is_true_for_a_client_that_waits_for_the_end(case: Case) -> None:
    reply = await posted(case, case.whole_request)

    body = json.loads(at_the_fixed_time(reply.text))
    made = pretty(body) if reply.is_success else failure(reply.status_code, reply.headers, body)
    assert case.read("6_rest_reply.json") == made


# -- what the tests do ------------------------------------------------------------------------------------------------


def kind_of(case: Case) -> str:
    return case.folder.parent.name


@asynccontextmanager
async def serving(case: Case) -> AsyncIterator[RawServer]:
    """A server that says, byte for byte, what this case's upstream says; an engine is asked for its models first."""
    models = [answer((GOLDEN / "always" / "engine_models.json").read_bytes(), JSON)]
    before = [models] if kind_of(case) == "engine" else []
    async with raw_server(*before, reply_of(case)) as server:
        yield server


def reply_of(case: Case) -> Script:
    if case.has("4_reply.sse"):
        lines = (case.folder / "4_reply.sse").read_bytes().splitlines(keepends=True)
        return [STREAM_HEAD, *map(chunk, lines), LAST_CHUNK]
    told = json.loads(case.read("4_reply.json"))
    body = json.dumps(told["body"], ensure_ascii=False).encode()
    return [answer(body, JSON, status=b"%d No" % told["status"])]


def call(request: bytes) -> str:
    """A request as a person reads it: where it goes, the headers that mean something, and the body."""
    headers = {name.decode(): value.decode() for name, value in sent_headers(request) if name not in USUAL}
    line, body = request.split(b"\r\n")[0].decode(), request.split(b"\r\n\r\n", 1)[1]
    return pretty({"call": line.removesuffix(" HTTP/1.1"), "headers": headers, "body": json.loads(body)})


async def answered(case: Case, url: str) -> tuple[list[StreamChatResponse], QwenError | None]:
    """What the adapter tells."""
    kind, messages = kind_of(case), list[StreamChatResponse]()
    (request,) = parsed(CompleteChatRequest, case.read("2_rpc_request.txtpb"))
    config = UpstreamConfig.model_validate(TABLES[kind](url))
    async with ADAPTERS[kind](kind, config) as upstream:
        model = await upstream.resolve(request.model, KEYS[kind])
        try:
            async for message in upstream.chat(request, model, KEYS[kind]):
                if message.HasField("start"):
                    # The native protocol tells no time, so it is the gateway's own.
                    message.start.created = NOW
                messages.append(message)
        except QwenError as error:
            # The way through the gateway adds who it was.
            error.facts["upstream"] = kind
            return messages, error
    return messages, None


async def posted(case: Case, request: dict[str, Any]) -> httpx.Response:
    """What the REST door of an open gateway answers."""
    kind = kind_of(case)
    async with (
        serving(case) as server,
        open_gateway(settings_for(server), shim_settings(), configured({kind: TABLES[kind](server.url)}, {})) as opened,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{opened.rest.port}", timeout=30) as http,
    ):
        return await http.post("/v1/chat/completions", json=request, headers=bearer(KEYS[kind]))


def test_every_case_says_what_it_is_about() -> None:
    assert [case.folder.name for case in CASES if not Path(case.folder / "story.md").exists()] == []
