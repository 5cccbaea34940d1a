"""`buf curl`: a gRPC client in another language that learns the contract from the server alone."""

import base64
import json
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from subprocesses import BUF, Ended, run
from support import House, session

from qwen_grpc.credentials import pack
from qwen_grpc.server import SERVED

pytestmark = pytest.mark.slow

SERVICES = ["grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection", *sorted(SERVED)]


async def curl(house: House, path: str, *more: str) -> Ended:
    grpc_only = ("--http2-prior-knowledge", "--protocol", "grpc")
    return await run(BUF, "curl", *grpc_only, *more, f"http://{house.target}{path}", environment={})


async def ask(house: House, method: str, model: str, content: str) -> Ended:
    """One chat call with a credential."""
    request = {"model": model, "messages": [{"role": "ROLE_USER", "content": content}]}
    header = f"authorization: Bearer {pack(session())}"
    return await curl(house, f"/qwen.v1.ChatService/{method}", "-H", header, "-d", json.dumps(request))


def messages(text: str) -> list[dict[str, Any]]:
    """The JSON objects that stand one after the other."""
    decoder, found, rest = json.JSONDecoder(), [], text.lstrip()
    while rest:
        message, end = decoder.raw_decode(rest)
        found.append(message)
        rest = rest[end:].lstrip()
    return found


def reason_in(shown: dict[str, Any]) -> tuple[str, str]:
    """Reason and domain of the ErrorInfo, which buf prints as it came on the wire."""
    value = next(part["value"] for part in shown["details"] if part["type"] == "google.rpc.ErrorInfo")
    info = ErrorInfo.FromString(base64.b64decode(value + "=" * (-len(value) % 4)))
    return info.reason, info.domain


@pytest.mark.asyncio
async def test_buf_lists_services_by_reflection(house: House) -> None:
    ended = await curl(house, "", "--list-services")
    assert (ended.code, ended.out.split(), ended.err) == (0, SERVICES, "")


@pytest.mark.asyncio
async def test_buf_lists_the_methods_of_the_contract(house: House) -> None:
    ended = await curl(house, "", "--list-methods")
    ours = [name for name in ended.out.split() if name.startswith(("qwen.v1.Chat", "qwen.v1.Models"))]
    assert ours == [
        "qwen.v1.ChatService/CompleteChat",
        "qwen.v1.ChatService/CountTokens",
        "qwen.v1.ChatService/StreamChat",
        "qwen.v1.ChatsService/DeleteChat",
        "qwen.v1.ChatsService/GetChat",
        "qwen.v1.ChatsService/ListChats",
        "qwen.v1.ChatsService/PurgeChats",
        "qwen.v1.ModelsService/GetModel",
        "qwen.v1.ModelsService/ListModels",
    ]


@pytest.mark.asyncio
async def test_buf_lists_models(house: House) -> None:
    ended = await curl(house, "/qwen.v1.ModelsService/ListModels", "-d", '{"pageSize": 2}')
    (found,) = messages(ended.out)
    assert [model["id"] for model in found["models"]] == ["qwen3.7-plus", "qwen3.7-plus-thinking"]
    assert found["nextPageToken"] == "2"


@pytest.mark.asyncio
async def test_buf_streams_an_answer(house: House) -> None:
    ended = await ask(house, "StreamChat", "qwen-max", "Hello from buf")
    streamed = messages(ended.out)
    deltas = [delta for message in streamed for delta in message.get("deltas", [])]
    assert (ended.code, ended.err) == (0, "")
    assert "".join(delta.get("content", "") for delta in deltas) == "You said: Hello from buf"
    assert deltas[-1] == {"finishReason": "FINISH_REASON_STOP"}
    assert "start" in streamed[0]
    assert streamed[-1]["usage"] == {
        "promptTokens": "803",
        "completionTokens": "6",
        "totalTokens": "809",
        "cachedTokens": "0",
    }


@pytest.mark.asyncio
async def test_buf_shows_a_rich_error_and_exits_with_eight_times_its_code(house: House) -> None:
    ended = await ask(house, "CompleteChat", "qwn-max", "Hello")
    shown = json.loads(ended.err)
    assert ended.code == 8 * grpc.StatusCode.NOT_FOUND.value[0]
    assert shown["code"] == "not_found"
    assert shown["message"].startswith("unknown model 'qwn-max'; did you mean 'qwen-max'")
    assert [part["type"] for part in shown["details"]] == ["google.rpc.ErrorInfo", "google.rpc.RequestInfo"]
    assert reason_in(shown) == ("MODEL_NOT_FOUND", "qwen.v1")


@pytest.mark.asyncio
async def test_buf_prints_what_came_before_a_stream_broke(house: House) -> None:
    ended = await ask(house, "StreamChat", "qwen-max", "Hello [[sim:eof]]")
    deltas = [delta for message in messages(ended.out) for delta in message.get("deltas", [])]
    assert ended.code == 8 * grpc.StatusCode.UNAVAILABLE.value[0]
    assert "".join(delta["content"] for delta in deltas) == "Part 1. Part 2. "
    assert reason_in(json.loads(ended.err)) == ("UPSTREAM_TRUNCATED", "qwen.v1")
