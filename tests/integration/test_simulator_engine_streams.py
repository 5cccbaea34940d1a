import asyncio

import httpx
import pytest
from engine_caller import ENGINES, choices, deltas, engines, events, finish, said
from simulator_caller import until


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_a_stream_may_end_without_having_ended(engine: str) -> None:
    async with engines() as caller:
        eof = await caller.quiet(engine, "[[sim:eof]]", stream=True)
        first = await caller.quiet(engine, "[[sim:cut_first]]", stream=True)
        empty = await caller.quiet(engine, "[[sim:empty_stream]]", stream=True)

    assert (said(eof), finish(eof), "[DONE]" in events(eof)) == ("Part 1. Part 2. ", [], False)
    assert (first.status_code, first.content) == (200, b"")
    assert first.headers["content-type"].startswith("text/event-stream")
    assert (said(empty), finish(empty)) == ("", [])


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_an_empty_answer_ends_in_good_order(engine: str) -> None:
    async with engines() as caller:
        reply = await caller.quiet(engine, "[[sim:empty_answer]]", stream=True)
        whole = (await caller.quiet(engine, "[[sim:empty_answer]]")).json()

    assert (said(reply), finish(reply), events(reply)[-1]) == ("", ["stop"], "[DONE]")
    assert whole["choices"][0]["message"]["content"] == ""


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["truncate", "reset_first"])
async def test_a_connection_may_be_reset(scenario: str) -> None:
    async with engines() as caller:
        with pytest.raises(httpx.HTTPError):
            await caller.chat("vllm", f"[[sim:{scenario}]]", stream=True)

        assert [stream.outcome for stream in caller.simulator.streams] == ["reset"]


