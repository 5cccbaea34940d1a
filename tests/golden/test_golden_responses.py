"""The hops of each golden case of responses, and the whole way. responses/README.md says what is in one."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from story import GOLDEN, NOW, Case, parsed, pretty, qwen, shown, with_named_calls
from support import bearer, session, settings_for, shim_settings

from qwen_grpc.cli.gateway import open_gateway
from qwen_grpc.openai_json.jsontext import JsonObject
from qwen_grpc.services.fold import fold
from qwen_grpc.v1.chat_pb2 import CompleteChatResponse, StreamChatResponse
from rest_shim import sse
from rest_shim.responses.echo import echo_of
from rest_shim.responses.events import EventWriter
from rest_shim.responses.read import check, read
from rest_shim.responses.write import Head, response

CASES = [Case(found.parent) for found in sorted(GOLDEN.glob("responses/*/1_rest_call.json"))]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder.name)
NAME = f"resp_{'0' * 32}"


@each_case
def test_hop_1_to_2_the_shim_reads_the_request(case: Case) -> None:
    check(call(case))
    case.expect("2_rpc_request.txtpb", shown(read(call(case)).message))


@each_case
@pytest.mark.asyncio
async def test_hop_5_to_6_the_shim_writes_the_reply(case: Case) -> None:
    messages = parsed(StreamChatResponse, chat_of(case).read("5_rpc_events.txtpb"))
    start = messages[0].start
    head = Head(NAME, start.created, start.model, echo_of(call(case), store=False))
    writer = EventWriter(head, start, as_it_is)
    records = b"".join([*map(writer.write, messages), await writer.end()]).decode()
    whole = response(head, await fold(each(messages)))

    case.expect("6_rest_reply.sse", at_the_fixed_time(records))
    case.expect("6_rest_reply.json", at_the_fixed_time(pretty(whole)))


@each_case
@pytest.mark.asyncio
async def test_the_whole_story_is_true_for_a_client_that_wants_events(case: Case) -> None:
    reply = await asked(case, call(case))
    assert (200, sse.HEADERS["content-type"]) == (reply.status_code, reply.headers["content-type"])
    assert case.read("6_rest_reply.sse") == with_fixed_names(at_the_fixed_time(reply.text))


@each_case
@pytest.mark.asyncio
async def test_the_whole_story_is_true_for_a_client_that_waits_for_the_end(case: Case) -> None:
    reply = await asked(case, {**call(case), "stream": False})
    made = pretty(json.loads(with_fixed_names(reply.text)))
    assert case.read("6_rest_reply.json") == at_the_fixed_time(made)


# -- what the tests do ------------------------------------------------------------------------------------------------


def call(case: Case) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(case.read("1_rest_call.json"))
    return body


def chat_of(case: Case) -> Case:
    return Case(GOLDEN / "chat" / case.read("0_answer_of.txt").strip())


async def as_it_is(_: Head, __: CompleteChatResponse, whole: JsonObject) -> JsonObject:
    return whole


async def each(messages: list[StreamChatResponse]) -> AsyncIterator[StreamChatResponse]:
    for message in messages:
        yield message


async def asked(case: Case, body: dict[str, Any]) -> httpx.Response:
    async with doors(chat_of(case)) as http:
        return await http.post("/v1/responses", json=body, headers=bearer(session(refresh=False)))


@asynccontextmanager
async def doors(case: Case) -> AsyncIterator[httpx.AsyncClient]:
    async with qwen(case) as server, open_gateway(settings_for(server), shim_settings()) as opened:
        assert opened.rest is not None
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{opened.rest.port}", timeout=30) as http:
            yield http


def at_the_fixed_time(text: str) -> str:
    """JSON as if it had been made at `NOW`."""
    return re.sub(r'("(?:created|completed)_at": ?)\d+', rf"\g<1>{NOW}", text)


def with_fixed_names(text: str) -> str:
    """Random names of responses are full of zeros, and those of calls are counted."""
    return re.sub(r"(?<=_)[0-9a-f]{32}", "0" * 32, with_named_calls(text))
