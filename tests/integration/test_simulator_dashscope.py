import asyncio
import json
from typing import Any

import httpx
import pytest
from dashscope_caller import CHAT, WEATHER, dashscope, deltas, events, said, uuids
from simulator_caller import Caller, answer_of

from qwen_grpc.simulator import make_token

NOW = 1_770_343_445
ID = "chatcmpl-00000000-0000-9000-8000-000000000001"
TAIL = (
    b'"index":0,"logprobs":null}],"object":"chat.completion.chunk","usage":null,"created":1770343445,'
    b'"system_fingerprint":null,"model":"qwen-plus","id":"chatcmpl-00000000-0000-9000-8000-000000000001"}\n\n'
)
PLAIN_BODY = (
    b'data: {"choices":[{"delta":{"content":"","role":"assistant"},"index":0,"logprobs":null,"finish_reason":null}],'
    b'"object":"chat.completion.chunk","usage":null,"created":1770343445,"system_fingerprint":null,'
    b'"model":"qwen-plus","id":"chatcmpl-00000000-0000-9000-8000-000000000001"}\n\n'
    b'data: {"choices":[{"delta":{"content":"You said: h\xc3\xa9llo "},"finish_reason":null,' + TAIL + b""
    b'data: {"choices":[{"delta":{"content":"to all \\"here\\""},"finish_reason":null,' + TAIL + b""
    b'data: {"choices":[{"delta":{"content":""},"finish_reason":"stop",' + TAIL
)
USAGE = (
    b'data: {"choices":[],"object":"chat.completion.chunk","usage":{"prompt_tokens":13,"completion_tokens":8,'
    b'"total_tokens":21,"prompt_tokens_details":{"cached_tokens":0}},"created":1770343445,'
    b'"system_fingerprint":null,"model":"qwen-plus","id":"chatcmpl-00000000-0000-9000-8000-000000000001"}\n\n'
)
DONE = b"data: [DONE]\n\n"
THOUGHTS = "The person wants to hear the words again.\nAn echo is enough.\n"


@pytest.mark.asyncio
@pytest.mark.parametrize("options", [None, {"include_usage": True}], ids=["bare", "with usage"])
async def test_the_plain_stream_is_the_recorded_one_byte_for_byte(options: Any) -> None:
    async with dashscope(new_id=uuids(), now=lambda: NOW) as caller:
        reply = await caller.chat('h\u00e9llo to all "here"', stream=True, stream_options=options)

    assert reply.content == PLAIN_BODY + (USAGE if options else b"") + DONE
    assert reply.headers["content-type"] == "text/event-stream;charset=UTF-8"


@pytest.mark.asyncio
async def test_every_answer_names_its_request_and_the_gateway() -> None:
    async with dashscope(now=lambda: NOW) as caller:
        whole = await caller.chat()
        stream = await caller.chat(stream=True)
        wrong = await caller.chat(temperature=2)

    for reply in (whole, stream, wrong):
        told = {name: reply.headers.get(name) for name in ("x-dashscope-call-gateway", "req-arrive-time", "server")}
        assert told == {"x-dashscope-call-gateway": "true", "req-arrive-time": f"{NOW}000", "server": "istio-envoy"}
        assert reply.headers["x-request-id"][14] == "9"
    assert whole.json()["id"] == f"chatcmpl-{whole.headers['x-request-id']}"
    assert wrong.json()["request_id"] == wrong.headers["x-request-id"]
    finished = [reply.headers["x-dashscope-finished"] for reply in (whole, stream)]
    assert finished == ["true", "false"]


@pytest.mark.asyncio
async def test_a_whole_answer_says_the_same_as_the_stream() -> None:
    async with dashscope() as caller:
        whole = (await caller.chat("how are you?", model="qwen3.7-plus")).json()
        stream = await caller.stream("how are you?", model="qwen3.7-plus", stream_options={"include_usage": True})

    [choice] = whole["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": "You said: how are you?",
        "reasoning_content": THOUGHTS,
    }
    assert (whole["object"], choice["finish_reason"], choice["message"]["content"]) == (
        "chat.completion",
        "stop",
        said(stream),
    )
    assert whole["usage"] == events(stream)[-2]["usage"]
    assert whole["usage"]["completion_tokens_details"] == {"reasoning_tokens": 16}


@pytest.mark.asyncio
async def test_thoughts_come_before_the_answer_in_a_field_of_their_own() -> None:
    async with dashscope() as caller:
        heard = deltas(await caller.stream(model="qwen3.7-plus"))

    assert heard == [
        {"content": "", "role": "assistant"},
        {"content": None, "reasoning_content": "The person wants "},
        {"content": None, "reasoning_content": "to hear the words "},
        {"content": None, "reasoning_content": "again.\nAn echo is enough.\n"},
        {"content": "You said: hi", "reasoning_content": None},
        ({"content": ""}, "stop"),
        "[DONE]",
    ]


