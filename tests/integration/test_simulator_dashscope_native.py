from typing import Any

import pytest
from dashscope_caller import MULTIMODAL, SSE, TEXT, WEATHER, dashscope, fault_of, frames, uuids

NOW = 1_770_343_445
GROWING = {"result_format": "message", "incremental_output": True}
STREAM = (
    b'id:1\nevent:result\n:HTTP_STATUS/200\ndata:{"output":{"choices":[{"message":{"role":"assistant",'
    b'"content":"You said: one "},"finish_reason":"null"}]},"usage":{"input_tokens":12,"output_tokens":4,'
    b'"total_tokens":16,"prompt_tokens_details":{"cached_tokens":0}},'
    b'"request_id":"00000000-0000-9000-8000-000000000001"}\n\n'
    b'id:2\nevent:result\n:HTTP_STATUS/200\ndata:{"output":{"choices":[{"message":{"role":"assistant",'
    b'"content":"two three"},"finish_reason":"null"}]},"usage":{"input_tokens":12,"output_tokens":6,'
    b'"total_tokens":18,"prompt_tokens_details":{"cached_tokens":0}},'
    b'"request_id":"00000000-0000-9000-8000-000000000001"}\n\n'
    b'id:3\nevent:result\n:HTTP_STATUS/200\ndata:{"output":{"choices":[{"message":{"role":"assistant",'
    b'"content":""},"finish_reason":"stop"}]},"usage":{"input_tokens":12,"output_tokens":6,'
    b'"total_tokens":18,"prompt_tokens_details":{"cached_tokens":0}},'
    b'"request_id":"00000000-0000-9000-8000-000000000001"}\n\n'
)


