import json
from typing import Any

import httpx
import pytest
from dashscope_caller import CHAT, TEXT, WEATHER, dashscope, deltas, events, fault_of, said

from qwen_grpc.simulator.dashscope.faults import FAULTS
from qwen_grpc.simulator.dashscope.script import SCENARIOS

# Status, code in the compatible dialect, code in the native one, and how the compatible text begins.
WORDS: dict[str, tuple[int, str, str, str]] = {
    "rate_quota": (429, "limit_requests", "Throttling.RateQuota", "You exceeded your current requests list."),
    "burst_rate": (429, "limit_burst_rate", "Throttling.BurstRate", "Request rate increased too quickly."),
    "allocation_quota": (429, "insufficient_quota", "Throttling.AllocationQuota", "Allocated quota exceeded"),
    "billing_quota": (429, "insufficient_quota", "Throttling.AllocationQuota", "You exceeded your current quota"),
    "throttling": (429, "429", "Throttling", "Requests throttling triggered."),
    "free_quota": (429, "insufficient_quota", "Throttling.AllocationQuota", "Free allocated quota exceeded."),
    "overdue": (429, "PostpaidBillOverdue", "PostpaidBillOverdue", "The postpaid bill is overdue."),
    "arrearage": (400, "Arrearage", "Arrearage", "Access denied, please make sure your account is in good standing."),
    "free_tier_only": (
        403,
        "AllocationQuota.FreeTierOnly",
        "AllocationQuota.FreeTierOnly",
        "The free tier of the model has been exhausted.",
    ),
    "unauthorized": (401, "invalid_api_key", "InvalidApiKey", "Incorrect API key provided."),
    "model_access_denied": (403, "Model.AccessDenied", "Model.AccessDenied", "Access to model denied."),
    "access_denied": (403, "access_denied", "AccessDenied", "Access denied."),
    "model_not_found": (404, "model_not_found", "ModelNotFound", "The model simulated does not exist"),
    "content_filter": (400, "data_inspection_failed", "DataInspectionFailed", "Input data may contain inappropriate"),
    "context_too_long": (400, "invalid_parameter_error", "InvalidParameter", "Range of input length should be [1, "),
    "download_failed": (400, "invalid_parameter_error", "InvalidParameter", "Failed to download multimodal content."),
    "internal_error": (500, "internal_error", "InternalError", "An internal error has occured"),
    "timed_out": (500, "request_timeout", "RequestTimeOut", "Request timed out"),
    "model_serving_error": (503, "ModelServingError", "ModelServingError", "Too many requests. Your requests are"),
    "model_unavailable": (503, "model_unavailable", "ModelUnavailable", "Model is unavailable"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", FAULTS)
async def test_a_fault_is_worded_in_the_dialect_of_the_path(scenario: str) -> None:
    status, compat, native, words = WORDS[scenario]
    async with dashscope() as caller:
        asked = await caller.chat(f"[[sim:{scenario}]] hi", stream=True)
        told = await caller.native({"prompt": f"[[sim:{scenario}]] hi"})

    assert fault_of(asked)[:2] == (status, compat)
    assert fault_of(asked)[2].startswith(words)
    assert fault_of(told)[:2] == (status, native)
    assert set(asked.json()) == {"error", "id", "request_id"}
    assert set(asked.json()["error"]) == {"message", "type", "param", "code"}
    assert set(told.json()) == {"code", "message", "request_id"}
    assert "retry-after" not in asked.headers
    assert not caller.memory.completions


@pytest.mark.asyncio
async def test_only_who_asks_for_it_is_told_when_to_come_back() -> None:
    async with dashscope() as caller:
        cued = await caller.chat("[[sim:rate_quota:7]] hi")
        caller.behave(retry_after="3")
        switched = await caller.chat("[[sim:model_serving_error]] hi")
        other = await caller.chat("[[sim:arrearage]] hi")

    assert [reply.headers.get("retry-after") for reply in (cued, switched, other)] == ["7", "3", None]


@pytest.mark.asyncio
async def test_a_burst_passes_for_a_caller_that_lets_the_service_wait() -> None:
    async with dashscope() as caller:
        answers = [
            await caller.chat("[[sim:burst_rate]] hi", headers={"x-dashscope-wait-timeout": patience})
            for patience in ("0", "0.001", "30", "soon")
        ]
        other = await caller.chat("[[sim:rate_quota]] hi", headers={"x-dashscope-wait-timeout": "30"})

    assert [reply.status_code for reply in (*answers, other)] == [429, 429, 200, 429, 429]
    assert answers[2].json()["choices"][0]["message"]["content"] == "You said: hi"


# The keys, and why they are refused.
KEYS: dict[str, int] = {
    "sk-any": 200,
    "sk-bad-one": 401,
    "sk-revoked": 401,
    "sk-sp-coding": 401,
    "sk-abroad": 401,
    "no-key": 401,
    "": 401,
}


@pytest.mark.asyncio
@pytest.mark.parametrize("key", KEYS)
async def test_a_key_is_good_at_its_own_host_only(key: str) -> None:
    async with dashscope(key=key) as caller:
        caller.behave(revoked_keys=["sk-revoked"], keys={"sk-abroad": {"region": "ap-southeast-1"}})
        compat = await caller.chat()
        native = await caller.native({"prompt": "hi"})
        listed = await caller.http.get("/compatible-mode/v1/models")
        caller.behave(plan="coding", region="ap-southeast-1", keys={})
        elsewhere = await caller.chat()

    assert [compat.status_code, native.status_code, listed.status_code] == [KEYS[key]] * 3
    if KEYS[key] == 401:
        assert (fault_of(compat)[1], fault_of(native)[1]) == ("invalid_api_key", "InvalidApiKey")
    assert (elsewhere.status_code == 200) == (key == "sk-sp-coding")


@pytest.mark.asyncio
async def test_a_fault_may_follow_a_key_and_spare_the_others() -> None:
    async with dashscope() as caller:
        caller.behave(faults={"sk-two": "billing_quota", "sk-three": "eof"})
        one = [(await caller.chat(key=key)).status_code for key in ("sk-one", "sk-two", "sk-four")]
        cut = await caller.chat("[[sim:plain]] hi", key="sk-three", stream=True)

    assert one == [200, 429, 200]
    assert deltas(cut.content)[-1] == {"content": "Part 2. "}
    assert caller.memory.completions == {"sk-one": 1, "sk-four": 1, "sk-three": 1}


@pytest.mark.asyncio
async def test_the_next_requests_fail_and_then_no_more() -> None:
    async with dashscope() as caller:
        caller.behave(fail_next=2, fail_with="model_serving_error")
        statuses = [(await caller.chat()).status_code for _ in range(3)]

    assert statuses == [503, 503, 200]
    assert caller.memory.completions == {"sk-one": 1}


@pytest.mark.asyncio
async def test_the_limits_of_a_model_are_those_of_the_account() -> None:
    now = [1000.0]
    async with dashscope(now=lambda: now[0]) as caller:
        caller.behave(
            limits={"qwen-plus": {"requests": 2, "requests_period_s": 10}},
            keys={"sk-one": {"account": "us"}, "sk-two": {"account": "us"}},
        )
        calls = [(key, model) for key in ("sk-one", "sk-two") for model in ("qwen-plus", "qwen-flash")]
        statuses = [(await caller.chat(key=key, model=model)).status_code for key, model in calls]
        over = await caller.chat()
        stranger = await caller.chat(key="sk-three")
        now[0] += 10
        later = await caller.chat()

    assert statuses == [200, 200, 200, 200]
    assert fault_of(over)[:2] == (429, "limit_requests")
    assert (stranger.status_code, later.status_code) == (200, 200)


@pytest.mark.asyncio
async def test_tokens_are_limited_too() -> None:
    async with dashscope() as caller:
        caller.behave(keys={"sk-one": {"limit": {"tokens": 10}}})
        replies = [await caller.chat() for _ in range(2)]

    assert replies[0].status_code == 200
    assert fault_of(replies[1])[:2] == (429, "insufficient_quota")


def last(scenario: str, heard: list[Any]) -> Any:
    """What follows the two parts that every broken answer begins with."""
    assert heard[:3] == [{"content": "", "role": "assistant"}, {"content": "Part 1. "}, {"content": "Part 2. "}]
    return heard[3:]


@pytest.mark.asyncio
async def test_an_answer_may_break_off_with_an_error_object() -> None:
    async with dashscope() as caller:
        filtered = last("", deltas(await caller.stream("[[sim:midstream_filter]] hi")))
        failed = last("", deltas(await caller.stream("[[sim:midstream_error]] hi")))
        throttled = last("", deltas(await caller.stream("[[sim:midstream_throttled]] hi")))

    codes = [[event["error"]["code"] for event in heard] for heard in (filtered, failed, throttled)]
    assert codes == [["data_inspection_failed"], ["internal_error"], ["insufficient_quota"]]
    assert filtered[0]["error"]["message"] == "Output data may contain inappropriate content."


@pytest.mark.asyncio
async def test_an_error_may_be_told_as_the_end_of_an_answer() -> None:
    async with dashscope() as caller:
        heard = last("", deltas(await caller.stream("[[sim:error_finish]] hi")))

    assert heard == [({"content": "Throttling: TPM(10680324/10000000)"}, "error_finish"), "[DONE]"]


@pytest.mark.asyncio
async def test_a_frame_of_the_other_dialect_may_leak_into_a_stream() -> None:
    async with dashscope() as caller:
        leaked = await caller.stream("[[sim:native_frame]] hi")
        worded = last("", deltas(await caller.stream("[[sim:native_text]] hi")))

    frame = b'event:error\n:HTTP_STATUS/429\ndata:{"code":"Throttling.RateQuota","message":"Requests rate limit'
    assert frame in leaked
    assert worded[0]["error"]["message"].startswith(frame.decode())


@pytest.mark.asyncio
async def test_a_stream_may_end_without_saying_that_the_answer_has() -> None:
    async with dashscope() as caller:
        cut = last("", deltas(await caller.stream("[[sim:eof]] hi")))
        no_done = deltas(await caller.stream("[[sim:no_done]] hi"))
        empty_stream = deltas(await caller.stream("[[sim:empty_stream]] hi"))
        empty_answer = deltas(await caller.stream("[[sim:empty_answer]] hi"))
        with pytest.raises(httpx.ReadError):
            await caller.stream("[[sim:truncate]] hi")

    first = {"content": "", "role": "assistant"}
    assert cut == []
    assert no_done == [first, {"content": "You said: hi"}, ({"content": ""}, "stop")]
    assert (empty_stream, empty_answer) == ([first], [first, ({"content": ""}, "stop"), "[DONE]"])
    assert [record.outcome for record in caller.simulator.streams] == ["finished"] * 4 + ["reset"]


@pytest.mark.asyncio
async def test_a_line_of_a_stream_may_be_no_json() -> None:
    async with dashscope() as caller:
        body = await caller.stream("[[sim:garbage]] hi")

    assert b'data: {"choices": [{"delta": {"role": "assist\n\n' in body
    with pytest.raises(json.JSONDecodeError):
        events(body)


# What an odd scenario answers, stream or not.
ODD: dict[str, tuple[int, str, bytes]] = {
    "http_502_html": (502, "text/html; charset=utf-8", b"<html><head><title>502 Bad Gateway</title>"),
    "empty_body": (200, "application/json", b""),
    "garbage_body": (200, "application/json", b'{"choices": [{"mess'),
    "ok_with_code": (200, "application/json", b'{"code":"InternalError","message":"An internal error'),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("scenario", ODD)
async def test_an_answer_may_make_no_sense(scenario: str, stream: bool) -> None:
    async with dashscope() as caller:
        reply = await caller.chat(f"[[sim:{scenario}]] hi", stream=stream)

    status, content_type, beginning = ODD[scenario]
    assert (reply.status_code, reply.headers["content-type"]) == (status, content_type)
    assert reply.content.startswith(beginning)
    assert bool(reply.content) == bool(beginning)


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["midstream_error", "error_finish", "eof"])
async def test_an_answer_that_breaks_off_has_no_good_whole(scenario: str) -> None:
    async with dashscope() as caller:
        reply = await caller.chat(f"[[sim:{scenario}]] hi")

    if scenario == "eof":
        with pytest.raises(json.JSONDecodeError):
            reply.json()
    else:
        assert reply.status_code in (429, 500)


@pytest.mark.asyncio
async def test_a_scenario_is_chosen_by_header_tag_or_default_and_must_exist() -> None:
    async with dashscope() as caller:
        by_header = await caller.stream("[[sim:eof]] hi", headers={"x-sim-scenario": "long:1"})
        caller.behave(scenario="long:2")
        by_default = await caller.stream("hi")
        unknown = await caller.chat("[[sim:riddle]] hi")

    assert (said(by_header), said(by_default)) == ("word 0 ", "word 0 word 1 ")
    assert fault_of(unknown)[2].startswith("unknown scenario 'riddle': expected one of ")
    assert all(name in fault_of(unknown)[2] for name in (*SCENARIOS, *FAULTS))


@pytest.mark.asyncio
async def test_the_switches_can_be_turned_over_http_and_the_record_read() -> None:
    async with dashscope(key="sk-secret-1234") as caller:
        changed = await caller.http.post("/_sim/dashscope/behaviour", json={"faults": {"sk-two": "arrearage"}})
        wrong = await caller.http.post("/_sim/dashscope/behaviour", json={"mood": "bad"})
        await caller.chat()
        refused = await caller.chat(key="sk-two")
        record = await caller.http.get("/_sim/dashscope/record")
        await caller.http.post("/_sim/reset")
        after = (await caller.http.get("/_sim/dashscope/record")).json()
        still = await caller.chat(key="sk-two")

    assert changed.json()["faults"] == {"sk-two": "arrearage"}
    assert wrong.json()["error"].startswith("unknown behaviour 'mood'")
    assert (fault_of(refused)[1], fault_of(still)[1]) == ("Arrearage", "Arrearage")
    assert record.json()["completions"] == {"***1234": 1}
    assert "sk-secret" not in record.text
    assert after == {"completions": {}, "pictures": {}, "tasks": [], "uploads": [], "files": []}


@pytest.mark.asyncio
async def test_reading_what_is_only_written_is_a_wrong_method() -> None:
    async with dashscope() as caller:
        compat = await caller.http.get(CHAT)
        native = await caller.http.get(TEXT)

    words = "Request method 'GET' is not supported."
    assert fault_of(compat) == (400, "invalid_parameter_error", words)
    assert fault_of(native) == (400, "InvalidParameter", words)


@pytest.mark.asyncio
async def test_a_call_that_fails_tells_no_tool() -> None:
    async with dashscope() as caller:
        reply = await caller.chat("[[sim:midstream_error]] hi", tools=[WEATHER], stream=True)

    assert b"tool_calls" not in reply.content