# The error within a stream, and whether the usual last line follows it.
ERRORS = {
    "vllm": ({"error": {"type": "InternalServerError", "param": None, "code": 500}}, True),
    "sglang": ({"error": {"object": "error", "type": "InternalServerError", "param": None, "code": 500}}, True),
    "ollama": ({"error": {"type": "api_error", "param": None, "code": None}}, False),
    "llamacpp": ({"error": {"code": 500, "type": "server_error"}}, False),
    "generic": ({"error": {"type": "server_error", "param": None, "code": None}}, False),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_an_error_within_a_stream_is_wrapped_by_every_engine(engine: str) -> None:
    async with engines() as caller:
        reply = await caller.quiet(engine, "[[sim:midstream_error]]", stream=True)
        whole = await caller.quiet(engine, "[[sim:midstream_error]]")

    told = events(reply)
    error = told[-2] if told[-1] == "[DONE]" else told[-1]
    assert error["error"].pop("message") == "The engine stopped unexpectedly."
    assert (error, told[-1] == "[DONE]") == ERRORS[engine]
    assert (said(reply), finish(reply), whole.status_code) == ("Part 1. Part 2. ", [], 500)


@pytest.mark.asyncio
async def test_an_error_may_be_the_first_thing_that_a_stream_says() -> None:
    async with engines() as caller:
        reply = await caller.quiet("ollama", "[[sim:first_error]]", stream=True)

    assert reply.status_code == 200
    assert [list(event) for event in events(reply)] == [["error"]]


@pytest.mark.asyncio
async def test_garbage_stands_between_good_chunks() -> None:
    async with engines() as caller:
        reply = await caller.quiet("vllm", "hi [[sim:garbage]]", stream=True)

    assert b'\n\ndata: {"choices": [{"delta": {"role": "assist\n\n' in reply.content
    assert reply.content.endswith(b"data: [DONE]\n\n")


@pytest.mark.asyncio
async def test_ends_of_other_kinds() -> None:
    async with engines() as caller:
        bare = await caller.quiet("vllm", "hi [[sim:no_done]]", stream=True)
        odd = await caller.quiet("vllm", "hi [[sim:odd_finish]]", stream=True)
        abort = await caller.quiet("sglang", "hi [[sim:abort]]", stream=True)
        eaten = await caller.chat("vllm", "hi [[sim:think_only]]", stream=True)

    assert (said(bare), finish(bare), "[DONE]" in events(bare)) == ("You said: hi", ["stop"], False)
    assert (finish(odd), finish(abort)) == (["levitated"], ["abort"])
    assert (said(eaten), finish(eaten)) == ("", ["length"])


@pytest.mark.asyncio
async def test_long_and_slow_answers_are_as_long_and_slow_as_told() -> None:
    async with engines() as caller:
        long = await caller.quiet("llamacpp", "[[sim:long:5]]", stream=True)
        caller.behave(slow_s=0.0)
        slow = await caller.quiet("ollama", "ab [[sim:slow]]", stream=True)

    assert said(long) == "word 0 word 1 word 2 word 3 word 4 "
    assert [delta["content"] for delta in deltas(slow)] == [*"You said: ab", ""]


@pytest.mark.asyncio
async def test_an_answer_that_is_slow_to_begin_is_the_usual_one() -> None:
    async with engines() as caller:
        caller.behave(slow_first_s=0.0)
        reply = await caller.quiet("vllm", "hi [[sim:slow_first]]", stream=True)

    assert said(reply) == "You said: hi"
    assert [stream.scenario for stream in caller.simulator.streams] == ["slow_first", "plain"]


@pytest.mark.asyncio
async def test_writes_may_cut_a_character_in_two() -> None:
    async with engines() as caller:
        caller.behave(write_bytes=1)
        reply = await caller.quiet("vllm", "h\u00e9llo \U0001f600", stream=True)

    assert said(reply) == "You said: h\u00e9llo \U0001f600"


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["silent", "headers_only", "long:100000"])
async def test_a_caller_that_hangs_up_is_noticed_and_ends_the_answer(scenario: str) -> None:
    async with engines() as caller:
        async with caller.reading("vllm", f"[[sim:{scenario}]]"):
            pass
        gone = await caller.simulator.hang_ups(1, within=5)
        [stream] = caller.simulator.streams

    assert gone == 1
    assert (stream.outcome, stream.events_sent < 50_000) == ("client_gone", True)


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["stall", "silent"])
async def test_a_caller_that_waits_for_the_whole_can_hang_up_too(scenario: str) -> None:
    async with engines() as caller:
        waiting = asyncio.create_task(caller.chat("vllm", f"[[sim:{scenario}]]"))
        await until(lambda: caller.simulator.streams)
        waiting.cancel()
        gone = await caller.simulator.hang_ups(1, within=5)

    assert gone == 1


@pytest.mark.asyncio
async def test_streams_are_recorded_with_their_scenario_and_their_end() -> None:
    async with engines() as caller:
        whole = (await caller.chat("vllm", "hi")).json()
        stream = await caller.chat("vllm", "hi [[sim:eof]]", stream=True)
        records = caller.simulator.streams

    assert [(one.scenario, one.outcome) for one in records] == [("think", "finished"), ("eof", "finished")]
    assert records[0].response_id == whole["id"]
    assert (records[0].events_sent, records[1].events_sent) == (1, len(choices(stream)))


@pytest.mark.asyncio
@pytest.mark.parametrize(("scenario", "body"), [("garbage_body", b'{"choices": [{"mess'), ("empty_body", b"")])
async def test_a_body_may_be_no_answer_at_all(scenario: str, body: bytes) -> None:
    async with engines() as caller:
        reply = await caller.chat("vllm", f"[[sim:{scenario}]]")

    assert (reply.status_code, reply.content) == (200, body)


@pytest.mark.asyncio
async def test_a_success_may_be_an_error_and_a_whole_may_be_half() -> None:
    async with engines() as caller:
        error = await caller.chat("vllm", "[[sim:ok_with_error]]")
        half = await caller.chat("vllm", "[[sim:eof]]")

    assert (error.status_code, list(error.json())) == (200, ["error"])
    assert (half.status_code, half.content.endswith(b'"content":"Par')) == (200, True)
