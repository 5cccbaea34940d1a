"""What callers may not do at an operator's gateway: unknown keys, closed models, words about where to send things."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from both_doors import COMPLETIONS, GrpcFailure, grpc_failure, request_of
from drilling import GPU, GPU_KEY, ONE, asking
from grpc.aio import AioRpcError
from operated import TEAM_A, TEAM_B, Operated, bearing, configured, engine, official, operated, sessions, web

from qwen_grpc.configuration import Configuration
from qwen_grpc.simulator import Simulator

MODELS = {"web": "qwen3.7-plus", "official": "qwen-plus", "gpu": GPU}


def three_kinds(simulator: Simulator) -> Configuration:
    """An upstream of each kind; one key may use all of them, the other one little."""
    return configured(
        {
            "web": web(simulator),
            "official": official(simulator),
            "gpu": engine(simulator, "vllm", caller_keys=["gpu-*"], models=["Qwen/*"]),
        },
        {"web": sessions(1), "official": [ONE], "gpu": [GPU_KEY]},
        aliases={"qwen-max": ["official/qwen-plus"]},
        keys={TEAM_A: {}, TEAM_B: {"upstreams": ["official"], "models": ["qwen-plus*"]}},
    )


@pytest_asyncio.fixture
async def operator() -> AsyncIterator[Operated]:
    async with operated(three_kinds) as opened:
        yield opened


async def refused(house: Operated, key: str, **more: Any) -> tuple[int, str, GrpcFailure]:
    """How both doors refuse a question: HTTP status, text, and the failure over gRPC."""
    body = asking("Hello", **more)
    reply = await house.http.post(COMPLETIONS, json=body, headers=bearing(key))
    assert reply.status_code >= 400, reply.text
    with pytest.raises(AioRpcError) as failure:
        await house.chat.CompleteChat(request_of(body), metadata=tuple(bearing(key).items()), timeout=20)
    told = grpc_failure(failure.value)
    assert told.message == reply.json()["error"]["message"]
    return reply.status_code, told.message, told


UNKNOWN = {
    "qk-was-revoked-or-never-there": "this looks like a gateway key (qk-…), but it is unknown or was revoked",
    "AIza-of-another-cloud-entirely": "this is an API key of 30 characters without a prefix that is known here",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("key", UNKNOWN)
async def test_an_unknown_key_is_told_what_it_looks_like_and_what_is_taken(operator: Operated, key: str) -> None:
    status, text, failure = await refused(operator, key)
    assert (status, failure.reason) == (401, "TOKEN_MALFORMED")
    assert text.startswith(UNKNOWN[key])
    for kind in ("a web session of chat.qwen.ai (a JWT, or H4sI…)", "a DashScope key (sk-…)", "a key of an own engine"):
        assert kind in text
    assert "a gateway key (qk-…)" in text
    assert key not in text
    assert operator.simulator.requests == []


@pytest.mark.asyncio
async def test_a_call_without_a_credential_is_asked_for_one(operator: Operated) -> None:
    reply = await operator.http.post(COMPLETIONS, json=asking("Hello"))
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.asyncio
@pytest.mark.parametrize("model", ["qwen3-max", "official/qwen3-max", "qwen3.7-max-thinking"])
async def test_a_model_that_a_key_may_not_use_is_403(operator: Operated, model: str) -> None:
    status, text, failure = await refused(operator, TEAM_B, model=model)
    assert (status, failure.reason) == (403, "ACCESS_DENIED")
    assert text == f"the key 'team-b-in-tests' may not use the model {model!r}"
    assert [one for one in operator.simulator.requests if "completions" in one.path] == []


@pytest.mark.asyncio
@pytest.mark.parametrize("model", ["qwen3.7-plas", "Qwen/Qwen3-8", "nobody/qwen-plus"])
async def test_a_model_that_nobody_has_is_404_with_names_that_are_near(operator: Operated, model: str) -> None:
    near = {"qwen3.7-plas": "'qwen3.7-plus'", "Qwen/Qwen3-8": "'Qwen/Qwen3-8B'", "nobody/qwen-plus": "GET /v1/models"}
    status, text, failure = await refused(operator, TEAM_A, model=model)
    assert (status, failure.reason) == (404, "MODEL_NOT_FOUND")
    assert near[model] in text


@pytest.mark.asyncio
async def test_an_upstream_that_is_closed_to_a_key_is_as_if_it_were_not_there(operator: Operated) -> None:
    assert (await refused(operator, TEAM_B, model=f"gpu/{GPU}"))[0] == 404
    listed = (await operator.http.get("/v1/models", headers=bearing(TEAM_B))).json()["data"]
    assert {upstream for model in listed for upstream in model["upstreams"]} == {"official"}
    assert all(model["id"].startswith("qwen-plus") or model["id"] == "qwen-max" for model in listed)


# -- words about where to send things ---------------------------------------------------------------------------------


@asynccontextmanager
async def trap() -> AsyncIterator[tuple[str, list[str]]]:
    """An address where nobody may ever be sent, and who came."""
    came: list[str] = []

    async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append("somebody")
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", came


def members(url: str) -> Mapping[str, Any]:
    """Members of a body by which clients and proxies are told to go elsewhere, or with another key."""
    return {
        "base_url": url,
        "api_base": url,
        "api_key": "sk-of-a-stranger",
        "custom_llm_provider": "openai",
        "extra_headers": {"authorization": "Bearer sk-of-a-stranger"},
        "extra_query": {"base_url": url},
        "headers": {"host": url},
        "default_headers": {"host": url},
        "litellm_params": {"api_base": url},
        "bootstrap_host": url,
        "kv_transfer_params": {"remote_host": url},
        "organization": "a-stranger",
    }


def headers(url: str) -> Mapping[str, str]:
    """Headers of the same kind, and those by which DashScope would do something else."""
    host = url.removeprefix("http://").partition("/")[0]
    return {
        "host": host,
        "x-forwarded-host": host,
        "x-original-url": url,
        "x-base-url": url,
        "x-api-base": url,
        "forwarded": f"host={host}",
        "openai-organization": "a-stranger",
        "cookie": "token=of-a-stranger",
        "x-dashscope-workspace": "a-stranger",
        "x-dashscope-async": "enable",
        "x-dashscope-sse": "enable",
        "x-dashscope-ossresourceresolve": "enable",
        "x-dashscope-datainspection": "disable",
        "x-sim-scenario": "unauthorized",
    }


@pytest.mark.asyncio
@pytest.mark.parametrize("upstream", MODELS)
async def test_words_about_where_to_send_a_request_are_never_followed(operator: Operated, upstream: str) -> None:
    async with trap() as (url, came):
        body = asking("Hello", model=f"{upstream}/{MODELS[upstream]}", **members(url))
        reply = await operator.http.post(COMPLETIONS, json=body, headers={**headers(url), **bearing(TEAM_A)})
        call = operator.chat.CompleteChat(
            request_of(body),
            metadata=[(name, value) for name, value in {**headers(url), **bearing(TEAM_A)}.items() if name != "host"],
            timeout=20,
        )
        answers = [reply.json()["choices"][0]["message"]["content"], (await call).choices[0].message.content]

    assert (came, answers) == ([], ["You said: Hello"] * 2)
    for one in operator.simulator.requests:
        shown = f"{one.headers} {one.query} {one.body.decode()}"
        assert not any(word in shown for word in (url, url.split("/")[2], "stranger"))
        assert one.headers["host"] == operator.simulator.url.removeprefix("http://")
        ours = {"x-dashscope-wait-timeout"} if upstream == "official" else set[str]()
        assert {name for name in one.headers if name.startswith(("x-dashscope", "x-sim", "x-forwarded"))} <= ours


@pytest.mark.asyncio
@pytest.mark.parametrize("key", ["sk-of-a-caller-of-their-own", "gpu-of-a-caller-of-their-own"])
async def test_an_own_key_goes_to_its_own_upstream_only(operator: Operated, key: str) -> None:
    own, other = ("official", "gpu") if key.startswith("sk-") else ("gpu", "official")
    served = await operator.answer(key, "Hello", model=f"{own}/{MODELS[own]}", enable_thinking=False)
    assert (served.status_code, served.headers["x-qwen-upstream"]) == (200, own)
    assert (await refused(operator, key, model=f"{other}/{MODELS[other]}"))[0] == 404
    paths = {one.path.split("/")[1] for one in operator.simulator.requests if key in one.headers["authorization"]}
    assert paths == {"compatible-mode" if own == "official" else "engine"}
    assert not any(secret in str(one.headers) for one in operator.simulator.requests for secret in (ONE, GPU_KEY))
