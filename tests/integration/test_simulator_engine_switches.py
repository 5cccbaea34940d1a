import json
from typing import Any

import pytest
from engine_caller import ENGINES, PIXEL, THOUGHTS, WEATHER, choices, deltas, engines, events, finish, said

ON, OFF = {"enable_thinking": True}, {"enable_thinking": False}

# Whether the model thinks, by what is asked of which engine.
THINKING: tuple[tuple[str, dict[str, Any], bool], ...] = (
    ("vllm", {}, True),
    ("vllm", {"chat_template_kwargs": OFF}, False),
    ("vllm", {"reasoning_effort": "none"}, False),
    ("vllm", {"enable_thinking": False}, True),
    ("vllm", {"think": False}, True),
    ("vllm", {"chat_template_kwargs": ON, "model": "Qwen/Qwen3-4B-Instruct-2507"}, False),
    ("sglang", {"chat_template_kwargs": OFF}, False),
    ("sglang", {"reasoning_effort": "none"}, False),
    ("sglang", {"reasoning": {"effort": "none"}}, True),
    ("ollama", {"reasoning_effort": "none"}, False),
    ("ollama", {"reasoning": {"effort": "none"}}, False),
    ("ollama", {"reasoning_effort": "low"}, True),
    ("ollama", {"chat_template_kwargs": OFF}, True),
    ("llamacpp", {"chat_template_kwargs": OFF}, False),
    ("llamacpp", {"reasoning_effort": "none"}, False),
    ("generic", {"chat_template_kwargs": OFF}, False),
    ("generic", {"reasoning_effort": "none"}, True),
)


@pytest.mark.asyncio
@pytest.mark.parametrize(("engine", "asked", "thinks"), THINKING)
async def test_each_engine_knows_its_own_switches_and_leaves_out_the_others(
    engine: str, asked: dict[str, Any], thinks: bool
) -> None:
    async with engines() as caller:
        message = await caller.message(engine, **asked)

    assert bool(message.get("reasoning") or message.get("reasoning_content")) == thinks
    assert message["content"] == "You said: hi"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("engine", "budget"), [("vllm", "thinking_token_budget"), ("llamacpp", "thinking_budget_tokens")]
)
async def test_a_budget_bounds_the_thinking_where_there_is_one(engine: str, budget: str) -> None:
    async with engines() as caller:
        message = await caller.message(engine, **{budget: 2})
        other = await caller.message("sglang", **{budget: 2})

    assert message.get("reasoning", message.get("reasoning_content")) == THOUGHTS[:8]
    assert other["reasoning_content"] == THOUGHTS


@pytest.mark.asyncio
async def test_thinking_can_be_hidden_or_left_within_the_answer() -> None:
    within = f"<think>\n{THOUGHTS}</think>\n\nYou said: hi"
    async with engines() as caller:
        hidden = await caller.message("vllm", include_reasoning=False)
        sglang = await caller.message("sglang", separate_reasoning=False)
        llamacpp = await caller.chat("llamacpp", reasoning_format="none", stream=True)
        caller.behave(reasoning_parser=False)
        unparsed = await caller.message("vllm")
        ollama = await caller.message("ollama")

    assert (hidden["reasoning"], hidden["content"]) == (None, "You said: hi")
    assert (sglang["content"], sglang["reasoning_content"]) == (within, None)
    assert said(llamacpp) == unparsed["content"] == within
    assert ollama["content"] == "You said: hi"


@pytest.mark.asyncio
async def test_the_answer_may_arrive_as_thinking_although_thinking_is_off() -> None:
    async with engines() as caller:
        reply = await caller.quiet("vllm", "where is it? [[sim:misplaced]]", stream=True)
        [choice] = (await caller.quiet("vllm", "where is it? [[sim:misplaced]]")).json()["choices"]

    assert (said(reply), said(reply, "reasoning"), finish(reply)) == ("", "You said: where is it?", ["stop"])
    assert (choice["message"]["content"], choice["message"]["reasoning"]) == ("", "You said: where is it?")


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_thinking_may_eat_what_the_answer_would_need(engine: str) -> None:
    async with engines() as caller:
        reply = await caller.chat(engine, max_tokens=5, stream=True)
        short = await caller.quiet(engine, "one two three four five", max_tokens=4, stream=True)

    assert (said(reply), finish(reply)) == ("", ["length"])
    assert (said(short), finish(short)) == ("You said: one tw", ["length"])


@pytest.mark.asyncio
@pytest.mark.parametrize(("engine", "reason"), [("ollama", "stop"), ("vllm", "length"), ("llamacpp", "length")])
async def test_ollama_does_not_know_the_newer_name_of_the_limit(engine: str, reason: str) -> None:
    async with engines() as caller:
        reply = await caller.quiet(engine, "one two three four five", max_completion_tokens=4, stream=True)

    assert finish(reply) == [reason]