def talk(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def pieces(body: bytes) -> list[tuple[str, Any]]:
    """Reason and content of every frame."""
    choices = [data["output"]["choices"][0] for _, _, _, data in frames(body)]
    return [(choice["finish_reason"], choice["message"]["content"]) for choice in choices]


@pytest.mark.asyncio
async def test_the_native_stream_has_numbered_frames_byte_for_byte() -> None:
    async with dashscope(new_id=uuids(), now=lambda: NOW) as caller:
        reply = await caller.native(talk("one two three"), headers=SSE, parameters=GROWING)

    assert reply.content == STREAM
    assert reply.headers["content-type"] == "text/event-stream;charset=UTF-8"


@pytest.mark.asyncio
async def test_frames_repeat_what_was_said_unless_increments_are_asked_for() -> None:
    async with dashscope() as caller:
        repeated = await caller.native(talk("one two three"), headers=SSE, parameters={"result_format": "message"})
        by_accept = await caller.native(talk("hi"), headers={"accept": "text/event-stream"}, parameters=GROWING)

    assert pieces(repeated.content) == [
        ("null", "You said: one "),
        ("null", "You said: one two three"),
        ("stop", "You said: one two three"),
    ]
    assert pieces(by_accept.content) == [("null", "You said: hi"), ("stop", "")]


@pytest.mark.asyncio
async def test_thoughts_and_sources_come_in_fields_of_their_own() -> None:
    search = {"enable_search": True, "search_options": {"enable_source": True, "enable_citation": True}}
    async with dashscope() as caller:
        reply = await caller.native(
            talk("hi"), model="qwen3.7-max", headers=SSE, parameters={**GROWING, **search, "enable_thinking": True}
        )

    outputs = [data["output"] for _, _, _, data in frames(reply.content)]
    thoughts = [output["choices"][0]["message"].get("reasoning_content", "") for output in outputs]
    sources = [[row["url"] for row in output["search_info"]["search_results"]] for output in outputs]
    usage = frames(reply.content)[-1][3]["usage"]
    assert "".join(thoughts) == "The person wants to hear the words again.\nAn echo is enough.\n"
    assert "".join(content for _, content in pieces(reply.content)) == "You said: hi [1]."
    assert sources == [["https://example.org/echo", "https://example.com/repeat"], *([[]] * (len(outputs) - 1))]
    assert usage["plugins"] == {"search": {"count": 1, "strategy": "turbo"}}
    assert usage["output_tokens_details"] == {"reasoning_tokens": 16, "text_tokens": 5}


@pytest.mark.asyncio
async def test_the_last_part_of_a_call_shares_its_frame_with_the_end() -> None:
    async with dashscope() as caller:
        reply = await caller.native(
            talk("[[sim:tools]] Paris"), headers=SSE, parameters={**GROWING, "tools": [WEATHER]}
        )
        repeated = await caller.native(
            talk("[[sim:tools]] Paris"), headers=SSE, parameters={"result_format": "message", "tools": [WEATHER]}
        )

    choices = [data["output"]["choices"][0] for _, _, _, data in frames(reply.content)]
    parts = [choice["message"]["tool_calls"][0]["function"]["arguments"] for choice in choices]
    assert "".join(parts) == '{"city": "Paris", "days": 1}'
    assert [choice["finish_reason"] for choice in choices] == ["null"] * (len(choices) - 1) + ["tool_calls"]
    whole = frames(repeated.content)[-1][3]["output"]["choices"][0]["message"]["tool_calls"][0]
    assert whole["function"] == {"name": "weather", "arguments": "".join(parts)}


@pytest.mark.asyncio
async def test_a_whole_answer_is_a_message_or_a_text() -> None:
    async with dashscope() as caller:
        message = (await caller.native({"prompt": "hi"})).json()
        text = (await caller.native(talk("hi"), parameters={"result_format": "text"})).json()
        thinking = (await caller.native(talk("hi"), model="qwen3.7-max")).json()

    [choice] = message["output"]["choices"]
    assert choice == {"message": {"role": "assistant", "content": "You said: hi"}, "finish_reason": "stop"}
    assert text["output"] == {"text": "You said: hi", "finish_reason": "stop"}
    assert thinking["output"]["choices"][0]["message"]["reasoning_content"].startswith("The person wants")


@pytest.mark.asyncio
async def test_models_that_see_answer_at_the_path_for_all_media_in_parts() -> None:
    parts = {"messages": [{"role": "user", "content": [{"image": "https://example.com/cat.png"}, {"text": "who?"}]}]}
    growing = {"incremental_output": True}
    async with dashscope() as caller:
        seen = await caller.native(parts, path=MULTIMODAL, model="qwen3-vl-plus", headers=SSE, parameters=growing)
        thought = await caller.native(parts, path=MULTIMODAL, model="qwen3.7-plus", headers=SSE, parameters=growing)
        blind = await caller.native(parts, path=MULTIMODAL, model="qwen-plus")
        misplaced = await caller.native(parts, path=TEXT, model="qwen3.7-plus")

    contents = [content for _, content in pieces(seen.content)]
    assert contents == [[{"text": "You sent: cat.png "}], [{"text": "(image)\nYou said: who?"}]]
    assert pieces(thought.content)[0] == ("null", [])
    words = "url error, please check url\uff01"
    assert fault_of(blind) == fault_of(misplaced) == (400, "InvalidParameter", words)


@pytest.mark.asyncio
async def test_a_refused_stream_is_a_good_status_and_a_frame_with_the_error() -> None:
    async with dashscope() as caller:
        streamed = await caller.native(talk("hi"), headers=SSE, parameters={**GROWING, "temperature": 2})
        whole = await caller.native(talk("hi"), parameters={"temperature": 2})
        ungrown = await caller.native(talk("hi"), model="qwen3.7-max", headers=SSE)

    [(number, event, status, data)] = frames(streamed.content)
    assert (streamed.status_code, number, event, status) == (200, "id:1", "event:error", ":HTTP_STATUS/400")
    assert data["code"] == "InvalidParameter"
    assert set(data) == {"code", "message", "request_id"}
    assert fault_of(whole) == (400, "InvalidParameter", "Temperature should be in [0.0, 2.0)")
    assert frames(ungrown.content)[0][3]["message"].startswith("The incremental_output parameter must be")


@pytest.mark.asyncio
async def test_an_answer_may_break_off_with_a_frame_that_says_why() -> None:
    async with dashscope() as caller:
        reply = await caller.native(talk("[[sim:midstream_throttled]] hi"), headers=SSE, parameters=GROWING)

    heard = frames(reply.content)
    assert [event for _, event, _, _ in heard] == ["event:result", "event:result", "event:error"]
    assert heard[-1][0] == "id:3"
    assert heard[-1][2] == ":HTTP_STATUS/429"
    assert heard[-1][3]["code"] == "Throttling.AllocationQuota"


@pytest.mark.asyncio
async def test_seeds_are_larger_than_in_the_other_dialect() -> None:
    async with dashscope() as caller:
        large = await caller.native(talk("hi"), parameters={"seed": 2**63 - 1})
        larger = await caller.native(talk("hi"), parameters={"seed": 2**63})

    assert large.status_code == 200
    assert fault_of(larger)[2] == f"Range of seed should be [0, {2**63 - 1}]"
