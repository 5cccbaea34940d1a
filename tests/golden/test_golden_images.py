"""The hops of each golden case of images, and the whole way. images/README.md says what is in one."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import pytest
from golden_uploads import calls, inline_media, never_once
from google.protobuf.message import Message
from raw_server import RawServer
from routed import router_of
from story import GOLDEN, NOW, Case, asked, at_the_fixed_time, parsed, pretty, qwen, shown, with_named_ids
from support import bearer, session, settings_for, shim_settings

from qwen_grpc.cli.gateway import open_gateway
from qwen_grpc.inprocess import InProcessChannel
from qwen_grpc.interceptors.around import Around
from qwen_grpc.services.images import ImagesService
from qwen_grpc.upstreams.chat_qwen_ai import ChatQwenAi, Site
from qwen_grpc.upstreams.chat_qwen_ai.object_store import ObjectStore
from qwen_grpc.v1 import images_pb2
from qwen_grpc.v1.images_pb2_grpc import (
    ImagesServiceServicer,
    ImagesServiceStub,
    add_ImagesServiceServicer_to_server,
)
from rest_shim.app import build
from rest_shim.door import bound_socket, listening

METHODS = {"generate": "GenerateImages", "edit": "EditImages"}
CASES = [Case(GOLDEN / "images" / name) for name in METHODS]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder.name)


# -- hop by hop -------------------------------------------------------------------------------------------------------


@each_case
@pytest.mark.asyncio
async def test_hop_1_to_2_the_shim_reads_the_call(case: Case) -> None:
    server = Scripted(kind(case, "Response")())
    await through_the_shim(case, server)
    case.expect("2_rpc_request.txtpb", shown(*server.asked))


@each_case
@pytest.mark.asyncio
async def test_hop_2_to_3_the_adapter_encodes_the_turn(case: Case) -> None:
    async with qwen(case) as server:
        await answered(case, server.url)

    (turn,) = asked(server)
    body = turn.split(b"\r\n\r\n")[1]
    case.expect("3_qwen_request.json", pretty(json.loads(with_named_ids(body.decode()))))
    case.expect("3_qwen_requests.txt", calls(server.requests))


@each_case
@pytest.mark.asyncio
async def test_hop_4_to_5_the_picture_is_found_in_the_reply(case: Case) -> None:
    async with qwen(case) as server:
        case.expect("5_rpc_response.txtpb", shown(await answered(case, server.url)))


@each_case
@pytest.mark.asyncio
async def test_hop_5_to_6_the_shim_writes_the_reply(case: Case) -> None:
    (response,) = parsed(kind(case, "Response"), case.read("5_rpc_response.txtpb"))
    reply = await through_the_shim(case, Scripted(response))
    case.expect("6_rest_reply.json", pretty(reply.json()))


# -- the whole way ----------------------------------------------------------------------------------------------------


@each_case
@pytest.mark.asyncio
async def test_the_whole_story_is_true(case: Case) -> None:
    async with qwen(case) as server, gateway(server) as port:
        reply = await posted(case, port)

    told = pretty(json.loads(at_the_fixed_time(reply.text)))
    assert (200, case.read("6_rest_reply.json")) == (reply.status_code, told)
    assert case.read("3_qwen_requests.txt") == calls(server.requests)


# -- what the tests do ------------------------------------------------------------------------------------------------


class Scripted(ImagesServiceServicer):
    """The other side of the shim: keeps what it is asked, and says what a file says."""

    def __init__(self, response: Message) -> None:
        self.asked: list[Message] = []
        self._response = response

    async def GenerateImages(self, request: Any, _: Any) -> Any:
        self.asked.append(request)
        return self._response

    EditImages = GenerateImages


def kind(case: Case, part: str) -> Any:
    """The type of the request or the response."""
    return getattr(images_pb2, METHODS[case.folder.name] + part)


async def answered(case: Case, url: str) -> Any:
    """What the service says to the gRPC message."""
    (request,) = parsed(kind(case, "Request"), case.read("2_rpc_request.txtpb"))
    # Without a refresh token the session is taken as it is, whatever the time.
    metadata = tuple(bearer(session(refresh=False)).items())
    async with (
        ChatQwenAi(Site(url, url), store=ObjectStore(url), now=lambda: NOW) as web,
        serving(ImagesService(router_of(web), inline_media(), never_once(), now=lambda: NOW)) as channel,
    ):
        return await getattr(ImagesServiceStub(channel), METHODS[case.folder.name])(request, metadata=metadata)


async def through_the_shim(case: Case, server: Scripted) -> httpx.Response:
    async with serving(server) as channel:
        settings = shim_settings()
        async with listening(build(settings, channel), bound_socket(settings.host, 0, reuse_port=False)) as door:
            return await posted(case, door.port)


@asynccontextmanager
async def serving(servicer: ImagesServiceServicer) -> AsyncIterator[grpc.aio.Channel]:
    channel: Any = InProcessChannel([Around()])
    add_ImagesServiceServicer_to_server(servicer, channel)
    yield channel
    await channel.close()


@asynccontextmanager
async def gateway(server: RawServer) -> AsyncIterator[int]:
    """An open gateway before a server; gives the port of its REST door."""
    # The settings ask of the simulator no more than its address.
    async with open_gateway(settings_for(server), shim_settings()) as opened:  # type: ignore[arg-type]
        assert opened.rest is not None
        yield opened.rest.port


async def posted(case: Case, port: int) -> httpx.Response:
    call = json.loads(case.read("1_rest_call.json"))
    headers = bearer(session(refresh=False))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
        return await http.request(call["method"], call["path"], json=call["body"], headers=headers)
