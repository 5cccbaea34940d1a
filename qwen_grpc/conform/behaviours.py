"""The matrix: one row for each behaviour of an upstream, or of a client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from qwen_grpc.conform import judges, scripts, trials
from qwen_grpc.conform.asking import Way
from qwen_grpc.conform.scripts import Script
from qwen_grpc.conform.trials import Probe, Waits
from qwen_grpc.conform.verdicts import Judge

Seconds: TypeAlias = Callable[[Waits], float]
BOTH: tuple[Way, ...] = ("stream", "whole")
STREAM: tuple[Way, ...] = ("stream",)
WHOLE: tuple[Way, ...] = ("whole",)


def at_once(_: Waits) -> float:
    """The upstream waits for nothing."""
    return 0.0


def beyond_silence(waits: Waits) -> float:
    """Somewhat longer than a gateway may be silent."""
    return waits.silence_s + 1.0


def until_retry(waits: Waits) -> float:
    """The seconds of Retry-After."""
    return waits.retry_after_s


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A row: what happens, what is expected and why, and the functions that play, ask and judge it."""

    name: str
    happens: str
    expected: str
    why: str
    script: Script
    judge: Judge
    probe: Probe = trials.ask
    ways: tuple[Way, ...] = BOTH
    seconds: Seconds = at_once


FAILURE = "an error status, an error event, or a broken connection; no finish reason, no [DONE]"
MASKED = "a failure that looks like success is kept, shown and billed as an answer"
HALF = "half an answer must not be taken for a whole one"
PAYS = "whoever leaves would go on paying, and the engine would go on working for nobody"

GOOD: tuple[Behaviour, ...] = (
    Behaviour(
        "answer",
        "a good answer",
        "the whole text, a finish reason, no error",
        "what the other rows are measured against",
        scripts.plain,
        judges.complete,
    ),
    Behaviour(
        "usage",
        "a good answer with its usage, which a streaming client asks for",
        "the upstream's own counts",
        "bills and budgets are made from them",
        scripts.plain,
        judges.usage_told,
        trials.ask_with_usage,
    ),
    Behaviour(
        "tool-call-ids",
        "a tool call, when streamed in two steps",
        "id, name and arguments unchanged",
        "the id ties the result to the call in the next request",
        scripts.tool_call,
        judges.tool_call_kept,
        trials.ask_for_tool,
    ),
    Behaviour(
        "request-id",
        "a good answer to a request with x-request-id",
        "the same id in the answer's headers",
        "it is what finds one request in the logs of client, gateway and engine",
        scripts.plain,
        judges.request_id_kept,
    ),
    Behaviour(
        "line-separators",
        "text with U+2028, U+0085 and U+000B",
        "the text unchanged",
        "readers that split lines by Unicode's rules tear such an event apart",
        scripts.separators,
        judges.separators_kept,
    ),
    Behaviour(
        "split-utf8",
        "characters of several bytes, each byte in a write of its own",
        "the text unchanged",
        "decoding read by read destroys what lies across two reads",
        scripts.split,
        judges.characters_kept,
    ),
    Behaviour(
        "finish-without-done",
        "a finish reason and a proper end, without [DONE]",
        "the whole text, a finish reason, no error",
        "the finish reason makes an answer complete; [DONE] is a habit that not every engine has",
        scripts.no_done,
        judges.complete,
        ways=STREAM,
    ),
    Behaviour(
        "second-event",
        "a second event right after the first, and then a pause",
        f"the second event is late by {judges.SECOND_EVENT_S * 1000:.0f} ms at most",
        "buffers, and small writes that wait for an acknowledgement, hold each stream up by 40 ms and more",
        scripts.paced,
        judges.second_event_prompt,
        trials.ask_repeatedly,
        STREAM,
    ),
    Behaviour(
        "silent-start",
        "headers, then a second more of silence than is allowed, then a good answer",
        "a byte within the time allowed, such as a comment, then the whole answer",
        "proxies and clients close what is silent for long, and models think for long",
        scripts.silent_start,
        judges.alive,
        ways=STREAM,
        seconds=beyond_silence,
    ),
    Behaviour(
        "silent-middle",
        "one event, then a second more of silence than is allowed, then the rest",
        "a byte within the time allowed, such as a comment, then the whole answer",
        "the same holds between a thought and an answer",
        scripts.silent_middle,
        judges.alive,
        ways=STREAM,
        seconds=beyond_silence,
    ),
)

LEAVING: tuple[Behaviour, ...] = (
    Behaviour(
        "cancel-before-first-byte",
        "the client hangs up before the upstream has said anything",
        "the upstream's connection is closed within 1 s",
        PAYS,
        scripts.held,
        judges.upstream_left,
        trials.leave_early,
        STREAM,
    ),
    Behaviour(
        "cancel-mid-stream",
        "the client hangs up after the first words",
        "the upstream's connection is closed within 1 s",
        PAYS,
        scripts.slow,
        judges.upstream_left,
        trials.leave_midway,
        STREAM,
    ),
    Behaviour(
        "cancel-whole",
        "the client hangs up while the upstream works on a whole answer",
        "the upstream's connection is closed within 1 s",
        PAYS,
        scripts.slow,
        judges.upstream_left,
        trials.leave_early,
        WHOLE,
    ),
)

