import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
import uvloop
from simulator_caller import answer_of, calling, data_lines, numbered, outline

from qwen_grpc.simulator import Behaviour
from qwen_grpc.simulator.faults import REFUSALS
from qwen_grpc.simulator.images_script import IMAGE_SCENARIOS
from qwen_grpc.simulator.tools_script import ALL_SCENARIOS
from qwen_grpc.simulator.words_script import WORDS_SCENARIOS

NOW = 1790356323


PLAIN_BODY = (
    b'data: {"response.created":{"chat_id": "id-1", "parent_id": "id-2", "response_id":"id-3", '
    b'"response_index": "0"}} \n\n'
    b'data: {"choices": [{"delta": {"role": "assistant", "content": "You said: hello ", "phase": "answer", '
    b'"status": "typing"}}], "response_id": "id-3", "usage": {"input_tokens": 807, "output_tokens": 4, '
    b'"characters": 0, "total_tokens": 811, "input_tokens_details": {"text_tokens": 807}, '
    b'"output_tokens_details": {"text_tokens": 4}, "prompt_tokens_details": {"cached_tokens": 0}}, '
    b'"timestamp": 1790356323}\n\n'
    b'data: {"choices": [{"delta": {"role": "assistant", "content": "\xc3\xa9\xe2\x9c\x93 to all of ", '
    b'"phase": "answer", "status": "typing"}}], "response_id": "id-3", "usage": {"input_tokens": 807, '
    b'"output_tokens": 8, "characters": 0, "total_tokens": 815, "input_tokens_details": {"text_tokens": 807}, '
    b'"output_tokens_details": {"text_tokens": 8}, "prompt_tokens_details": {"cached_tokens": 0}}, '
    b'"timestamp": 1790356323}\n\n'
    b'data: {"choices": [{"delta": {"role": "assistant", "content": "\\"you\\" here", "phase": "answer", '
    b'"status": "typing"}}], "response_id": "id-3", "usage": {"input_tokens": 807, "output_tokens": 11, '
    b'"characters": 0, "total_tokens": 818, "input_tokens_details": {"text_tokens": 807}, '
    b'"output_tokens_details": {"text_tokens": 11}, "prompt_tokens_details": {"cached_tokens": 0}}, '
    b'"timestamp": 1790356323}\n\n'
) + 2 * (
    b'data: {"choices": [{"delta": {"role": "assistant", "content": "", "phase": "answer", '
    b'"status": "typing"}}], "response_id": "id-3", "usage": {"input_tokens": 807, "output_tokens": 11, '
    b'"characters": 0, "total_tokens": 818, "input_tokens_details": {"text_tokens": 807}, '
    b'"output_tokens_details": {"text_tokens": 11}, "prompt_tokens_details": {"cached_tokens": 0}}, '
    b'"timestamp": 1790356323}\n\n'
)
LAST_EVENT = (
    b'data: {"choices": [{"delta": {"content": "", "role": "assistant", "status": "finished", "phase": "answer"}}], '
    b'"response_id": "id-3"}\n\n'
)


@pytest.mark.asyncio
async def test_the_plain_stream_is_the_captured_one_byte_for_byte() -> None:
    async with calling(new_id=numbered(), now=lambda: NOW) as caller:
        reply = await caller.ask('hello é✓ to all of "you" here')

    assert reply.content == PLAIN_BODY + LAST_EVENT
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["x-actual-status-code"] == "200"


THOUGHT = "thinking_summary:typing:"
THOUGHTS = [THOUGHT, THOUGHT, "thinking_summary:finished:"]
RAW_THOUGHTS = [
    "think:typing:The person wants ",
    "think:typing:to hear the words ",
    "think:typing:again.\n",
    "think:typing:An echo is ",
    "think:typing:enough.\n",
    "think:finished:",
]
ECHO = "answer:typing:You said: hi"
END = ["answer:typing:", "answer:typing:", "answer:finished:"]
SEARCH = ["web_search:typing:", "web_search:typing:", "web_search:finished:"]
CITING = [ECHO, "answer:typing: [[1", "answer:typing:]].", *END]
PARTS = ["answer:typing:Part 1. ", "answer:typing:Part 2. "]