# The first and the second fragment of a call in a stream.
FRAGMENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "vllm": (
        {"id": "chatcmpl-tool-id10", "type": "function", "index": 0, "function": {"name": "weather"}},
        {"index": 0, "function": {"arguments": '{"city":'}},
    ),
    "sglang": (
        {"id": "call_id10", "index": 0, "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"id": None, "index": 0, "type": "function", "function": {"name": None, "arguments": '{"city":'}},
    ),
    "llamacpp": (
        {"index": 0, "id": "call_id10", "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"city":'}},
    ),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", FRAGMENTS)
async def test_a_call_that_is_required_comes_in_fragments(engine: str) -> None:
    async with engines(new_id=lambda: "id-1") as caller:
        reply = await caller.quiet(engine, "oslo", stream=True, tools=[WEATHER], tool_choice="required")

    parts = [part for delta in deltas(reply) for part in delta.get("tool_calls", ())]
    arguments = "".join(part["function"].get("arguments", "") for part in parts)
    assert (parts[0], parts[1]) == FRAGMENTS[engine]
    assert (json.loads(arguments), finish(reply)) == ({"city": "oslo", "days": 1}, ["tool_calls"])


@pytest.mark.asyncio
async def test_ollama_sends_calls_whole_and_takes_no_order_to_call() -> None:
    async with engines(new_id=lambda: "id-1") as caller:
        ordered = await caller.quiet("ollama", "oslo", stream=True, tools=[WEATHER], tool_choice="required")
        forbidden = await caller.quiet("ollama", "x [[sim:tools]]", stream=True, tools=[WEATHER], tool_choice="none")
        reply = await caller.quiet("ollama", "oslo [[sim:parallel_tools]]", stream=True, tools=[WEATHER])

    calls = [part for delta in deltas(reply) for part in delta.get("tool_calls", ())]
    function = {"name": "weather", "arguments": '{"city": "oslo", "days": 1}'}
    assert calls == [
        {"id": f"call_id1{index}", "index": index, "type": "function", "function": function} for index in (0, 1)
    ]
    assert (said(ordered), finish(ordered)) == ("You said: oslo", ["stop"])
    assert finish(forbidden) == finish(reply) == ["tool_calls"]


@pytest.mark.asyncio
async def test_vllm_says_stop_after_the_function_that_it_was_told_to_call() -> None:
    named = {"type": "function", "function": {"name": "weather"}}
    async with engines() as caller:
        reasons = {
            engine: (await caller.chat(engine, tools=[WEATHER], tool_choice=named)).json()["choices"][0][
                "finish_reason"
            ]
            for engine in ("vllm", "sglang", "llamacpp", "generic")
        }

    assert reasons == {"vllm": "stop", "sglang": "tool_calls", "llamacpp": "tool_calls", "generic": "tool_calls"}


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_two_calls_in_a_whole_answer_have_an_id_each(engine: str) -> None:
    async with engines() as caller:
        message = await caller.message(engine, "oslo [[sim:parallel_tools]]", tools=[WEATHER])

    assert len({call["id"] for call in message["tool_calls"]}) == 2
    assert [json.loads(call["function"]["arguments"])["city"] for call in message["tool_calls"]] == ["oslo", "oslo"]


@pytest.mark.asyncio
async def test_without_a_parser_calls_stay_in_the_answer() -> None:
    markup = '<tool_call>\n{"name": "weather", "arguments": {"city": "oslo", "days": 1}}\n</tool_call>'
    async with engines() as caller:
        asked = await caller.quiet("vllm", "oslo [[sim:raw_tool_markup]]", stream=True, tools=[WEATHER])
        caller.behave(tool_parser=False)
        sglang = await caller.quiet("sglang", "oslo [[sim:tools]]", stream=True, tools=[WEATHER])
        refused = await caller.quiet("vllm", "oslo [[sim:tools]]", tools=[WEATHER])

    assert (said(asked), said(sglang)) == (markup, markup)
    assert finish(asked) == finish(sglang) == ["stop"]
    assert "--tool-call-parser" in refused.json()["error"]["message"]


@pytest.mark.asyncio
async def test_what_a_tool_said_is_what_the_next_answer_tells() -> None:
    turns = [{"role": "user", "content": "oslo?"}, {"role": "tool", "tool_call_id": "call_1", "content": "rain"}]
    async with engines() as caller:
        message = await caller.message("vllm", messages=turns)

    assert message["content"] == "The tool said: rain"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("engine", "count"), [("vllm", 3), ("sglang", 3), ("llamacpp", 3), ("generic", 3), ("ollama", 1)]
)
async def test_several_answers_come_with_their_index_where_they_come_at_all(engine: str, count: int) -> None:
    async with engines() as caller:
        reply = await caller.quiet(engine, n=3, stream=True)
        whole = (await caller.quiet(engine, n=3)).json()

    texts = ["" for _ in range(count)]
    for choice in choices(reply):
        texts[choice["index"]] += choice["delta"].get("content") or ""
    assert texts == ["You said: hi"] * count
    assert [choice["index"] for choice in whole["choices"]] == list(range(count))


# One token with its chance, as each engine tells it.
TOKENS = {
    "vllm": {"token": "hi", "logprob": -0.125, "bytes": [104, 105]},
    "sglang": {"token": "hi", "bytes": [104, 105], "logprob": -0.125},
    "ollama": {"token": "hi", "logprob": -0.125, "bytes": [104, 105]},
    "llamacpp": {"id": 9707, "token": "hi", "bytes": [104, 105], "logprob": -0.125},
    "generic": {"token": "hi", "logprob": -0.125, "bytes": [104, 105]},
}


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_chances_come_with_the_words_that_they_are_of(engine: str) -> None:
    async with engines() as caller:
        reply = await caller.quiet(engine, stream=True, logprobs=True, top_logprobs=1)
        without = await caller.quiet(engine, stream=True)

    told = [choice["logprobs"]["content"] for choice in choices(reply) if choice.get("logprobs")]
    tokens = [token for content in told for token in content]
    assert [token["token"] for token in tokens] == ["You ", "said: ", "hi"]
    assert tokens[-1] == {**TOKENS[engine], "top_logprobs": [TOKENS[engine]]}
    assert not any(choice.get("logprobs") for choice in choices(without))


@pytest.mark.asyncio
async def test_llama_cpp_tells_its_progress_its_pings_and_its_pace() -> None:
    async with engines() as caller:
        caller.behave(cached_tokens=3)
        reply = await caller.quiet("llamacpp", "hello there [[sim:pings]]", stream=True, return_progress=True)
        other = await caller.quiet("vllm", stream=True, return_progress=True)

    progress = [event["prompt_progress"] for event in events(reply)[:-1] if "prompt_progress" in event]
    assert progress == [
        {"total": 15, "cache": 3, "processed": 7, "time_ms": 14},
        {"total": 15, "cache": 3, "processed": 15, "time_ms": 30},
    ]
    assert b"\n\n:\n\ndata:" in reply.content
    timings = events(reply)[-2]["timings"]
    assert (timings["cache_n"], timings["prompt_n"], timings["predicted_n"]) == (3, 12, 6)
    assert b"prompt_progress" not in other.content


@pytest.mark.asyncio
async def test_cached_tokens_stand_where_an_engine_has_a_place_for_them() -> None:
    async with engines() as caller:
        caller.behave(cached_tokens=4)
        usages = {engine: (await caller.chat(engine)).json()["usage"] for engine in ENGINES}

    cached = {engine: usage.get("prompt_tokens_details") for engine, usage in usages.items()}
    assert cached == {**dict.fromkeys(ENGINES, {"cached_tokens": 4}), "ollama": None}


@pytest.mark.asyncio
async def test_vllm_can_tell_the_usage_with_every_chunk() -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    async with engines() as caller:
        reply = await caller.quiet("vllm", "hello", stream=True, stream_options=options)

    counts = [event["usage"]["completion_tokens"] for event in events(reply)[:-1]]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 4)


