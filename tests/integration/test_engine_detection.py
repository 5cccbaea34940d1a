import asyncio
from typing import Any

import pytest
from engine_paths import Paths, chunks, engine_of, listing, upstream

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import CredentialExpired, UpstreamConnect, UpstreamTtfbTimeout, UpstreamUnavailable
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.upstreams.base import NO_KEY
from qwen_grpc.upstreams.openai_engine.detect import Detected
from qwen_grpc.upstreams.openai_engine.dialects import DIALECTS
from qwen_grpc.upstreams.openai_engine.models import described
from qwen_grpc.upstreams.openai_engine.server import EngineServer
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

KEY = ApiKey("engine-key")
PROBES = ["/version", "/get_model_info", "/api/version", "/props"]
COMPLETIONS = "/v1/chat/completions"


async def title(engine: Paths, configured: Any = "auto", key: ApiKey = KEY, within_s: float = 5.0) -> str:
    async with EngineServer("gpu", engine.url + "/v1") as server:
        detected = Detected(server, configured, within_s=within_s)
        try:
            return (await detected.get(key)).title
        finally:
            await detected.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("owner", "name"),
    [("vllm", "vllm"), ("sglang", "sglang"), ("library", "ollama"), ("llamacpp", "llamacpp")],
)
async def test_an_engine_is_known_by_the_owner_in_its_model_list(owner: str, name: Any) -> None:
    async with engine_of({"/v1/models": listing("a", owner=owner)}) as engine:
        assert await title(engine) == DIALECTS[name].title
        assert [(one.path, one.key) for one in engine.asked] == [("/v1/models", "engine-key")]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "answer", "name"),
    [
        ("/version", {"version": "0.32.0"}, "vllm"),
        ("/get_model_info", {"model_path": "/models/qwen"}, "sglang"),
        ("/api/version", {"version": "0.20.0"}, "ollama"),
        ("/props", {"default_generation_settings": {}}, "llamacpp"),
    ],
)
async def test_an_engine_whose_list_says_nothing_is_known_by_what_lies_beside_it(
    path: str, answer: Any, name: Any
) -> None:
    async with engine_of({"/v1/models": listing("a"), path: (200, answer)}) as engine:
        assert await title(engine) == DIALECTS[name].title


@pytest.mark.asyncio
@pytest.mark.parametrize("listed", [listing("a"), (404, {}), (200, {"data": "odd"}), (200, b"<html>")])
async def test_an_engine_that_nothing_is_known_of_is_a_generic_one(listed: tuple[int, Any]) -> None:
    async with engine_of({"/v1/models": listed, "/version": (200, ["odd"]), "/props": (500, {})}) as engine:
        assert await title(engine) == DIALECTS["generic"].title
        assert engine.paths == ["/v1/models", *PROBES]


@pytest.mark.asyncio
async def test_a_configured_dialect_is_taken_without_asking() -> None:
    async with engine_of({}) as engine:
        assert await title(engine, "ollama") == "Ollama"
        assert engine.asked == []


@pytest.mark.asyncio
async def test_many_who_need_it_at_once_ask_once() -> None:
    async with engine_of({"/v1/models": listing("a", owner="vllm")}) as engine:
        engine.held = asyncio.Event()
        async with EngineServer("gpu", engine.url + "/v1") as server:
            detected = Detected(server, "auto")
            waiting = [asyncio.create_task(detected.get(KEY)) for _ in range(10)]
            await engine.arrived.wait()
            engine.held.set()

            assert {one.title for one in await asyncio.gather(*waiting)} == {"vLLM"}
            assert (await detected.get(KEY)).title == "vLLM"

        assert engine.paths == ["/v1/models"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("listed", "error"),
    [
        ((503, {"error": {"code": 503, "message": "Loading model"}}), UpstreamUnavailable),
        ((401, {"error": "Unauthorized"}), CredentialExpired),
    ],
)
async def test_an_engine_that_cannot_tell_yet_is_asked_again(listed: tuple[int, Any], error: type[Exception]) -> None:
    async with engine_of({"/v1/models": listed}) as engine, EngineServer("gpu", engine.url + "/v1") as server:
        detected = Detected(server, "auto")
        with pytest.raises(error):
            await detected.get(KEY)
        engine.answers["/v1/models"] = listing("a", owner="sglang")

        assert (await detected.get(KEY)).title == "SGLang"


@pytest.mark.asyncio
async def test_an_engine_that_nobody_reaches_is_no_generic_one() -> None:
    async with EngineServer("gpu", "http://127.0.0.1:9/v1") as server:
        with pytest.raises(UpstreamConnect):
            await Detected(server, "auto").get(NO_KEY)


@pytest.mark.asyncio
async def test_an_engine_that_does_not_answer_is_waited_for_by_a_short_clock() -> None:
    async with engine_of({}) as engine:
        engine.held = asyncio.Event()
        with pytest.raises(UpstreamTtfbTimeout, match="set dialect"):
            await title(engine, within_s=0.05)


@pytest.mark.asyncio
async def test_the_dialect_is_found_by_the_first_turn_and_kept() -> None:
    answers = {
        "/v1/models": listing("a"),
        "/api/version": (200, {"version": "1"}),
        COMPLETIONS: chunks({"content": "Hi"}),
    }
    said = {"model": "a", "messages": [{"role": "user", "content": "Hello"}], "enable_thinking": False}
    request = REQUESTS.read(CompleteChatRequest, said)
    async with engine_of(answers) as engine, upstream(engine.url + "/v1") as gpu:
        for _ in range(2):
            model = ResolvedModel("a", described("a"), Mode.CHAT)
            async for _message in gpu.chat(request, model, NO_KEY):
                pass

        assert engine.paths == ["/v1/models", *PROBES[:3], COMPLETIONS, COMPLETIONS]
        assert engine.last(COMPLETIONS).json["reasoning_effort"] == "none"
        assert {one.key for one in engine.asked} == {""}
