"""Chat in both dialects: how a request is let in, checked and answered."""

from __future__ import annotations

from typing import Any

from qwen_grpc.simulator.dashscope import faults, limits, replies
from qwen_grpc.simulator.dashscope.asked import Asked
from qwen_grpc.simulator.dashscope.call import Call, answering, cue
from qwen_grpc.simulator.dashscope.checks import CHECKS
from qwen_grpc.simulator.dashscope.compat import CompatVoice
from qwen_grpc.simulator.dashscope.documents import sent_files
from qwen_grpc.simulator.dashscope.embeddings import DIMENSIONS
from qwen_grpc.simulator.dashscope.faults import FAULTS, Refused, invalid
from qwen_grpc.simulator.dashscope.image_models import image_ids
from qwen_grpc.simulator.dashscope.models import chat_model
from qwen_grpc.simulator.dashscope.native import NativeVoice
from qwen_grpc.simulator.dashscope.player import Playing
from qwen_grpc.simulator.dashscope.script import SCENARIOS, Turn, natural
from qwen_grpc.simulator.dashscope.uploads import check_url
from qwen_grpc.simulator.dashscope.video_models import video_ids
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route

COMPLETIONS = "/compatible-mode/v1/chat/completions"
TEXT = "/api/v1/services/aigc/text-generation/generation"
EVENT_STREAM = "text/event-stream"


async def complete(call: Call) -> Answer | None:
    """A completion in the dialect of OpenAI."""
    body = call.body()
    model = chat_model(call.behaviour, body.get("model"), image_ids() | video_ids() | DIMENSIONS.keys())
    asked = Asked(_messages(body.get("messages")), body, model, bool(body.get("stream")))
    return await _answer(call, asked)


async def generate_text(call: Call) -> Answer | None:
    """A text in the service's own dialect."""
    asked = native_asked(call, call.body())
    if asked.model.sees:
        raise Refused(faults.BAD_URL)
    return await answer_natively(call, asked)


def native_asked(call: Call, body: dict[str, Any]) -> Asked:
    """What a request in the service's own dialect asks for."""
    model = chat_model(call.behaviour, body.get("model"), frozenset())
    given, parameters = body.get("input"), body.get("parameters") or {}
    if not isinstance(given, dict) or not isinstance(parameters, dict):
        raise Refused(faults.BAD_BODY)
    if "prompt" in given and "messages" not in given:
        given = {"messages": [{"role": "user", "content": given["prompt"]}]}
    stream = call.enables("sse") or EVENT_STREAM in call.header("accept")
    return Asked(_messages(given.get("messages")), parameters, model, stream, native=True)


async def answer_natively(call: Call, asked: Asked) -> Answer | None:
    """Answer in the service's own dialect; in a stream even a wrong parameter is told by an event, after HTTP 200."""
    try:
        return await _answer(call, asked)
    except Refused as refused:
        if not asked.stream or refused.fault in FAULTS.values():
            raise
        told = replies.headers(call.simulator, call.id)
        frame = replies.error_frame(refused.fault, call.id, 1)
        return replies.whole(frame, told, content_type=f"{EVENT_STREAM};charset=UTF-8")


async def _answer(call: Call, asked: Asked) -> Answer | None:
    chosen, prompt = await cue(call, asked.prompt)
    limits.take(call, asked.model.id)
    for check in CHECKS:
        check(asked)
    for _, url in asked.urls():
        check_url(call, url, asked.model.id)
    if any(word in prompt for word in call.behaviour.moderated_words):
        raise Refused(faults.BAD_INPUT)
    scenario = chosen.scenario if chosen.scenario in SCENARIOS else _unplayed(chosen.scenario, asked)
    files = sent_files(call, asked.file_ids())
    turn = Turn(asked, prompt, chosen.count, call.behaviour.slow_s, f"call_{call.id.replace('-', '')[:24]}", files)
    return await _play(call, turn, scenario)


def _unplayed(scenario: str, asked: Asked) -> str:
    """What to play when the scenario says nothing of the answer itself: it was slow to begin, or a burst is over."""
    if scenario in ("", "slow_first", "burst_rate"):
        return natural(asked)
    known = ", ".join(sorted([*SCENARIOS, *FAULTS]))
    raise invalid(f"unknown scenario {scenario!r}: expected one of {known}")


async def _play(call: Call, turn: Turn, scenario: str) -> Answer | None:
    asked, simulator = turn.asked, call.simulator
    call.dashscope.completions[call.key] += 1
    voice_of = NativeVoice if asked.native else CompatVoice
    voice = voice_of(call.id, int(simulator.now()), asked)
    record = simulator.opened("", call.id, scenario)
    playing = Playing(call, voice, SCENARIOS[scenario](turn), record)
    try:
        return await (playing.stream() if asked.stream else playing.whole())
    finally:
        limits.spend(call, asked.model.id, asked.input_tokens + voice.spoken.output_tokens)


def _messages(given: object) -> list[dict[str, Any]]:
    """The messages, each an object."""
    messages = given if isinstance(given, list) else []
    if not all(isinstance(message, dict) for message in messages):
        raise Refused(faults.BAD_BODY)
    return messages


async def wrong_method(_call: Call) -> Answer | None:
    """Reading what can only be written."""
    raise invalid("Request method 'GET' is not supported.")


ROUTES: tuple[Route, ...] = (
    Route("POST", COMPLETIONS, answering(complete)),
    Route("GET", COMPLETIONS, answering(wrong_method)),
    Route("POST", TEXT, answering(generate_text)),
    Route("GET", TEXT, answering(wrong_method)),
)