REQUESTS: tuple[Behaviour, ...] = (
    Behaviour(
        "error-body",
        "400 with OpenAI's error object",
        "status 400 with error.message, error.type and error.code",
        "clients make their exceptions of these members",
        scripts.refused,
        judges.shaped(400),
    ),
    Behaviour(
        "request-id-of-failure",
        "400 to a request with x-request-id",
        "the same id in the answer's headers",
        "it is needed most for what has failed",
        scripts.refused,
        judges.request_id_kept,
        ways=WHOLE,
    ),
    Behaviour(
        "invalid-json",
        "the client sends a body that is no JSON; the upstream would refuse it likewise",
        "status 400 with error.message, error.type and error.code",
        "clients repeat what looks like a failure of the server",
        scripts.plain,
        judges.shaped(400),
        trials.ask_in_no_json,
        WHOLE,
    ),
    Behaviour(
        "unknown-model",
        "the client names a model that nobody has; the upstream would refuse it likewise",
        "status 404 with error.message, error.type and error.code",
        "the client can mend that, and need not try again",
        scripts.unknown,
        judges.shaped(404),
        trials.ask_for_no_model,
        WHOLE,
    ),
    Behaviour(
        "no-key",
        "the client sends no key",
        "status 401 with error.message, error.type and error.code",
        "clients ask for a key then, and for nothing else",
        scripts.plain,
        judges.key_demanded,
        trials.ask_without_key,
        WHOLE,
    ),
)

MASKS: tuple[Behaviour, ...] = (
    Behaviour("html", "200 with an HTML page", FAILURE, MASKED, scripts.html, judges.failure_told),
    Behaviour("error-in-200", "200 with a JSON error", FAILURE, MASKED, scripts.error_in_200, judges.failure_told),
    Behaviour("empty", "200 with an empty body", FAILURE, MASKED, scripts.empty, judges.failure_told),
    Behaviour(
        "no-finish",
        "some words and a clean end, without a finish reason",
        FAILURE,
        HALF,
        scripts.no_finish,
        judges.nothing_invented,
    ),
    Behaviour(
        "done-without-finish",
        "some words and [DONE], without a finish reason",
        FAILURE,
        HALF,
        scripts.done_only,
        judges.failure_told,
        ways=STREAM,
    ),
    Behaviour(
        "garbage",
        "in the middle of a good answer an event that is no JSON",
        FAILURE,
        "what is left out would be missing without a word",
        scripts.garbage,
        judges.failure_told,
    ),
    Behaviour(
        "invalid-utf8",
        "in the middle of a good answer bytes that are no UTF-8",
        FAILURE,
        "what is repaired in silence is another text",
        scripts.bad_utf8,
        judges.failure_told,
    ),
    Behaviour(
        "error-event",
        "some words, an error event and a clean end",
        f"{FAILURE}; a stream delivers the words first",
        HALF,
        scripts.error_event,
        judges.words_then_failure,
    ),
)

BROKEN: tuple[Behaviour, ...] = (
    Behaviour(
        "cut",
        "some words, then the connection is closed within the body",
        f"{FAILURE}; a stream delivers the words first",
        HALF,
        scripts.cut,
        judges.words_then_failure,
    ),
    Behaviour(
        "reset",
        "some words, then the connection is reset",
        f"{FAILURE}; a stream delivers the words first",
        HALF,
        scripts.reset,
        judges.words_then_failure,
    ),
    Behaviour(
        "no-second-attempt",
        "some words, then the connection is closed; a second request would be answered well",
        "one request upstream",
        "two answers would be mixed, and both are paid for",
        scripts.broken_once,
        judges.asked_once,
        ways=STREAM,
    ),
)

REFUSALS: tuple[Behaviour, ...] = (
    Behaviour(
        "idempotency-key",
        "the client orders the same picture twice with one Idempotency-Key",
        "one order upstream, the same answer twice",
        "who tries again after a timeout would pay twice",
        scripts.picture,
        judges.ordered_once,
        trials.order_twice,
        WHOLE,
    ),
    Behaviour(
        "unavailable",
        "503, however often it is asked",
        f"a status from 500 on, after {judges.MAX_ATTEMPTS} requests upstream at most",
        "attempts that multiply keep an overloaded engine down",
        scripts.unavailable,
        judges.attempts_bounded,
    ),
    Behaviour(
        "rate-limited",
        "429 with Retry-After in seconds",
        "status 429, the Retry-After, no further request upstream before that time",
        "without the time clients guess, and come too early together",
        scripts.limited,
        judges.wait_passed_on,
        seconds=until_retry,
    ),
    Behaviour(
        "rate-limited-date",
        "429 with Retry-After as a date",
        "status 429, the Retry-After in either form, no further request upstream before that time",
        "both forms are HTTP's, and a date that is not understood is a wait of nothing",
        scripts.limited_until,
        judges.wait_passed_on,
        seconds=until_retry,
    ),
)

# What gateways may need time to get over comes last.
BEHAVIOURS: tuple[Behaviour, ...] = (*GOOD, *LEAVING, *REQUESTS, *MASKS, *BROKEN, *REFUSALS)
SCRIPTS = {row.name: row.script for row in BEHAVIOURS}
