"""The golden cases of stored chats that tell of an RPC. chats/README.md says what is in one."""

from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from raw_server import RawServer, Script, answer, raw_server
from story import GOLDEN, Case, parsed, shown
from support import bearer, session, settings_for

from qwen_grpc.cli.gateway import open_gateway
from qwen_grpc.v1 import chats_pb2
from qwen_grpc.v1.chats_pb2_grpc import ChatsServiceStub

METHODS = {"list_two_pages": "ListChats", "purge_count": "PurgeChats"}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", METHODS)
async def test_the_whole_story_is_true_for_a_grpc_client(name: str) -> None:
    case = Case(GOLDEN / "chats" / name)
    replies = sorted(case.folder.glob("4_qwen_reply_*.json"))
    scripts: list[Script] = [[answer(reply.read_bytes(), b"Content-Type: application/json")] for reply in replies]
    async with raw_server(*scripts) as server:
        told = await asked_for(case, server)
        calls = [request.partition(b" HTTP/1.1")[0].decode() for request in server.requests]

    case.expect("3_qwen_requests.txt", "\n".join(calls) + "\n")
    case.expect("5_rpc_response.txtpb", shown(told))
    assert len(calls) == len(replies)


async def asked_for(case: Case, server: RawServer) -> Message:
    """The message that a gRPC client gets."""
    method = METHODS[case.folder.name]
    (request,) = parsed(getattr(chats_pb2, f"{method}Request"), case.read("2_rpc_request.txtpb"))
    # The settings ask of the simulator no more than its address.
    async with (
        open_gateway(settings_for(server), None) as gateway,  # type: ignore[arg-type]
        grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel,
    ):
        stub: Any = ChatsServiceStub(channel)
        response: Message = await getattr(stub, method)(request, metadata=tuple(bearer(session(refresh=False)).items()))
        return response