# Whether a model thinks, by what is asked of it.
THINKING: dict[tuple[str, str], bool] = {
    ("qwen3.7-plus", "{}"): True,
    ("qwen3.7-plus", '{"enable_thinking": false}'): False,
    ("qwen-plus", "{}"): False,
    ("qwen-plus", '{"enable_thinking": true}'): True,
    ("qwen-plus-2025-07-28", '{"enable_thinking": true}'): True,
    ("qwen3-vl-plus", "{}"): False,
    ("qwen3-32b", "{}"): True,
    ("qwen3.7-max-preview", "{}"): True,
    ("qwen3-coder-plus", "{}"): False,
    ("qwen3.8-max", '{"reasoning_effort": "none"}'): False,
    ("qwen3.8-max", '{"reasoning_effort": "low"}'): True,
}


@pytest.mark.asyncio
@pytest.mark.parametrize(("model", "asked"), THINKING)
async def test_each_family_thinks_by_its_own_rule(model: str, asked: str) -> None:
    async with dashscope() as caller:
        body = await caller.stream(model=model, **json.loads(asked))

    assert (b"reasoning_content" in body) == THINKING[model, asked]
    assert said(body) == "You said: hi"


@pytest.mark.asyncio
async def test_the_last_words_of_a_model_that_sees_come_with_the_end() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/album/cat.png"}}
    async with dashscope() as caller:
        seen = await caller.stream([picture, {"type": "text", "text": "what is it?"}], model="qwen3-vl-plus")
        cued = await caller.stream("[[sim:vl_finish]] hi")

    assert deltas(seen)[-2:] == [({"content": "is it?"}, "stop"), "[DONE]"]
    assert said(seen) == "You sent: cat.png (image)\nYou said: what is it?"
    assert deltas(cued)[1:] == [({"content": "You said: hi"}, "stop"), "[DONE]"]


@pytest.mark.asyncio
async def test_a_call_comes_in_fragments_of_which_only_the_first_has_a_name() -> None:
    async with dashscope(new_id=uuids()) as caller:
        heard = deltas(await caller.stream("[[sim:tools]] Paris", tools=[WEATHER]))
        whole = (await caller.chat("[[sim:tools]] Paris", tools=[WEATHER])).json()["choices"][0]

    fragments = [delta["tool_calls"][0] for delta in heard[1:-2]]
    assert fragments[0] == {
        "index": 0,
        "id": "call_0000000000009000800000000",
        "type": "function",
        "function": {"name": "weather", "arguments": ""},
    }
    assert {(one["id"], *one["function"]) for one in fragments[1:]} == {("", "arguments")}
    assert fragments[-1]["function"]["arguments"] is None
    pieces = [one["function"]["arguments"] or "" for one in fragments]
    assert "".join(pieces) == '{"city": "Paris", "days": 1}'
    assert heard[-2:] == [({"content": ""}, "tool_calls"), "[DONE]"]
    assert (whole["finish_reason"], whole["message"]["content"]) == ("tool_calls", "")
    assert whole["message"]["tool_calls"][0]["function"]["arguments"] == "".join(pieces)


@pytest.mark.asyncio
async def test_one_call_is_the_rule_and_two_come_when_the_request_allows_it() -> None:
    async def calls(**body: Any) -> list[int]:
        reply = await caller.chat("[[sim:tools]] Paris", tools=[WEATHER], **body)
        return [call["index"] for call in reply.json()["choices"][0]["message"]["tool_calls"]]

    async with dashscope() as caller:
        assert await calls() == [0]
        assert await calls(parallel_tool_calls=True) == [0, 1]
        parallel = deltas(await caller.stream("[[sim:parallel_tools]] Paris", tools=[WEATHER]))

    named = [one["tool_calls"][0] for one in parallel[1:-2] if "name" in one["tool_calls"][0]["function"]]
    assert [one["index"] for one in named] == [0, 1]
    assert named[0]["id"] != named[1]["id"]


@pytest.mark.asyncio
async def test_a_forced_tool_is_called_a_forbidden_one_is_not_and_a_result_is_repeated() -> None:
    choice = {"type": "function", "function": {"name": "weather"}}
    results = [
        {"role": "user", "content": "[[sim:plain]] weather?"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "call_1"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
    ]
    async with dashscope() as caller:
        forced = (await caller.chat("Paris", tools=[WEATHER], tool_choice=choice)).json()["choices"][0]
        forbidden = (await caller.chat("[[sim:tools]] Paris", tools=[WEATHER], tool_choice="none")).json()["choices"][0]
        answered = (await caller.chat(messages=results, tools=[WEATHER])).json()["choices"][0]

    assert forced["finish_reason"] == "tool_calls"
    assert (forbidden["finish_reason"], forbidden["message"]["content"]) == ("stop", "You said: Paris")
    assert answered["message"]["content"] == "The tool said: Sunny."


@pytest.mark.asyncio
async def test_json_is_answered_as_json_and_after_its_schema() -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "tags": {"type": "array"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "thing", "schema": schema}}
    async with dashscope() as caller:
        free = await caller.chat("as json", response_format={"type": "json_object"})
        shaped = await caller.chat("hi", model="qwen3.7-plus", response_format=wanted)

    assert json.loads(free.json()["choices"][0]["message"]["content"]) == {"answer": "You said: as json"}
    assert json.loads(shaped.json()["choices"][0]["message"]["content"]) == {
        "name": "You said: hi",
        "tags": ["You said: hi"],
    }


