from typing import Any

import pytest
from engine_caller import ENGINES, PIXEL, WEATHER, engines

# The body of an error, by scenario and engine.
BODIES: dict[tuple[str, str], tuple[int, dict[str, Any]]] = {
    ("context_too_long", "llamacpp"): (
        400,
        {
            "error": {
                "code": 400,
                "message": "request (40000 tokens) exceeds the available context size (32768 tokens), "
                "try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 40000,
                "n_ctx": 32768,
            }
        },
    ),
    ("context_too_long", "sglang"): (
        400,
        {
            "object": "error",
            "message": "The input (40000 tokens) is longer than the model's context length (32768 tokens).",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    ),
    ("context_too_long", "ollama"): (
        400,
        {
            "error": {
                "message": "prompt too long; exceeded max context length by 7232 tokens",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        },
    ),
    ("model_not_found", "vllm"): (
        404,
        {
            "error": {
                "message": "The model `simulated` does not exist.",
                "type": "NotFoundError",
                "param": "model",
                "code": 404,
            }
        },
    ),
    ("model_not_found", "ollama"): (
        404,
        {
            "error": {
                "message": "model 'simulated' not found",
                "type": "not_found_error",
                "param": None,
                "code": None,
            }
        },
    ),
    ("model_not_found", "generic"): (
        404,
        {
            "error": {
                "message": "The model `simulated` does not exist.",
                "type": "invalid_request_error",
                "param": "model",
                "code": "model_not_found",
            }
        },
    ),
    ("unauthorized", "vllm"): (401, {"error": "Unauthorized"}),
    ("unauthorized", "sglang"): (401, {"error": "Unauthorized"}),
    ("unauthorized", "llamacpp"): (
        401,
        {"error": {"code": 401, "message": "Invalid API Key", "type": "authentication_error"}},
    ),
    ("loading", "llamacpp"): (
        503,
        {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
    ),
    ("overloaded", "sglang"): (
        503,
        {
            "object": "error",
            "message": "The request queue is full.",
            "type": "SERVICE_UNAVAILABLE",
            "param": None,
            "code": 503,
        },
    ),
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("scenario", "engine"), BODIES)
async def test_an_error_is_worded_as_the_engine_words_it(scenario: str, engine: str) -> None:
    async with engines() as caller:
        reply = await caller.chat(engine, f"hi [[sim:{scenario}]]")

    assert (reply.status_code, reply.json()) == BODIES[scenario, engine]
    assert list(reply.json()) == list(BODIES[scenario, engine][1])


STATUSES = {
    "rate_limited": 429,
    "internal_error": 500,
    "overloaded": 503,
    "loading": 503,
    "unauthorized": 401,
    "forbidden": 403,
    "model_not_found": 404,
    "bad_request": 400,
    "context_too_long": 400,
    "too_large": 413,
    "http_502_html": 502,
    "html_200": 200,
}


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scenario", STATUSES)
async def test_every_fault_has_its_status_with_every_engine(scenario: str, engine: str) -> None:
    async with engines() as caller:
        whole = await caller.chat(engine, f"[[sim:{scenario}]]")
        stream = await caller.chat(engine, f"[[sim:{scenario}]]", stream=True)

    assert whole.status_code == stream.status_code == STATUSES[scenario]
    assert not caller.memory.completions
    html = scenario in ("http_502_html", "html_200")
    assert whole.headers["content-type"].startswith("text/html" if html else "application/json")


@pytest.mark.asyncio
async def test_a_refusal_that_passes_may_say_when() -> None:
    async with engines() as caller:
        bare = await caller.chat("vllm", "[[sim:rate_limited]]")
        told = await caller.chat("vllm", "[[sim:rate_limited:7]]")
        caller.behave(retry_after="Wed, 25 Nov 2026 07:28:00 GMT")
        dated = await caller.chat("llamacpp", "[[sim:overloaded]]")
        lasting = await caller.chat("llamacpp", "[[sim:bad_request]]")

    waits = [reply.headers.get("retry-after") for reply in (bare, told, dated, lasting)]
    assert waits == [None, "7", "Wed, 25 Nov 2026 07:28:00 GMT", None]


# What an engine refuses of its own accord.
REFUSED: dict[str, tuple[str, dict[str, Any], int]] = {
    "an unknown model": ("vllm", {"model": "gpt-5"}, 404),
    "an unknown model at Ollama": ("ollama", {"model": "llama4"}, 404),
    "a model for something else": ("vllm", {"model": "Qwen/Qwen3-Embedding-0.6B"}, 400),
    "no messages": ("sglang", {"messages": []}, 400),
    "messages that are none": ("generic", {"messages": "hi"}, 400),
    "a temperature below zero": ("vllm", {"temperature": -1}, 400),
    "stream options without a stream": ("vllm", {"stream_options": {"include_usage": True}}, 400),
    "an order to call nothing": ("sglang", {"tool_choice": "required"}, 400),
    "an effort that Ollama has no word for": ("ollama", {"reasoning_effort": "xhigh"}, 400),
    "thinking of a model that never does": ("ollama", {"model": "qwen3:4b-instruct", "reasoning_effort": "low"}, 400),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("what", REFUSED)
async def test_engines_refuse(what: str) -> None:
    engine, body, status = REFUSED[what]
    async with engines() as caller:
        reply = await caller.chat(engine, **body)

    assert reply.status_code == status
    assert not caller.memory.completions


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ["sglang", "llamacpp"])
async def test_some_engines_answer_under_any_name(engine: str) -> None:
    async with engines() as caller:
        reply = await caller.chat(engine, model="gpt-5")

    assert (reply.status_code, reply.json()["model"]) == (200, "gpt-5")


@pytest.mark.asyncio
async def test_ollama_takes_pictures_within_the_request_only() -> None:
    def asking(url: str) -> list[dict[str, Any]]:
        return [{"type": "image_url", "image_url": {"url": url}}]

    async with engines() as caller:
        address = await caller.chat("ollama", asking("https://example.com/cat.png"), model="qwen3-vl:8b")
        gif = await caller.chat("ollama", asking(PIXEL.replace("png", "gif")), model="qwen3-vl:8b")
        sound = [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]
        audio = await caller.chat("ollama", sound, model="qwen3-vl:8b")

    assert [reply.status_code for reply in (address, gif, audio)] == [400, 400, 400]
    assert address.json()["error"]["message"] == "invalid image input"


@pytest.mark.asyncio
@pytest.mark.parametrize(("engine", "status"), [("vllm", 400), ("sglang", 400), ("ollama", 400), ("llamacpp", 500)])
async def test_a_model_that_is_blind_takes_no_picture(engine: str, status: int) -> None:
    async with engines() as caller:
        reply = await caller.chat(engine, [{"type": "image_url", "image_url": {"url": PIXEL}}])

    assert reply.status_code == status


@pytest.mark.asyncio
async def test_a_prompt_is_counted_against_the_context() -> None:
    async with engines() as caller:
        caller.behave(context_length=20)
        fits = await caller.chat("llamacpp", "x" * 48)
        exceeds = await caller.chat("llamacpp", "x" * 49)

    error = exceeds.json()["error"]
    assert (fits.status_code, exceeds.status_code) == (200, 400)
    assert (error["n_prompt_tokens"], error["n_ctx"]) == (21, 20)


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_a_key_is_asked_for_where_the_engine_was_started_with_one(engine: str) -> None:
    async with engines(key="the-key") as caller:
        caller.behave(api_key="the-key")
        good = await caller.chat(engine)
        caller.behave(api_key="another")
        bad = await caller.chat(engine)
        caller.behave(api_key="")
        open_door = await caller.chat(engine)

    assert [reply.status_code for reply in (good, bad, open_door)] == [200, 401, 200]


@pytest.mark.asyncio
async def test_faults_can_be_laid_on_a_key_an_engine_or_the_next_requests() -> None:
    async with engines(key="one") as caller:
        caller.behave(faults={"one": "internal_error"})
        by_key = await caller.chat("vllm")
        caller.behave(faults={"ollama": "overloaded"})
        by_engine = [(await caller.chat(engine)).status_code for engine in ("ollama", "vllm")]
        caller.behave(faults={}, fail_next=2, fail_with="rate_limited")
        by_count = [(await caller.chat("vllm")).status_code for _ in range(3)]

    assert (by_key.status_code, by_engine, by_count) == (500, [503, 200], [429, 429, 200])


@pytest.mark.asyncio
async def test_a_scenario_can_be_named_by_header_or_be_the_usual_one() -> None:
    async with engines() as caller:
        headers = {"x-sim-scenario": "overloaded"}
        body = {"messages": [{"role": "user", "content": "hi [[sim:plain]]"}]}
        named = await caller.post("vllm/v1/chat/completions", json=body, headers=headers)
        caller.behave(scenario="tools")
        usual = await caller.message("vllm", tools=[WEATHER])
        unknown = await caller.chat("vllm", "[[sim:dance]]")

    assert (named.status_code, unknown.status_code) == (503, 400)
    assert usual["tool_calls"][0]["function"]["name"] == "weather"
    assert "unknown scenario 'dance'" in unknown.json()["error"]["message"]


@pytest.mark.asyncio
async def test_a_body_that_cannot_be_read_is_refused() -> None:
    async with engines() as caller:
        reply = await caller.post("vllm/v1/chat/completions", content=b'{"messages": [')

    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "BadRequestError")
