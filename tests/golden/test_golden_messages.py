"""The hops of each golden case of messages, and the whole way. messages/README.md says what is in one."""

import json
from typing import Any

import httpx
import pytest
from story import GOLDEN, Case, parsed, pretty, shown, with_named_calls
from support import bearer, session
from test_golden_responses import call, chat_of, doors, each

from qwen_grpc.services.fold import fold
from qwen_grpc.v1.chat_pb2 import StreamChatResponse
from rest_shim import sse
from rest_shim.messages.body import Body, taken
from rest_shim.messages.events import Events
from rest_shim.messages.read import read
from rest_shim.messages.write import Wish, whole

CASES = [Case(found.parent) for found in sorted(GOLDEN.glob("messages/*/1_rest_call.json"))]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.folder.name)


@each_case
def test_hop_1_to_2_the_shim_reads_the_request(case: Case) -> None:
    case.expect("2_rpc_request.txtpb", shown(read(taken(Body, call(case)))))


@each_case
@pytest.mark.asyncio
async def test_hop_5_to_6_the_shim_writes_the_reply(case: Case) -> None:
    messages = parsed(StreamChatResponse, chat_of(case).read("5_rpc_events.txtpb"))
    wish = Wish.of(taken(Body, call(case)))
    writer = Events(wish, "").opened(messages[0].start)
    records = b"".join([*map(writer.write, messages), await writer.end()]).decode()

    case.expect("6_rest_reply.sse", records)
    case.expect("6_rest_reply.json", pretty(whole(await fold(each(messages)), wish)))


@each_case
@pytest.mark.asyncio
async def test_the_whole_story_is_true_for_a_client_that_wants_events(case: Case) -> None:
    reply = await asked(case, call(case))
    assert (200, sse.HEADERS["content-type"]) == (reply.status_code, reply.headers["content-type"])
    assert case.read("6_rest_reply.sse") == with_named_calls(reply.text)


@each_case
@pytest.mark.asyncio
async def test_the_whole_story_is_true_for_a_client_that_waits_for_the_end(case: Case) -> None:
    reply = await asked(case, {**call(case), "stream": False})
    assert case.read("6_rest_reply.json") == pretty(json.loads(with_named_calls(reply.text)))


async def asked(case: Case, body: dict[str, Any]) -> httpx.Response:
    async with doors(chat_of(case)) as http:
        return await http.post("/v1/messages", json=body, headers=bearer(session(refresh=False)))
