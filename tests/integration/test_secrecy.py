import asyncio
import base64
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from canaries import BX, COOKIE, PROMPT, ROOT, assert_secret, canaries, me, serving, shown_of
from support import body

from qwen_grpc.credentials import WebSession, pack
from qwen_grpc.simulator import running
from qwen_grpc.v1.chat_pb2 import ROLE_USER, ChatMessage, CompleteChatRequest, ConversationOptions, Tool
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub
from qwen_grpc.v1.tokens_pb2 import RefreshTokenRequest
from qwen_grpc.v1.tokens_pb2_grpc import TokensServiceStub

GOOD = ("plain", "think", "search")
FAILING = (
    "rate_limited", "http_500", "http_429", "http_502_html", "html_challenge",
    "json_challenge", "context_too_long", "content_filter", "redirect", "unauthorized",
    "midstream_error", "delta_error", "refusal_event", "eof", "truncate",
    "garbage", "bad_utf8", "empty_stream", "error_string", "error_object",
    "empty_body", "no_such_scenario",
)  # fmt: skip


async def over_rest(http: httpx.AsyncClient, credential: WebSession) -> AsyncIterator[str]:
    """What the REST door shows of failures."""
    headers = {"authorization": f"Bearer {pack(credential)}"}
    for scenario in (*GOOD, *FAILING):
        for stream in (False, True):
            request = body(f"{PROMPT} [[sim:{scenario}]]", stream=stream)
            reply = await http.post("/v1/chat/completions", json=request, headers=headers)
            assert (scenario in GOOD) == (reply.status_code == 200 and '{"error":' not in reply.text), scenario
            yield shown_of(reply)
    for request in _wrong_bodies():
        reply = await http.post("/v1/chat/completions", content=request, headers=headers)
        assert reply.status_code >= 400, request
        yield shown_of(reply)
    for path in ("/v1/validate", "/v1/refresh", "/v1/chat/completions"):
        for token in _broken(pack(credential)):
            reply = await http.post(path, json={**body(PROMPT), "token": token}, headers=headers)
            in_header = await http.post(path, json=body(PROMPT), headers={"authorization": f"Bearer {token}"})
            yield "\n".join(shown_of(one) for one in (reply, in_header))


def _wrong_bodies() -> list[bytes]:
    wrong: list[Any] = [
        {"model": "qwen-max", "messages": [{"role": "user", "content": {"text": PROMPT}}]},
        {"model": "qwen-max", "messages": [{"role": "user", "content": [PROMPT]}]},
        {"model": "qwen-max", "messages": PROMPT},
        {"model": "qwen-max", "messages": [{"content": PROMPT}]},
        {**body(PROMPT), "tools": [{"type": "function", "function": {"name": "x", "parameters": {"type": PROMPT}}}]},
        {**body(PROMPT), "temperature": 9},
        {**body(PROMPT), "conversation": {"chat_id": "../x"}},
        body(PROMPT * 10_000),
        PROMPT,
    ]
    return [
        *(json.dumps(one).encode() for one in wrong),
        json.dumps(body(PROMPT)).encode()[:-1],
        b"\xff" + PROMPT.encode(),
    ]


def _broken(packed: str) -> list[str]:
    """Credentials that do not decode and hold most of a good one."""
    return [packed[:-8], packed[:200] + packed[204:], f"{packed[:40]}!{packed[40:]}"]


async def over_grpc(channel: grpc.aio.Channel, credential: WebSession) -> AsyncIterator[str]:
    """What the gRPC door shows of failures."""
    chat, tokens = ChatServiceStub(channel), TokensServiceStub(channel)
    packed = pack(credential)
    for scenario in (*GOOD, *FAILING):
        yield await _seen(chat.CompleteChat(_asking(scenario), metadata=_bearer(packed)), fails=scenario in FAILING)
        yield await _seen(chat.StreamChat(_asking(scenario), metadata=_bearer(packed)), fails=scenario in FAILING)
    unreadable = CompleteChatRequest(tools=[Tool(raw_json=PROMPT)])
    unreadable.MergeFrom(_asking("plain"))
    nowhere = CompleteChatRequest(conversation=ConversationOptions(chat_id=PROMPT))
    nowhere.MergeFrom(_asking("plain"))
    for request in (unreadable, nowhere):
        yield await _seen(chat.CompleteChat(request, metadata=_bearer(packed)), fails=True)
    for token in _broken(packed):
        yield await _seen(chat.StreamChat(_asking("plain"), metadata=_bearer(token)), fails=True)
        yield await _seen(tokens.RefreshToken(RefreshTokenRequest(token=token)), fails=True)


def _asking(scenario: str) -> CompleteChatRequest:
    content = f"{PROMPT} [[sim:{scenario}]]"
    return CompleteChatRequest(model="qwen-max", messages=[ChatMessage(role=ROLE_USER, content=content)])


