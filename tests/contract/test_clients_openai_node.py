"""The official openai package for Node, on a real Node."""

import asyncio
import json
from typing import Any

import node_sdk
import pytest
from subprocesses import run
from support import House, session

from qwen_grpc.credentials import pack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("node")]


def test_the_lock_file_names_exact_versions_and_no_places() -> None:
    locked = json.loads((node_sdk.CLIENT / "package-lock.json").read_text())
    wanted = json.loads((node_sdk.CLIENT / "package.json").read_text())["dependencies"]
    packages = {path: package for path, package in locked["packages"].items() if path}
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert [path for path, package in packages.items() if "resolved" in package or "integrity" not in package] == []


def failure(**more: Any) -> dict[str, Any]:
    return {"isNotFound": False, "isApiError": True, "param": None, **more}


@pytest.mark.asyncio
async def test_the_node_client_lists_answers_streams_and_throws(house: House) -> None:
    await asyncio.to_thread(node_sdk.install)
    reach = {"OPENAI_BASE_URL": f"{house.rest}/v1", "OPENAI_API_KEY": pack(session())}
    ended = await run(node_sdk.NODE, "chat.mjs", environment=reach, cwd=node_sdk.CLIENT)
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out) == {
        "listsQwenMax": True,
        "whole": {"text": "You said: Hello from Node", "finish": "stop", "model": "qwen3.8-max"},
        "heard": "You said: Hello from Node",
        "streamed": {"text": "You said: Hello from Node", "finish": "stop", "tokens": 23},
        "unknownModel": failure(isNotFound=True, status=404, code="model_not_found", type="invalid_request_error"),
        "brokenHeard": "Part 1. Part 2. ",
        "broken": failure(code="upstream_error", type="server_error"),
    }


@pytest.mark.asyncio
async def test_the_node_client_gets_responses(house: House) -> None:
    await asyncio.to_thread(node_sdk.install)
    reach = {"OPENAI_BASE_URL": f"{house.rest}/v1", "OPENAI_API_KEY": pack(session())}
    ended = await run(node_sdk.NODE, "responses.mjs", environment=reach, cwd=node_sdk.CLIENT)
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out) == {
        "whole": {"text": "You said: Hello from Node", "items": ["reasoning", "message"]},
        "streamed": {"heard": "You said: Hello from Node", "text": "You said: Hello from Node", "status": "completed"},
        "call": {"type": "function_call", "name": "get_weather", "answer": "It says: sunny"},
        "listed": ["message", "reasoning", "message", "message"],
        "background": {"status": "completed", "text": "You said: Hello", "gone": 404},
        "broken": "response.failed",
    }
