"""A gateway whose engine is a gateway: itself, another one, or one too many."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import httpx
import pytest
from operated import TEAM_A, bearing, configured, engine
from raw_server import RawServer, answer, raw_server
from support import settings_for, shim_settings
from upstream_record import failed

from qwen_grpc.cli.gateway import Gateway, open_gateway
from qwen_grpc.simulator import Simulator, running
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub

MESSAGES = [{"role": "user", "content": "Hello"}]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def url_of(gateway: Gateway) -> str:
    assert gateway.rest is not None
    return f"http://127.0.0.1:{gateway.rest.port}"


@asynccontextmanager
async def gateway_to(base_url: str, simulator: Simulator, port: int = 0) -> AsyncIterator[Gateway]:
    """A gateway whose only upstream is an engine there, reached with the key that this gateway takes too."""
    table = {"kind": "openai_engine", "base_url": base_url, "dialect": "generic"}
    configuration = configured({"gpu": table}, {"gpu": [TEAM_A]}, keys={TEAM_A: {}})
    async with open_gateway(settings_for(simulator), shim_settings(port=port), configuration) as gateway:
        yield gateway


async def asked(gateway: Gateway, model: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url_of(gateway), headers=bearing(TEAM_A), timeout=20) as http:
        return await http.post("/v1/chat/completions", json={"model": model, "messages": MESSAGES})


@pytest.mark.asyncio
async def test_a_gateway_that_is_its_own_engine_is_told_so_at_once_at_both_doors() -> None:
    port = free_port()
    async with running() as simulator, gateway_to(f"http://127.0.0.1:{port}/v1", simulator, port) as gateway:
        reply = await asked(gateway, "m")
        assert (reply.status_code, reply.json()["error"]["code"]) == (508, "loop_detected")
        assert reply.headers["x-should-retry"] == "false"
        async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
            question = CompleteChatRequest(model="m", messages=[{"role": 2, "content": "Hello"}])
            stub = ChatServiceStub(channel)
            call = stub.CompleteChat(question, metadata=tuple(bearing(TEAM_A).items()), timeout=20)
            assert await failed(call) == (grpc.StatusCode.FAILED_PRECONDITION, "LOOP_DETECTED")


@pytest.mark.asyncio
async def test_a_gateway_before_a_gateway_is_served_and_a_third_one_before_both_is_not() -> None:
    async with running() as simulator:
        base_url = engine(simulator, "vllm")["base_url"]
        async with (
            gateway_to(base_url, simulator) as last,
            gateway_to(f"{url_of(last)}/v1", simulator) as middle,
            gateway_to(f"{url_of(middle)}/v1", simulator) as first,
        ):
            replies = [await asked(gateway, "Qwen/Qwen3-8B") for gateway in (last, middle, first)]
    assert [reply.status_code for reply in replies] == [200, 200, 508]
    assert replies[2].json()["error"]["code"] == "loop_detected"


@pytest.mark.asyncio
async def test_an_engine_is_told_of_gateways_and_of_no_other_proxy() -> None:
    async with running() as simulator, raw_server([answer(b'{"object":"list","data":[]}')]) as server:
        async with gateway_to(f"{server.url}/v1", simulator) as gateway:
            headers = bearing(TEAM_A) | {"via": "1.1 nginx, 1.1 qwen-grpc-00000000000000aa"}
            async with httpx.AsyncClient(base_url=url_of(gateway), headers=headers, timeout=20) as http:
                await http.get("/v1/models")
        (via,) = vias(server)
    assert via.startswith("1.1 qwen-grpc-00000000000000aa, 1.1 qwen-grpc-")
    assert "nginx" not in via


def vias(server: RawServer) -> list[str]:
    heads = [request.decode().split("\r\n") for request in server.requests]
    return [line.partition(": ")[2] for head in heads for line in head if line.lower().startswith("via: ")]
