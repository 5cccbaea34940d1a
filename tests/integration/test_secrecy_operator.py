"""What an operator holds is in no log line, no error and no answer: credentials, gateway keys and what hashes them."""

import re
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import httpx
import pytest
from canaries import PROMPT, assert_secret, canaries, me, serving, shown_of
from operated import bearing
from support import body
from upstream_record import until

from qwen_grpc.credentials import pack
from qwen_grpc.gateway_keys import hash_of
from qwen_grpc.simulator import running

SECRETS = {
    "ONE": "sk-canary-of-the-operator-0001",
    "TWO": "sk-canary-of-the-operator-0002",
    "GPU": "canary-key-of-the-engine-0003",
    "QWEN_KEY_SECRET": "canary-secret-of-hashes-0123456789",
}
KEY = "qk-canary-of-a-gateway-key-4242"
FILE = """
[upstreams.official]
kind = "dashscope"
base_url = "{url}"
credentials = [{{ env = "ONE" }}, {{ env = "TWO" }}]
[upstreams.gpu]
kind = "openai_engine"
base_url = "{url}/engine/vllm/v1"
credentials = [{{ env = "GPU" }}]
[upstreams.web]
kind = "chat_qwen_ai"
credentials = [{{ env = "WEB" }}]
[keys.team]
hash = "{hash}"
"""
BEHIND = {
    "official": ("qwen-plus", "qwen3-max", "qwen-flash", "qwen3.7-max"),
    "gpu": ("Qwen/Qwen3-8B", "Qwen/Qwen3-4B-Instruct-2507"),
    "web": ("qwen3.7-plus", "qwen3.6-plus"),
}
# Those come last after which nothing more can be asked; models are taken in turn, as some faults are about one.
FAULTS = (
    "internal_error", "eof", "truncate", "garbage", "midstream_error", "http_502_html", "empty_stream", "plain",
    "model_access_denied", "rate_quota", "billing_quota", "arrearage", "rate_limited", "forbidden", "unauthorized",
    "html_challenge",
)  # fmt: skip
TOLD = {
    "UPSTREAM_ERROR", "UPSTREAM_TRUNCATED", "UPSTREAM_PROTOCOL", "UPSTREAM_UNAVAILABLE", "UPSTREAM_EMPTY", "BILLING",
    "ACCESS_DENIED", "RATE_LIMITED", "TOKEN_QUOTA", "QUOTA_EXHAUSTED", "UPSTREAM_CREDENTIAL_INVALID", "NO_CREDENTIAL",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.asyncio
async def test_nothing_shows_what_the_operator_holds(tmp_path: Path) -> None:
    log, config, mine = tmp_path / "log", tmp_path / "qwen-grpc.toml", me()
    hidden = {**canaries(mine), **SECRETS, "gateway key": KEY}
    async with running() as simulator:
        hashed = hash_of(SECRETS["QWEN_KEY_SECRET"].encode(), KEY)
        config.write_text(FILE.format(url=simulator.url, hash=hashed))
        env = {**SECRETS, "WEB": pack(mine), "ADMIN_PORT": "0"}
        async with serving(simulator, "json", log, "--config", str(config), **env) as (_, rest):
            shown = [text async for text in over_rest(rest)]
            # A secret in the wrong place, found when the file is read again.
            config.write_text(f'{config.read_text()}[aliases]\n"x" = ["{SECRETS["ONE"]}/{KEY}"]\n')
            await until(lambda: "the old one is kept" in log.read_text(), within=20)

    logged = log.read_text()  # noqa: ASYNC240
    assert set(re.findall('"reason": "([A-Z_]+)"', logged)) >= TOLD
    assert_secret("\n".join(shown), hidden)
    assert_secret(logged, hidden)


async def over_rest(rest: str) -> AsyncIterator[str]:
    """What is shown of failures of the operator's credentials, and of what may be asked about them."""
    async with httpx.AsyncClient(base_url=rest, timeout=30, headers=bearing(KEY)) as http:
        for (upstream, models), (at, scenario) in product(BEHIND.items(), enumerate(FAULTS)):
            # Five faults of a server in a row, or half of many calls, would have it left alone.
            for name, stream in ((scenario, False), (scenario, True), *[("plain", False)] * 3):
                model = f"{upstream}/{models[at % len(models)]}"
                request = {**body(f"{PROMPT} [[sim:{name}]]", stream=stream), "model": model}
                yield shown_of(await http.post("/v1/chat/completions", json=request))
        for path in ("/v1/models", "/v1/validate", "/v1/chats", "/", "/health"):
            reply = await http.get(path)
            yield f"{reply.headers}\n{reply.text}"
        for key in (KEY[:-1], f"{KEY}x", SECRETS["GPU"]):
            reply = await http.post("/v1/chat/completions", json=body(PROMPT), headers=bearing(key))
            assert reply.status_code == 401, reply.text
            yield shown_of(reply)