STREAMS = {
    "plain": [ECHO, *END],
    "summary": [*THOUGHTS, ECHO, *END],
    "auto_think": [*THOUGHTS, ECHO, *END],
    "think": [*RAW_THOUGHTS, ECHO, *END],
    "think_detail": [*RAW_THOUGHTS, ECHO, *END],
    "think_empty": [THOUGHT, "thinking_summary:finished:", ECHO, *END],
    "skip_think": ['{"response.info": {"action": "skip_think"}}', ECHO, *END],
    "search": [*SEARCH, *CITING],
    "search_no_sources": [*SEARCH, *CITING],
    "summary_search": [*THOUGHTS, *SEARCH, *CITING],
    "think_search": [*RAW_THOUGHTS, *SEARCH, *CITING],
    "code": ["code_interpreter:running:", "code_interpreter:finished:", ECHO, *END],
    "deep_research_clarify": [
        "answer:typing:Which period should ",
        "answer:typing:the report cover, and ",
        "answer:typing:for which readers?",
        *END,
    ],
    "deep_research": [
        "ResearchPlanning:typing:",
        "WebResearch:typing:",
        "ReportGeneration:typing:# Report\n\nhi",
        "ReportGeneration:typing:: echoes come back [[1]].",
        "ReportGeneration:finished:",
        "answer:finished:",
    ],
    "slow": [*(f"answer:typing:{letter}" for letter in "You said: hi"), *END],
    "long:2": ["answer:typing:word 0 ", "answer:typing:word 1 ", *END],
    "snapshots": [ECHO, "answer:finished:"],
    "unknown_phase": ["mood_lighting:typing:This is not for the reader.", ECHO, *END],
    "done_marker": [ECHO, *END, repr(b"[DONE]")],
    "empty_stream": [],
    "empty_answer": END,
    "split_chunks": [ECHO + " ", "answer:typing:你好 😀", "answer:finished:"],
    "error_string": ['{"error":"Internal error!"}'],
    "error_object": [
        '{"error":{"code":"invalid_input","details":"输入或附件无效。请检查后重试。"},"response_index":0}'
    ],
    "midstream_error": [*PARTS, '{"error":"Internal error!"}'],
    "delta_error": [*PARTS, "answer:error:"],
    "eof": PARTS,
    "garbage": [PARTS[0], repr(b'{"choices": [{"delta": {"role": "assist'), ECHO, *END],
}


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", STREAMS)
async def test_a_stream_scenario_says_what_it_promises(scenario: str) -> None:
    async with calling(Behaviour(slow_s=0.001)) as caller:
        reply = await caller.ask(f"hi [[sim:{scenario}]]")

    assert outline(reply.content) == ["created", *STREAMS[scenario]]


UNAUTHORIZED = {"code": "Unauthorized", "details": "您没有权限访问此资源"}
RATE_LIMITED = {
    "code": "RateLimited",
    "details": "You've reached the upper limit for today's usage.",
    "template": "You have reached the daily usage limit. Please wait {{num}} hours before trying again.",
    "num": 10,
}
PROGRESS = {"code": "CHAT_IN_PROGRESS", "details": "The chat is in progress!"}
INTERNAL = {"code": "internal_error", "details": "Internal Error"}
# What is sent, what is meant, and the `data` of the envelope.
ENVELOPES = {
    "rate_limited": (200, "429", RATE_LIMITED),
    "in_progress": (200, "400", PROGRESS),
    "unauthorized": (200, "401", UNAUTHORIZED),
    "parent_missing": (
        200, "400", {"code": "Bad_Request", "details": "Invalid input chat parent_id None is not exist."},
    ),
    "context_too_long": (
        200, "400", {"code": "ContextLengthExceeded", "details": "The input token limit is exceeded."},
    ),
    "content_filter": (
        200, "400",
        {"code": "data_inspection_failed", "details": "Input text data may contain inappropriate content."},
    ),
    "stall": (200, "400", INTERNAL),
    "http_500": (500, "500", INTERNAL),
    "http_429": (429, "429", {"code": "Too_Many_Requests", "details": "Too many requests."}),
}  # fmt: skip


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ENVELOPES)
async def test_a_refusal_scenario_answers_with_its_envelope(scenario: str) -> None:
    async with calling(Behaviour(stall_s=0.01)) as caller:
        caller.http.headers.update({"x-sim-scenario": scenario, "x-request-id": "req-7"})
        reply = await caller.ask("hi")

    status, actual, data = ENVELOPES[scenario]
    assert (reply.status_code, reply.headers["x-actual-status-code"]) == (status, actual)
    assert reply.headers["x-request-id"] == "req-7"
    envelope = {"success": False, "request_id": "req-7", "data": data}
    assert reply.content == json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode()


def is_json_challenge(reply: httpx.Response) -> bool:
    return reply.status_code == 200 and reply.json()["ret"][0] == "FAIL_SYS_USER_VALIDATE"


def is_html_challenge(reply: httpx.Response) -> bool:
    is_page = reply.headers["content-type"] == "text/html; charset=utf-8" and len(reply.content) > 16_000
    return reply.status_code == 200 and is_page and b'name="aliyun_waf_aa"' in reply.content


ODD = {
    "json_challenge": is_json_challenge,
    "html_challenge": is_html_challenge,
    "http_429": lambda reply: reply.headers["retry-after"] == "7",
    "http_502_html": lambda reply: reply.status_code == 502 and b"<title>502 Bad Gateway</title>" in reply.content,
    "redirect": lambda reply: (
        (reply.status_code, reply.headers["location"]) == (302, "https://elsewhere.example/login")
    ),
    "empty_body": lambda reply: (reply.status_code, reply.content) == (200, b""),
    "huge_line": lambda reply: max(map(len, data_lines(reply.content))) > 2 * 1024 * 1024,
    "bad_utf8": lambda reply: b'"content": "\xff\xfe"' in reply.content and reply.content.count(b"finished") == 1,
    "surrogates": lambda reply: (
        b'"Look: \\ud83d"' in data_lines(reply.content)[1] and b'"\\ude00 "' in data_lines(reply.content)[2]
    ),
    "search_e1": lambda reply: (
        b'data: {"response.info":{"web_search_info":[{"title":"How echoes work","url":"https://example.org/echo"}]}}'
        in reply.content
        and b'{"phase":"answer","content":"You said: hi [[1]]."}' in reply.content
    ),
    "refusal_event": lambda reply: json.loads(data_lines(reply.content)[1]) == {"success": False, "data": RATE_LIMITED},
}


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ODD)
async def test_an_odd_scenario_looks_as_it_should(scenario: str) -> None:
    async with calling() as caller:
        reply = await caller.ask(f"hi [[sim:{scenario}]]")

    assert ODD[scenario](reply)


