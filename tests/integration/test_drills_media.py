"""Fault drills with pictures, clips and vectors: what is made, counted and kept is never made twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from drilling import GPU_KEY, ONE, TWO
from operated import TEAM_A, Operated, bearing, configured, engine, official, operated

from qwen_grpc.configuration import Configuration
from qwen_grpc.simulator import Simulator


def studios(simulator: Simulator) -> Configuration:
    """Pictures, clips and vectors by DashScope, and then by the engine."""
    return configured(
        {"official": official(simulator), "gpu": engine(simulator, "vllm")},
        {"official": [ONE, TWO], "gpu": [GPU_KEY]},
        aliases={
            "drawing": ["official/qwen-image-2.0", "gpu/Qwen/Qwen-Image"],
            "film": ["official/wan2.7-t2v", "gpu/Wan-AI/Wan2.2-T2V-A14B-Diffusers"],
            "vectors": ["official/text-embedding-v4", "gpu/Qwen/Qwen3-Embedding-0.6B"],
        },
        keys={TEAM_A: {}},
    )


@asynccontextmanager
async def drill(scenario: str) -> AsyncIterator[Operated]:
    """The first credential fails so."""
    async with operated(studios, qwen_video_poll=0.01) as house:
        house.simulator.dashscope.behaviour.change({"faults": {ONE: scenario}})
        yield house


async def order(house: Operated, what: str, **more: Any) -> httpx.Response:
    paths = {"drawing": "images/generations", "film": "videos", "vectors": "embeddings"}
    body = {"model": what, "input" if what == "vectors" else "prompt": "a fox"}
    return await house.http.post(f"/v1/{paths[what]}", json=body, headers={**bearing(TEAM_A), **more})


def made(house: Operated) -> dict[str, int]:
    """Pictures and clips, by credential at DashScope and by engine."""
    dashscope, engines = house.simulator.dashscope, house.simulator.engine
    clips = [task.key for task in dashscope.tasks.values()]
    return {
        **dashscope.pictures,
        **{key: clips.count(key) for key in clips},
        **engines.pictures,
        **engines.created,
    }


def said(reply: httpx.Response) -> tuple[int, str, str]:
    """Status, who answered or the code of the failure, and what was tried before."""
    code = reply.headers.get("x-qwen-upstream") or reply.json()["error"]["code"]
    return reply.status_code, code, reply.headers.get("x-qwen-attempts", "")


@pytest.mark.asyncio
async def test_a_picture_that_was_refused_is_made_with_the_next_credential_once() -> None:
    async with drill("rate_quota") as house:
        assert said(await order(house, "drawing")) == (200, "official", "official/1 RATE_LIMITED")
        assert made(house) == {TWO: 1}
        assert await house.states() == {"official/1": ("cooling qwen-image-2.0 image RATE_LIMITED",)}


@pytest.mark.asyncio
async def test_a_picture_goes_to_the_next_upstream_when_this_one_has_no_capacity() -> None:
    async with drill("model_serving_error") as house:
        assert said(await order(house, "drawing")) == (200, "gpu", "official/1 UPSTREAM_UNAVAILABLE")
        assert made(house) == {"vllm": 1}


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["internal_error", "garbage_body", "empty_body"])
async def test_a_picture_that_may_have_been_made_is_not_made_again(scenario: str) -> None:
    async with drill(scenario) as house:
        status, code, tried = said(await order(house, "drawing"))
        assert (status, code.startswith("upstream_"), tried) == (502, True, "")
        assert (made(house), await house.states()) == ({}, {})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("rate_quota", 429, "rate_limit_exceeded"),
        ("billing_quota", 429, "tokens"),
        ("unauthorized", 502, "upstream_auth"),
        ("arrearage", 402, "billing_hard_limit_reached"),
        ("model_serving_error", 503, "upstream_unavailable"),
        ("internal_error", 409, "unknown_outcome"),
    ],
)
async def test_an_order_of_a_clip_is_never_moved(scenario: str, status: int, code: str) -> None:
    async with drill(scenario) as house:
        assert said(await order(house, "film")) == (status, code, "")
        assert made(house) == {}
        orders = [one for one in house.simulator.requests if one.path.endswith("video-synthesis")]
        assert [one.headers["authorization"] for one in orders] == [f"Bearer {ONE}"]


@pytest.mark.asyncio
async def test_the_next_order_passes_over_a_credential_that_cools_down_and_the_same_order_is_one_clip() -> None:
    async with drill("rate_quota") as house:
        await order(house, "film")
        replies = [await order(house, "film", **{"idempotency-key": "order-1"}) for _ in range(2)]
        assert [reply.status_code for reply in replies] == [200, 200]
        assert len({reply.json()["id"] for reply in replies}) == 1
        assert made(house) == {TWO: 1}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("scenario", "upstream", "tried"),
    [
        ("rate_quota", "official", "official/1 RATE_LIMITED"),
        ("internal_error", "gpu", "official/1 UPSTREAM_ERROR"),
    ],
)
async def test_vectors_are_made_elsewhere(scenario: str, upstream: str, tried: str) -> None:
    async with drill(scenario) as house:
        assert said(await order(house, "vectors")) == (200, upstream, tried)
