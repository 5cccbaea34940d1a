import json

import pytest
from engine_caller import ENGINES, NOW, THOUGHTS, deltas, engines, events, finish, said
from simulator_caller import answer_of, calling

PROMPT = 'h\u00e9llo to all "here"'

# The streams without thinking, byte for byte: opening, words, end, usage.
STREAMS: dict[str, tuple[bytes, ...]] = {
    "vllm": (
        b'{"id":"chatcmpl-id1","object":"chat.completion.chunk","created":1770343445,"model":"Qwen/Qwen3-8B",'
        b'"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],'
        b'"prompt_token_ids":null}',
        b'{"id":"chatcmpl-id1","object":"chat.completion.chunk","created":1770343445,"model":"Qwen/Qwen3-8B",'
        b'"choices":[{"index":0,"delta":{"content":"You said: h\xc3\xa9llo "},"logprobs":null,"finish_reason":null,'
        b'"token_ids":null}]}',
        b'{"id":"chatcmpl-id1","object":"chat.completion.chunk","created":1770343445,"model":"Qwen/Qwen3-8B",'
        b'"choices":[{"index":0,"delta":{"content":"to all \\"here\\""},"logprobs":null,"finish_reason":"stop",'
        b'"stop_reason":null,"token_ids":null}]}',
        b'{"id":"chatcmpl-id1","object":"chat.completion.chunk","created":1770343445,"model":"Qwen/Qwen3-8B",'
        b'"choices":[],"usage":{"prompt_tokens":13,"total_tokens":21,"completion_tokens":8,'
        b'"completion_tokens_details":{"reasoning_tokens":0}}}',
    ),
    "sglang": (
        b'{"id":"id1","object":"chat.completion.chunk","created":1770343445,"model":"Qwen/Qwen3-8B",'
        b'"choices":[{"index":0,"delta":{"reasoning_content":null,"role":"assistant","content":""},"logprobs":null,'
        b'"finish_reason":null,"matched_stop":null}]}',
        b'{"id":"id1","object":"chat.completion.chunk","created":1770343445,"model":"Qwen/Qwen3-8B",'
        b'"choices":[{"index":0,"delta":{"reasoning_content":null,"content":"You said: h\xc3\xa9llo "},"logprobs":null,'
        b'"finish_reason":null,"matched_stop":null}]}',
        b'{"id":"id1","object":"chat.completion.chunk","created":1770343445,"model":"Qwen/Qwen3-8B",'
        b'"choices":[{"index":0,"delta":{"reasoning_content":null,"content":"to all \\"here\\""},"logprobs":null,'
        b'"finish_reason":null,"matched_stop":null}]}',
        b'{"id":"id1","object":"chat.completion.chunk","created":1770343445,"model":"Qwen/Qwen3-8B",'
        b'"choices":[{"index":0,"delta":{"reasoning_content":null},"logprobs":null,'
        b'"finish_reason":"stop","matched_stop":151645}]}',
        b'{"id":"id1","object":"chat.completion.chunk","created":1770343445,"model":"Qwen/Qwen3-8B",'
        b'"choices":[],"usage":{"prompt_tokens":13,"total_tokens":21,"completion_tokens":8,'
        b'"prompt_tokens_details":null,"reasoning_tokens":0}}',
    ),
    "ollama": (
        b'{"id":"chatcmpl-765","object":"chat.completion.chunk","created":1770343445,"model":"qwen3:8b",'
        b'"system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant",'
        b'"content":"You said: h\xc3\xa9llo "},"finish_reason":null}]}',
        b'{"id":"chatcmpl-765","object":"chat.completion.chunk","created":1770343445,"model":"qwen3:8b",'
        b'"system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant",'
        b'"content":"to all \\"here\\""},"finish_reason":null}]}',
        b'{"id":"chatcmpl-765","object":"chat.completion.chunk","created":1770343445,"model":"qwen3:8b",'
        b'"system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant",'
        b'"content":""},"finish_reason":"stop"}]}',
        b'{"id":"chatcmpl-765","object":"chat.completion.chunk","created":1770343445,"model":"qwen3:8b",'
        b'"system_fingerprint":"fp_ollama","choices":[],'
        b'"usage":{"prompt_tokens":13,"completion_tokens":8,"total_tokens":21}}',
    ),
    "llamacpp": (
        b'{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],'
        b'"created":1770343445,"id":"chatcmpl-id1","model":"Qwen3-8B-Q4_K_M.gguf",'
        b'"system_fingerprint":"b7100-0a1b2c3d","object":"chat.completion.chunk"}',
        b'{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"You said: h\xc3\xa9llo "}}],'
        b'"created":1770343445,"id":"chatcmpl-id1","model":"Qwen3-8B-Q4_K_M.gguf",'
        b'"system_fingerprint":"b7100-0a1b2c3d","object":"chat.completion.chunk"}',
        b'{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"to all \\"here\\""}}],'
        b'"created":1770343445,"id":"chatcmpl-id1","model":"Qwen3-8B-Q4_K_M.gguf",'
        b'"system_fingerprint":"b7100-0a1b2c3d","object":"chat.completion.chunk"}',
        b'{"choices":[{"finish_reason":"stop","index":0,"delta":{}}],'
        b'"created":1770343445,"id":"chatcmpl-id1","model":"Qwen3-8B-Q4_K_M.gguf",'
        b'"system_fingerprint":"b7100-0a1b2c3d","object":"chat.completion.chunk"}',
        b'{"choices":[],"created":1770343445,"id":"chatcmpl-id1","model":"Qwen3-8B-Q4_K_M.gguf",'
        b'"system_fingerprint":"b7100-0a1b2c3d","object":"chat.completion.chunk","usage":{"completion_tokens":8,'
        b'"prompt_tokens":13,"total_tokens":21,"prompt_tokens_details":{"cached_tokens":0}},"timings":{"cache_n":0,'
        b'"prompt_n":13,"prompt_ms":26.0,"prompt_per_token_ms":2.0,"prompt_per_second":500.0,"predicted_n":8,'
        b'"predicted_ms":16.0,"predicted_per_token_ms":2.0,"predicted_per_second":500.0}}',
    ),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", STREAMS)
async def test_the_plain_stream_is_the_engines_own_byte_for_byte(engine: str) -> None:
    async with engines(new_id=lambda: "id-1", now=lambda: NOW) as caller:
        reply = await caller.quiet(engine, PROMPT, stream=True, stream_options={"include_usage": True})

    assert reply.content == b"".join(b"data: " + event + b"\n\n" for event in (*STREAMS[engine], b"[DONE]"))
    assert reply.headers["content-type"].startswith("text/event-stream")


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_without_being_asked_no_engine_tells_the_usage_of_a_stream(engine: str) -> None:
    async with engines() as caller:
        reply = await caller.chat(engine, stream=True)

    assert not any(event.get("usage") for event in events(reply)[:-1])
    assert events(reply)[-1] == "[DONE]"


# The member in which each engine tells the thinking.
MEMBERS = {
    "vllm": "reasoning",
    "sglang": "reasoning_content",
    "ollama": "reasoning",
    "llamacpp": "reasoning_content",
    "generic": "reasoning_content",
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("engine", "member"), MEMBERS.items())
async def test_thinking_comes_first_and_in_the_engines_own_member(engine: str, member: str) -> None:
    async with engines() as caller:
        stream = await caller.chat(engine, "how are you?", stream=True)
        message = await caller.message(engine, "how are you?")

    texts = [(bool(delta.get(member)), bool(delta.get("content"))) for delta in deltas(stream)]
    texts = [pair for pair in texts if any(pair)]
    assert texts == [(True, False)] * 3 + [(False, True)] * (len(texts) - 3)
    assert (said(stream, member), said(stream)) == (THOUGHTS, "You said: how are you?")
    assert (message[member], message["content"]) == (THOUGHTS, "You said: how are you?")
    assert {"reasoning", "reasoning_content"} & message.keys() == {member}


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_a_whole_answer_says_and_costs_the_same_as_the_stream(engine: str) -> None:
    async with engines() as caller:
        whole = (await caller.chat(engine, "one two three four five")).json()
        stream = await caller.chat(
            engine, "one two three four five", stream=True, stream_options={"include_usage": True}
        )

    [choice], told = whole["choices"], events(stream)[-2]["usage"]
    assert choice["message"]["content"] == said(stream)
    assert [choice["finish_reason"]] == finish(stream) == ["stop"]
    assert {name: value for name, value in whole["usage"].items() if value is not None} == {
        name: value for name, value in told.items() if value is not None
    }
    assert whole["object"] == "chat.completion"


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_every_engine_says_what_the_web_service_says(engine: str) -> None:
    async with calling() as person:
        web = answer_of((await person.ask("tell me a story of echoes")).content)
    async with engines() as caller:
        stream = await caller.chat(engine, "tell me a story of echoes", stream=True)

    assert said(stream) == web


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_members_that_no_engine_knows_are_taken_and_recorded(engine: str) -> None:
    extra = {"min_p": 0.1, "guided_regex": "a+", "vendor": {"deep": [1, {"er": None}]}, "enable_thinking": False}
    async with engines() as caller:
        reply = await caller.chat(engine, **extra)
        [arrived] = caller.simulator.requests

    assert reply.status_code == 200
    assert {name: json.loads(arrived.body)[name] for name in extra} == extra
    assert arrived.path == f"/engine/{engine}/v1/chat/completions"


@pytest.mark.asyncio
async def test_ids_are_of_the_engines_own_forms() -> None:
    async with engines(new_id=lambda: "11111111-2222-4333-8444-555555555555") as caller:
        ids = {engine: (await caller.chat(engine)).json()["id"] for engine in ENGINES}

    bare = "11111111222243338444555555555555"
    assert ids == {
        "vllm": f"chatcmpl-{bare}",
        "sglang": bare,
        "ollama": "chatcmpl-608",
        "llamacpp": f"chatcmpl-{bare}",
        "generic": f"chatcmpl-{bare}",
    }


@pytest.mark.asyncio
async def test_answers_are_counted_by_engine_and_forgotten_with_the_rest() -> None:
    async with engines() as caller:
        await caller.chat("vllm")
        await caller.chat("vllm", stream=True)
        await caller.chat("ollama", "[[sim:overloaded]]")
        counted = dict(caller.memory.completions)
        caller.behave(pace_s=0.5)
        caller.simulator.reset()

    assert counted == {"vllm": 2}
    assert (dict(caller.memory.completions), caller.memory.behaviour.pace_s) == ({}, 0.5)
