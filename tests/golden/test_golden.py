"""The hops of each golden case, one by one, and then the whole way through an open gateway."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest
from golden_uploads import calls, inline_media
from last_hop import refused, streamed, told, whole
from raw_server import RawServer
from routed import router_of
from story import (
    CASES,
    NOW,
    Case,
    asked,
    at_the_fixed_time,
    failure,
    one_by_one,
    parsed,
    pretty,
    qwen,
    shown,
    upload_replies,
    with_named_calls,
    with_named_ids,
)
from support import bearer, session, settings_for, shim_settings

from qwen_grpc.cli.gateway import open_gateway
from qwen_grpc.credentials import WebSession
from qwen_grpc.errors import QwenError
from qwen_grpc.interceptors.translate_errors import status_of
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.upstreams.chat_qwen_ai import ChatQwenAi, Site
from qwen_grpc.upstreams.chat_qwen_ai.object_store import ObjectStore
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse
from rest_shim import sse

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder.name)


# -- hop by hop: with GOLDEN=write, in this order, each hop writes what the next one reads ----------------------------


@each_case
def test_hop_1_to_2_the_shim_reads_the_request(case: Case) -> None:
    case.expect("2_rpc_request.txtpb", shown(REQUESTS.read(CompleteChatRequest, case.rest_request)))


@each_case
@pytest.mark.asyncio
async def test_hop_2_to_3_the_adapter_encodes_the_request(case: Case) -> None:
    async with qwen(case) as server:
        await answers(case, server.url)

    body = asked(server)[-1].split(b"\r\n\r\n")[1]
    case.expect("3_qwen_request.json", pretty(json.loads(with_named_ids(body.decode()))))
    case.expect("3_qwen_requests.txt", calls(server.requests) if upload_replies(case) else None)


@each_case
@pytest.mark.asyncio
async def test_hop_4_to_5_the_adapter_decodes_the_reply(case: Case) -> None:
    async with qwen(case) as server:
        messages, error = (await answers(case, server.url))[-1]

    events = shown(*one_by_one(messages))
    case.expect("5_rpc_events.txtpb", with_named_calls(events) if events else None)
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
    async with gateway(case) as post:
        for turn in case.turns:
            reply = await post(turn.rest_request)

    if case.has("6_rest_reply.sse"):
        assert (200, sse.HEADERS["content-type"]) == (reply.status_code, reply.headers["content-type"])
        assert case.read("6_rest_reply.sse") == at_the_fixed_time(reply.text)
    else:
        assert case.read("6_rest_reply.json") == failure(reply.status_code, reply.headers, reply.json())


@each_case
@pytest.mark.asyncio
async def test_the_whole_story_is_true_for_a_client_that_waits_for_the_end(case: Case) -> None:
    async with gateway(case) as post:
        for turn in case.turns:
            reply = await post(turn.whole_request)

    body = json.loads(at_the_fixed_time(reply.text))
    made = pretty(body) if reply.is_success else failure(reply.status_code, reply.headers, body)
    assert case.read("6_rest_reply.json") == made


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["ask_document", "look_at_image"])
async def test_a_file_goes_to_the_store_before_the_chat_is_opened(name: str) -> None:
    case = next(case for case in CASES if case.folder.name == name)
    async with qwen(case) as server, doors(server) as post:
        await post(case.rest_request)

    assert case.read("3_qwen_requests.txt") == calls(server.requests)


@pytest.mark.asyncio
async def test_a_conversation_goes_on_in_the_chat_that_it_began_in() -> None:
    case = next(case for case in CASES if case.folder.name == "continued_conversation")
    async with qwen(case) as server:
        await answers(case, server.url)

    chat_id = "c0000000-0000-4000-8000-000000000001"
    assert [
        b"GET /api/models HTTP/1.1",
        b"POST /api/v2/chats/new HTTP/1.1",
        f"POST /api/v2/chat/completions?chat_id={chat_id} HTTP/1.1".encode(),
        f"POST /api/v2/chat/completions?chat_id={chat_id} HTTP/1.1".encode(),
        f"DELETE /api/v2/chats/{chat_id} HTTP/1.1".encode(),
    ] == [request.split(b"\r\n")[0] for request in server.requests]


# -- what the tests do ------------------------------------------------------------------------------------------------

Told = tuple[Sequence[StreamChatResponse], QwenError | None]
Post = Callable[[dict], Awaitable[httpx.Response]]


async def answers(case: Case, url: str) -> list[Told]:
    """What the adapter tells of each turn of the conversation."""
    # Without a refresh token the session is taken as it is, whatever the time.
    credential = session(refresh=False)
    async with ChatQwenAi(Site(url, url), store=ObjectStore(url), now=lambda: NOW) as upstream:
        return [await _answer(upstream, turn, credential) for turn in case.turns]


async def _answer(upstream: ChatQwenAi, case: Case, credential: WebSession) -> Told:
    (request,) = parsed(CompleteChatRequest, case.read("2_rpc_request.txtpb"))
    model = await upstream.resolve(request.model, credential)
    who = router_of(upstream).caller(credential)
    request, attachments = await inline_media().attached(request, who.own_lane(), who)
    messages = []
    try:
        async for message in upstream.chat(request, model, credential, attachments):
            messages.append(message)
    except QwenError as error:
        return messages, error
    return messages, None


@asynccontextmanager
async def gateway(case: Case) -> AsyncIterator[Post]:
    """The gateway, open, with this case's Qwen behind it; gives what posts a request to its REST door."""
    async with qwen(case) as server, doors(server) as post:
        yield post


@asynccontextmanager
async def doors(server: RawServer) -> AsyncIterator[Post]:
    """An open gateway before that server; gives the same."""
    headers = bearer(session(refresh=False))
    async with (
        open_gateway(settings_for(server), shim_settings()) as opened,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{opened.rest.port}", timeout=30) as http,
    ):
        yield lambda request: http.post("/v1/chat/completions", json=request, headers=headers)
