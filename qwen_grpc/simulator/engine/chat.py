"""Chat with an engine: how a request is checked and answered."""

from __future__ import annotations

from collections.abc import Mapping

from qwen_grpc.simulator.engine.asked import Asked
from qwen_grpc.simulator.engine.call import ODD, Call, cue, routes
from qwen_grpc.simulator.engine.checks import check
from qwen_grpc.simulator.engine.dialects import Word
from qwen_grpc.simulator.engine.faults import FAULTS, Fault, Refused
from qwen_grpc.simulator.engine.llamacpp import LlamacppVoice
from qwen_grpc.simulator.engine.ollama import OllamaVoice
from qwen_grpc.simulator.engine.player import Playing
from qwen_grpc.simulator.engine.script import SCENARIOS, Turn, natural, performed
from qwen_grpc.simulator.engine.sglang import SglangVoice
from qwen_grpc.simulator.engine.vllm import VllmVoice
from qwen_grpc.simulator.engine.voice import Voice
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route

COMPLETIONS = "/v1/chat/completions"
CALL_ID = 23
# Scenarios that say nothing of the answer itself: it was only slow to begin.
LATE = ("", "slow_first")
VOICES: Mapping[Word, type[Voice]] = {
    "vllm": VllmVoice,
    "sglang": SglangVoice,
    "ollama": OllamaVoice,
    "llamacpp": LlamacppVoice,
    "generic": Voice,
}


async def complete(call: Call) -> Answer | None:
    """A chat completion."""
    asked = _asked(call)
    chosen, prompt = await cue(call, asked.prompt)
    check(asked, call.behaviour)
    scenario = natural(asked) if chosen.scenario in LATE else chosen.scenario
    if scenario not in SCENARIOS:
        known = ", ".join(sorted([*SCENARIOS, *FAULTS, *ODD]))
        raise Refused(Fault(400, f"unknown scenario {scenario!r}: expected one of {known}"))
    behaviour = call.behaviour
    turn = Turn(asked, prompt, chosen.count, behaviour.slow_s, call.id[:CALL_ID], behaviour.tool_parser)
    return await _play(call, turn, scenario)


def _asked(call: Call) -> Asked:
    body = call.body()
    messages = body.pop("messages", None)
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise Refused(Fault(400, "messages must be a list of objects", param="messages"))
    if call.dialect.free:
        body.pop("tool_choice", None)
    model = call.model(body.get("model"), "chat")
    return Asked(messages, body, call.dialect, model, call.behaviour.reasoning_parser)


async def _play(call: Call, turn: Turn, scenario: str) -> Answer | None:
    call.engines.completions[call.dialect.word] += 1
    voice = VOICES[call.dialect.word](call.id, call.now, turn.asked, call.behaviour.cached_tokens)
    record = call.simulator.opened("", voice.told_id, scenario)
    playing = Playing(call, voice, performed(scenario, turn), record)
    return await (playing.stream() if turn.asked.stream else playing.whole())


ROUTES: tuple[Route, ...] = (*routes("POST", COMPLETIONS, complete),)
