"""What models say of the features of requests, held against what becomes of such requests."""

from typing import Any

import httpx
import pytest
from both_doors import COMPLETIONS, metadata
from dashscope_house import KEY, open_dashscope
from engine_house import DIALECTS, HEADERS, model_of, open_engine
from support import House, bearer

from qwen_grpc.upstreams.features import FEATURES
from qwen_grpc.v1.models_pb2 import SUPPORT_EMULATED, GetModelRequest

CLOCK = {"type": "function", "function": {"name": "clock"}}
SCHEMA = {"type": "object", "properties": {"said": {"type": "string"}}}
# A request for each feature.
ASKED: dict[str, dict[str, Any]] = {
    "tools": {"tools": [CLOCK]},
    "json_object": {"response_format": {"type": "json_object"}},
    "json_schema": {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
    "stop": {"stop": ["never"]},
    "max_tokens": {"max_tokens": 500},
    "sampling": {"temperature": 0.5},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "logit_bias": {"logit_bias": {"1": 1}},
    "seed": {"seed": 1},
    "logprobs": {"logprobs": True},
    "n": {"n": 2},
    "thinking": {"enable_thinking": True},
    "search": {"enable_search": True},
}


async def hold(http: httpx.AsyncClient, model: str, headers: dict[str, str], **more: Any) -> dict[str, str]:
    """Asks for each feature, and returns what the model said of them."""
    said: dict[str, str] = (await http.get(f"/v1/models/{model}", headers=headers)).json()["features"]
    for name in FEATURES:
        messages = [{"role": "user", "content": "As JSON?"}]
        body = {"model": model, "messages": messages, **more, **ASKED[name]}
        reply = await http.post(COMPLETIONS, json=body, headers=headers)
        refused = reply.status_code == 400 and reply.json()["error"]["code"] == "unsupported_parameter"
        assert refused == (said[name] == "refused"), (name, said[name], reply.text)
        assert refused or reply.status_code == 200, (name, reply.text)
    return said


@pytest.mark.asyncio
async def test_chat_qwen_ai_does_what_it_says(house: House) -> None:
    said = await hold(house.http, "qwen-max", bearer())
    assert {name for name, how in said.items() if how == "emulated"} == {
        *("tools", "json_object", "json_schema", "stop", "max_tokens")
    }
    assert set(said) == set(FEATURES)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("model", "emulated"),
    [
        ("qwen3.8-max", set()),
        ("qwen-plus", {"json_schema"}),
        ("qwen3-coder-plus", {"json_object", "json_schema"}),
        ("qwen3-235b-a22b-thinking-2507", {"json_object", "json_schema"}),
        ("qwen-long", {"json_object", "json_schema"}),
        ("qwen-mt-plus", set()),
    ],
)
async def test_dashscope_does_what_it_says_model_by_model(model: str, emulated: set[str]) -> None:
    # This one thinks unless told, which excludes several answers.
    quiet = {"enable_thinking": False} if model == "qwen3.8-max" else {}
    async with open_dashscope() as house:
        said = await hold(house.doors.http, model, bearer(KEY), **quiet)
    assert {name for name, how in said.items() if how == "emulated"} == emulated


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_engine_does_what_it_says(dialect: str) -> None:
    async with open_engine(dialect) as house:
        said = await hold(house.doors.http, model_of(dialect), HEADERS)
    assert (said["search"], said["json_schema"]) == ("refused", "native")
    assert (said["n"], said["logit_bias"]) == (("refused", "ignored") if dialect == "ollama" else ("native", "native"))


@pytest.mark.asyncio
async def test_the_grpc_door_tells_them_too_and_variants_have_them(house: House) -> None:
    for name in ("qwen-max", "qwen-max-thinking"):
        answer = await house.models.GetModel(GetModelRequest(model_id=name), metadata=metadata(), timeout=20)
        assert answer.model.features["stop"] == SUPPORT_EMULATED


@pytest.mark.asyncio
async def test_what_does_not_chat_has_none() -> None:
    async with open_dashscope() as house:
        listed = (await house.doors.http.get("/v1/models", headers=bearer(KEY))).json()["data"]
    chatting = {model["id"] for model in listed if "chat" in model["capabilities"]}
    assert {model["id"] for model in listed if model.get("features")} == chatting