HANGING = {"silent": 2, "headers_only": 0}


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", HANGING)
async def test_a_hanging_scenario_says_a_little_and_then_nothing(scenario: str) -> None:
    async with calling() as caller:
        reply = await caller.http.send(caller.asking(await caller.new_chat(), f"[[sim:{scenario}]]"), stream=True)
        seen = bytearray()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                async for piece in reply.aiter_raw():
                    seen += piece
                raise AssertionError("the stream ended")
        await reply.aclose()

    assert reply.status_code == 200
    assert len(data_lines(bytes(seen))) == HANGING[scenario]


def truncated() -> Any:
    async def run() -> tuple[str, str]:
        async with calling() as caller:
            with pytest.raises(httpx.ReadError):
                await caller.ask("[[sim:truncate]]")
            return caller.simulator.streams[0].outcome, caller.simulator.streams[0].scenario

    return run()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_truncated_stream_ends_in_a_connection_reset(run: Callable[[Any], tuple[str, str]]) -> None:
    assert run(truncated()) == ("reset", "truncate")


def test_every_scenario_has_a_test() -> None:
    named = {name.partition(":")[0] for name in (*STREAMS, *ENVELOPES, *ODD, *HANGING, "truncate")}

    assert named | set(IMAGE_SCENARIOS) | set(WORDS_SCENARIOS) == set(ALL_SCENARIOS) | set(REFUSALS)


@pytest.mark.asyncio
async def test_an_unknown_scenario_is_refused_with_the_list_of_known_ones() -> None:
    async with calling() as caller:
        reply = await caller.ask("hi [[sim:dance]]")

    known = ", ".join(sorted([*ALL_SCENARIOS, *REFUSALS]))
    assert reply.json()["data"]["details"] == f"unknown scenario 'dance': expected one of {known}"


@pytest.mark.asyncio
async def test_split_chunks_arrive_byte_by_byte_and_cut_characters_in_two() -> None:
    async with calling() as caller:
        request = caller.asking(await caller.new_chat(), "[[sim:split_chunks]]")
        host, port = request.url.host, request.url.port
        reader, writer = await asyncio.open_connection(host, port)
        lines = [f"{request.method} {request.url.raw_path.decode()} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        writer.write("\r\n".join([*lines, "connection: close", "", ""]).encode() + request.content)
        raw = await reader.read()
        writer.close()
        await writer.wait_closed()

    # Each byte is an HTTP chunk of its own: the two bytes of one character are not neighbours.
    assert "\r\n1\r\n".join("你".encode().decode("latin-1")).encode("latin-1") in raw


FEATURES = {
    "thinking, summarised": ("t2t", {"thinking_enabled": True, "thinking_format": "summary"}, "summary"),
    "thinking, raw": ("t2t", {"thinking_enabled": True, "thinking_format": "detail"}, "think"),
    "thinking in full": ("t2t", {"thinking_enabled": True, "thinking_format": "full"}, "think"),
    "search": ("search", {}, "search"),
    "thinking and search": ("search", {"thinking_enabled": True}, "summary_search"),
    "research, first turn": ("deep_research", {}, "deep_research_clarify"),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("asked", FEATURES)
async def test_without_a_tag_the_request_decides(asked: str) -> None:
    chat_type, features, scenario = FEATURES[asked]
    async with calling() as caller:
        reply = await caller.ask("hi", chat_type=chat_type, feature_config=features)
        research = await caller.ask("hi", chat_type="deep_research", sub_chat_type="deep_research")

    assert outline(reply.content) == ["created", *STREAMS[scenario]]
    assert outline(research.content) == ["created", *STREAMS["deep_research"]]


@pytest.mark.asyncio
async def test_the_last_tag_wins_the_header_beats_it_and_no_tag_is_echoed() -> None:
    async with calling() as caller:
        tagged = await caller.ask("old [[sim:slow]] words [[sim:long:1]]")
        caller.http.headers["x-sim-scenario"] = "plain"
        by_header = await caller.ask("old [[sim:slow]] words [[sim:long:1]]")

    assert answer_of(tagged.content) == "word 0 "
    assert answer_of(by_header.content) == "You said: old words"


@pytest.mark.asyncio
async def test_a_prompt_in_parts_is_echoed_without_its_images() -> None:
    async with calling() as caller:
        reply = await caller.ask([{"type": "text", "text": "look"}, {"type": "image", "image": "x"}])

    assert answer_of(reply.content) == "You said: look"
