"""What the simulated site says when a prompt offers functions, or asks for JSON, in words."""

import pytest
from simulator_caller import answer_of, calling

from qwen_grpc.simulator.words_script import WORDS_SCENARIOS

OFFER = (
    '<tools>\n{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": '
    '{"city": {"type": "string"}}, "required": ["city"]}}}\n</tools>\n\nUser:\nHow is it?'
)
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "'
# How each answer begins.
BEGINNINGS = {
    **dict.fromkeys(("tool_call", "think_tool_call", "summary_tool_call"), CALL),
    **dict.fromkeys(("tool_answer", "think_tool_answer", "summary_tool_answer"), "It says: "),
    "tool_text": "Let me look.\n\n" + CALL,
    "tool_shown": "Calls look like this:\n```\n" + CALL,
    "tool_broken": CALL.replace('"', "'"),
    "tool_cut": CALL[:20],
    **dict.fromkeys(("json_plain", "think_json_plain", "summary_json_plain"), "{"),
    "json_fenced": "```json\n{",
    "json_wrapped": "Here it is:\n```json\n{",
    "json_wrong": "[",
}


def test_every_scenario_of_words_has_a_beginning() -> None:
    assert set(BEGINNINGS) == set(WORDS_SCENARIOS)


@pytest.mark.asyncio
@pytest.mark.parametrize("name", WORDS_SCENARIOS)
async def test_an_answer_in_words_begins_as_its_scenario_says(name: str) -> None:
    async with calling() as caller:
        reply = await caller.ask(f"[[sim:{name}]]{OFFER}")

    said = answer_of(reply.content)
    assert said.startswith(BEGINNINGS[name]), said
    assert (b'"status": "finished", "phase": "answer"' in reply.content) == (name != "tool_cut")
