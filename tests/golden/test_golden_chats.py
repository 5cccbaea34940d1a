"""The golden cases of stored chats, the whole way through an open gateway. chats/README.md says what is in one."""

import json
from types import SimpleNamespace

import httpx
import pytest
from raw_server import Script, answer, raw_server
from story import GOLDEN, Case, pretty
from support import bearer, settings_for, shim_settings

from qwen_grpc.cli.gateway import open_gateway

CASES = [Case(found.parent) for found in sorted(GOLDEN.glob("chats/*/1_rest_call.json"))]


@pytest.mark.asyncio
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder.name)
async def test_the_whole_story_is_true(case: Case) -> None:
    replies = sorted(case.folder.glob("4_qwen_reply_*.json"))
    scripts: list[Script] = [[answer(reply.read_bytes(), b"Content-Type: application/json")] for reply in replies]
    async with raw_server(*scripts) as server:
        told = await asked_for(case, server.url)
        # Whatever is asked beyond the replies would find nobody.
        calls = [request.partition(b" HTTP/1.1")[0].decode() for request in server.requests]

    case.expect("3_qwen_requests.txt", "\n".join(calls) + "\n")
    case.expect("6_rest_reply.json", pretty(told))
    assert len(calls) == len(replies)


async def asked_for(case: Case, url: str) -> object:
    """The JSON that a client gets."""
    wanted = json.loads(case.read("1_rest_call.json"))
    # The settings ask of the simulator no more than its address.
    settings = settings_for(SimpleNamespace(url=url))  # type: ignore[arg-type]
    async with open_gateway(settings, shim_settings()) as gateway:
        assert gateway.rest is not None
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.rest.port}", timeout=10) as http:
            body = {"json": wanted["body"]} if "body" in wanted else {}
            reply = await http.request(wanted["method"], wanted["path"], headers=bearer(), **body)
    assert reply.status_code == 200, reply.text
    return reply.json()