@pytest.mark.asyncio
async def test_pictures_are_named_in_the_answer_of_a_model_that_sees() -> None:
    def asking(url: str) -> list[dict[str, Any]]:
        return [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "what is it?"}]

    async with engines() as caller:
        by_address = await caller.message(
            "vllm", asking("https://example.com/album/cat.png"), model="Qwen/Qwen3-VL-8B-Thinking"
        )
        inline = await caller.message("ollama", asking(PIXEL), model="qwen3-vl:8b")

    assert by_address["content"] == "You sent: cat.png (image)\nYou said: what is it?"
    assert inline["content"] == "You sent: image.png (image)\nYou said: what is it?"


@pytest.mark.asyncio
async def test_a_shape_that_is_asked_for_is_kept() -> None:
    schema = {"type": "object", "properties": {"words": {"type": "array", "items": {"type": "string"}}}}
    async with engines() as caller:
        loose = await caller.message("vllm", response_format={"type": "json_object"})
        strict = await caller.message(
            "vllm", response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        )
        stopped = await caller.message("vllm", "one STOP two", stop=["STOP"])

    assert json.loads(loose["content"]) == {"answer": "You said: hi"}
    assert json.loads(strict["content"]) == {"words": ["You said: hi"]}
    assert stopped["content"] == "You said: one "
