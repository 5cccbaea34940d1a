import asyncio
import base64
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from support import USER, body
from upstream_record import until

from qwen_grpc.credentials import WebSession, pack
from qwen_grpc.simulator import Simulator, make_refresh_token, make_token, running
from qwen_grpc.v1.chat_pb2 import ROLE_USER, ChatMessage, CompleteChatRequest, ConversationOptions, Tool
from qwen_grpc.v1.chat_pb2_grpc import ChatServiceStub
from qwen_grpc.v1.tokens_pb2 import RefreshTokenRequest
from qwen_grpc.v1.tokens_pb2_grpc import TokensServiceStub

ROOT = Path(__file__).parents[2]
PROMPT = "canary-prompt-4711"
COOKIE = "canary-cookie-0815"
BX = "canary-bx-2342"
GOOD = ("plain", "think", "search")
FAILING = (
    "rate_limited", "http_500", "http_429", "http_502_html", "html_challenge",
    "json_challenge", "context_too_long", "content_filter", "redirect", "unauthorized",
    "midstream_error", "delta_error", "refusal_event", "eof", "truncate",
    "garbage", "bad_utf8", "empty_stream", "error_string", "error_object",
    "empty_body", "no_such_scenario",
)  # fmt: skip


def me(ttl_s: float = 3600, serial: int = 1) -> WebSession:
    token = make_token(USER, ttl_s, serial=serial)
    return WebSession(token, make_refresh_token(USER, serial=serial), (("jar", COOKIE),), headers=(("bx-ua", BX),))


def canaries(*credentials: WebSession) -> dict[str, str]:
    """What must not be seen, by a name for the report: each secret, its base64, and pieces of the packed forms."""
    secrets = {"prompt": PROMPT, "cookie": COOKIE, "header": BX}
    for at, credential in enumerate(credentials):
        secrets[f"signature {at}"] = credential.token.rpartition(".")[2]
        secrets[f"signature of the refresh token {at}"] = credential.refresh_token.rpartition(".")[2]
    found = {f"{name}{kind}": text for name, secret in secrets.items() for kind, text in _forms(secret)}
    packed = [pack(credential) for credential in (*credentials, WebSession(token=make_token("x")))]
    common = len(os.path.commonprefix(packed))
    return found | {f"packed {at}": text[common : common + 16] for at, text in enumerate(packed[:-1])}


def _forms(secret: str) -> Iterator[tuple[str, str]]:
    yield "", secret
    for shift in range(3):
        # Base64 of a secret somewhere inside of a longer text: what no neighbour has a part in.
        coded = base64.b64encode(b"-" * shift + secret.encode()).decode()
        yield f" as base64, shifted by {shift}", coded[-(-shift * 4 // 3) : len(coded) // 4 * 4 - 4]


def assert_secret(text: str, hidden: dict[str, str]) -> None:
    """Fails with the name of the secret, and the line that it was seen in."""
    seen = {name: line for name, secret in hidden.items() for line in text.splitlines() if secret in line}
    assert seen == {}


@asynccontextmanager
async def serving(simulator: Simulator, form: str, log: Path) -> AsyncIterator[tuple[str, str]]:
    """`qwen-grpc serve` as a process of its own that logs all it can; gives the gRPC target and the REST address."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "QWEN_BASE_URL": simulator.url,
        "QWEN_AUTH_URL": simulator.url,
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": form,
        "PORT": "0",
        "GRPC_PORT": "0",
        "QWEN_DRAIN": "0.2",
    }
    arguments = (sys.executable, "-m", "qwen_grpc", "serve")
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *arguments, env=environment, cwd=log.parent, stdout=out, stderr=out
        )
    try:
        await until(lambda: "REST listens on" in log.read_text() or process.returncode is not None, within=20)
        found = re.search(r"gRPC listens on (\S+)\nREST listens on (\S+)\n", log.read_text())  # noqa: ASYNC240
        assert found is not None
        yield found[1], found[2]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def over_rest(http: httpx.AsyncClient, credential: WebSession) -> AsyncIterator[str]:
    """What the REST door shows of failures."""
    headers = {"authorization": f"Bearer {pack(credential)}"}
    for scenario in (*GOOD, *FAILING):
        for stream in (False, True):
            request = body(f"{PROMPT} [[sim:{scenario}]]", stream=stream)
            reply = await http.post("/v1/chat/completions", json=request, headers=headers)
            assert (scenario in GOOD) == (reply.status_code == 200 and '{"error":' not in reply.text), scenario
            yield _shown(reply)
    for request in _wrong_bodies():
        reply = await http.post("/v1/chat/completions", content=request, headers=headers)
        assert reply.status_code >= 400, request
        yield _shown(reply)
    for path in ("/v1/validate", "/v1/refresh", "/v1/chat/completions"):
        for token in _broken(pack(credential)):
            reply = await http.post(path, json={**body(PROMPT), "token": token}, headers=headers)
            in_header = await http.post(path, json=body(PROMPT), headers={"authorization": f"Bearer {token}"})
            yield "\n".join(_shown(one) for one in (reply, in_header))


def _shown(reply: httpx.Response) -> str:
    """Headers and body of a reply, without what an answer that succeeded says."""
    said = reply.text if reply.status_code >= 400 else "\n".join(re.findall(r'\{"error":.*', reply.text))
    return f"{reply.headers}\n{said}"


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
                shown.append(_shown(reply))

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