def _bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def _seen(call: Any, *, fails: bool) -> str:
    """Everything of a call but its messages."""
    code = await call.code() if isinstance(call, grpc.aio.UnaryUnaryCall) else await _read_out(call)
    assert fails == (code != grpc.StatusCode.OK)
    ends = [*(await call.initial_metadata() or ()), *(await call.trailing_metadata() or ())]
    values = [value if isinstance(value, str) else value.decode("latin-1") for _, value in ends]
    return "\n".join((await call.details() or "", *values))


async def _read_out(call: Any) -> grpc.StatusCode:
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.parametrize("form", ["json", "console"])
async def test_no_log_line_and_no_error_shows_a_credential_or_a_prompt(tmp_path: Path, form: str) -> None:
    log = tmp_path / "log"
    mine, ended = me(), me(ttl_s=-60, serial=2)
    hidden = canaries(mine, ended)
    async with (
        running() as simulator,
        serving(simulator, form, log) as (target, rest),
        httpx.AsyncClient(base_url=rest, timeout=30) as http,
        grpc.aio.insecure_channel(target) as channel,
    ):
        shown = [text async for text in over_rest(http, mine)]
        shown += [text async for text in over_grpc(channel, mine)]
        for mode in ("reject", "html", "ok"):
            simulator.behaviour.change({"refresh": mode})
            for path in ("/v1/chat/completions", "/v1/validate"):
                reply = await http.post(path, json=body(PROMPT), headers={"authorization": f"Bearer {pack(ended)}"})
                shown.append(shown_of(reply))

    logged = log.read_text()  # noqa: ASYNC240
    assert len(re.findall("rpc.{1,4}ChatService/", logged)) > 2 * len(FAILING)
    assert_secret("\n".join(shown), hidden)
    assert_secret(logged, hidden)


INTERNAL_ERROR = """
import asyncio, sys
import grpc
from qwen_grpc.ledger import Ledger
from qwen_grpc.logs import configure
from qwen_grpc.server import Server
from routed import fleet_of
from qwen_grpc.settings import Settings
from qwen_grpc.upstreams.base import Upstream
from qwen_grpc.v1.chat_pb2 import ROLE_USER, ChatMessage, CompleteChatRequest
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub

PROMPT, PACKED = sys.argv[2:]

class Broken(Upstream):
    name = "broken"

    def accepts(self, credentials):
        return True

    async def list_models(self, credentials, *, force=False):
        raise NotImplementedError

    async def resolve(self, name, credentials):
        secret, kept = credentials.token, credentials
        return 1 // 0

    async def chat(self, request, model, credentials, attachments):
        yield

    async def check(self, credentials):
        raise NotImplementedError

    async def refresh(self, credentials):
        raise NotImplementedError

async def main():
    configure("DEBUG", sys.argv[1])
    async with fleet_of(Broken()) as fleet:
        await serve(Server(fleet, Settings.model_construct(), Ledger("unused")))

async def serve(server):
    await server.start()
    request = CompleteChatRequest(model="qwen-max", messages=[ChatMessage(role=ROLE_USER, content=PROMPT)])
    call = ChatServiceStub(server.channel).CompleteChat(request, metadata=(("authorization", "Bearer " + PACKED),))
    try:
        await call
    except grpc.aio.AioRpcError as error:
        print(error.code().name, error.details(), error.trailing_metadata(), repr(error))
    await server.drain(0.1)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.parametrize("form", ["json", "console"])
async def test_an_unforeseen_failure_is_logged_with_its_place_and_without_what_the_frames_held(form: str) -> None:
    mine = me()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", INTERNAL_ERROR, form, PROMPT, pack(mine)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    shown, logged = [text.decode() for text in await process.communicate()]

    assert shown.startswith("INTERNAL internal error; the log of the server explains it under "), logged
    assert "ZeroDivisionError" not in shown
    assert "unforeseen failure" in logged
    assert "ZeroDivisionError" in logged
    assert_secret(shown + logged, canaries(mine))


@pytest.mark.parametrize("show", [repr, str, "{0}".format, "{0!r:>80}".format, "%s".__mod__])
def test_a_credential_does_not_print_itself(show: Any) -> None:
    mine = me()

    assert_secret(show(mine), canaries(mine))
    assert_secret(show([mine, {"key": mine}] if show in (repr, str) else mine), canaries(mine))


def test_a_secret_is_found_in_all_of_its_forms() -> None:
    mine = me()
    hidden = canaries(mine)
    carried = f"before {PROMPT} {COOKIE} {BX} {mine.token} {mine.refresh_token} after"

    plain = {name for name, secret in hidden.items() if secret in carried}
    coded = [base64.b64encode(b"." * shift + carried.encode()).decode() for shift in range(3)]
    assert plain == {name for name in hidden if "base64" not in name and "packed" not in name}
    assert {name for name in hidden if "base64" in name} == {
        name for name, secret in hidden.items() if any(secret in text for text in coded)
    }
    assert hidden["packed 0"] in pack(mine)
    assert all(len(secret) >= 10 for secret in hidden.values()), hidden