# What limits an answer, and the answer and its end.
LIMITS: dict[str, tuple[str, str]] = {
    '{"max_tokens": 2}': ("You said", "length"),
    '{"max_tokens": 2, "enable_thinking": true}': ("You said", "length"),
    '{"max_completion_tokens": 3, "enable_thinking": true}': ("", "length"),
    '{"max_completion_tokens": 100, "enable_thinking": true}': ("You said: one, two, three", "stop"),
    '{"stop": [", two"]}': ("You said: one", "stop"),
    '{"n": 2}': ("You said: one, two, three", "stop"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("limit", LIMITS)
async def test_an_answer_is_as_long_as_it_may_be(limit: str) -> None:
    async with dashscope() as caller:
        choices = (await caller.chat("one, two, three", **json.loads(limit))).json()["choices"]

    assert {(choice["message"]["content"], choice["finish_reason"]) for choice in choices} == {LIMITS[limit]}
    assert len(choices) == json.loads(limit).get("n", 1)


@pytest.mark.asyncio
async def test_the_same_prompt_gets_the_answer_of_the_other_face() -> None:
    text = "hello \u4f60\u597d, how are you today?"
    async with dashscope() as caller:
        here = await caller.stream(text)
        site = {"authorization": f"Bearer {make_token('user-1')}", "version": "0.3.12"}
        async with httpx.AsyncClient(base_url=caller.simulator.url, headers=site) as http:
            there = (await Caller(caller.simulator, http).ask(text)).content

    assert said(here) == answer_of(there) == f"You said: {text}"


@pytest.mark.asyncio
async def test_a_stream_may_be_written_in_pieces_that_cut_characters() -> None:
    async with dashscope(now=lambda: NOW, new_id=uuids()) as caller:
        whole = await caller.stream("\u4f60\u597d")
        caller.simulator.new_id = uuids()
        caller.behave(write_bytes=1)
        pieces: list[bytes] = []
        request = caller.http.build_request("POST", CHAT, json=asking("\u4f60\u597d", stream=True))
        reply = await caller.http.send(request, stream=True)
        async for piece in reply.aiter_raw():
            pieces.append(piece)

    assert b"".join(pieces) == whole
    assert len(pieces) > len(whole.split(b"\n\n"))


@pytest.mark.asyncio
async def test_whole_answers_are_compressed_for_those_who_accept_it() -> None:
    async with dashscope() as caller:
        caller.behave(gzip=True)
        packed = await caller.chat()
        plain = await caller.chat(headers={"accept-encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json()["choices"] == plain.json()["choices"]


def asking(text: str, **body: Any) -> dict[str, Any]:
    return {"model": "qwen-plus", "messages": [{"role": "user", "content": text}], **body}


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("scenario", ["silent", "headers_only", "stall"])
async def test_a_caller_that_hangs_up_is_recorded(scenario: str, stream: bool) -> None:
    async with dashscope() as caller:
        body = asking(f"[[sim:{scenario}]] hi", stream=stream)
        asked = asyncio.create_task(caller.http.post(CHAT, json=body))
        async with asyncio.timeout(5):
            while not caller.simulator.streams:  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)
        asked.cancel()
        assert await caller.simulator.hang_ups(1, within=5) == 1

    [record] = caller.simulator.streams
    assert (record.scenario, record.outcome) == (scenario, "client_gone")


@pytest.mark.asyncio
async def test_a_long_answer_has_as_many_chunks_as_asked_for() -> None:
    async with dashscope() as caller:
        assert said(await caller.stream("[[sim:long:3]]")) == "word 0 word 1 word 2 "
        assert said(await caller.stream("[[sim:long]]")).split()[-1] == "199"


@pytest.mark.asyncio
async def test_slow_answers_take_their_time() -> None:
    async with dashscope() as caller:
        caller.behave(slow_s=0.001, slow_first_s=0.2)
        slow = await caller.stream("[[sim:slow]] hi")
        with pytest.raises(httpx.ReadTimeout):
            await caller.http.post(CHAT, json=asking("[[sim:slow_first]] hi", stream=True), timeout=0.05)
        late = await caller.stream("[[sim:slow_first]] hi")

    assert len(deltas(slow)) == len("You said: hi") + 3
    assert said(slow) == said(late) == "You said: hi"
