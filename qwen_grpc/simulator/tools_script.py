"""What the fake says when it uses tools: web search, the code interpreter and deep research."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from qwen_grpc.simulator.events import Event, raw
from qwen_grpc.simulator.images_script import IMAGE_SCENARIOS
from qwen_grpc.simulator.script import (
    SCENARIOS,
    Pause,
    Scenario,
    Step,
    Turn,
    echoing,
    ending,
    saying,
    thinking_raw,
    thinking_summary,
)
from qwen_grpc.simulator.words_script import WORDS_SCENARIOS

SOURCES: tuple[dict[str, str], ...] = (
    {
        "url": "https://example.org/echo",
        "title": "How echoes work",
        "snippet": "Sound comes back from a wall.",
        "hostname": "example.org",
        "hostlogo": "https://example.org/favicon.ico",
        "date": "2026-09-24",
    },
    {
        "url": "https://example.com/repeat",
        "title": "On repeating",
        "snippet": "Saying a thing twice.",
        "hostname": "example.com",
        "hostlogo": "https://example.com/favicon.ico",
        "date": "2026-09-20",
    },
)
CLARIFYING_QUESTION = "Which period should the report cover, and for which readers?"


def _call(turn: Turn, name: str, arguments: object) -> dict[str, Any]:
    """A delta in which the model writes the call of a tool."""
    return {
        "role": "assistant",
        "content": "",
        "phase": name,
        "status": "typing",
        "function_call": {"name": name, "arguments": arguments},
        "function_id": turn.voice.call_id,
    }


def _result(turn: Turn, name: str, extra: dict[str, Any]) -> dict[str, Any]:
    """A delta in which a tool answers."""
    return {
        "role": "function",
        "content": "",
        "name": name,
        "phase": name,
        "status": "finished",
        "function_id": turn.voice.call_id,
        "extra": extra,
    }


def searching(turn: Turn, *, told: bool = True) -> Iterator[Step]:
    """A web search whose arguments grow; without `told` its sources reach the stored message only."""
    place = {"extra": {"display_position": "think"}}
    arguments = json.dumps({"queries": [turn.prompt[:60]]}, ensure_ascii=False)
    yield turn.voice.tell({**_call(turn, "web_search", arguments[: len(arguments) // 2]), **place})
    yield turn.voice.tell({**_call(turn, "web_search", arguments), **place})
    docs = [{"url": source["url"], "title": source["title"]} for source in SOURCES]
    # `used_id` is the next free reference number.
    found = {"web_search_info": list(SOURCES), "tool_result": {"docs": docs, "used_id": len(docs) + 1}}
    yield turn.voice.tell(_result(turn, "web_search", found if told else {}), stored=found)


def citing(turn: Turn) -> Iterator[Step]:
    """The echo with a citation that straddles two events, then the end."""
    yield from saying(turn, turn.echo)
    yield turn.voice.say(" [[1")
    yield turn.voice.say("]].")
    yield from ending(turn)


def search(turn: Turn) -> Iterator[Step]:
    """A search with sources, then an answer that cites one."""
    yield turn.voice.created()
    yield from searching(turn)
    yield from citing(turn)


def summary_search(turn: Turn) -> Iterator[Step]:
    """Summarised thinking, a search, then an answer that cites a source."""
    yield turn.voice.created()
    yield from thinking_summary(turn)
    yield from searching(turn)
    yield from citing(turn)


def think_search(turn: Turn) -> Iterator[Step]:
    """Raw thinking, a search, then an answer that cites a source."""
    yield turn.voice.created()
    yield from thinking_raw(turn)
    yield from searching(turn)
    yield from citing(turn)


def search_no_sources(turn: Turn) -> Iterator[Step]:
    """A search whose sources only the stored message names."""
    yield turn.voice.created()
    yield from searching(turn, told=False)
    yield from citing(turn)


def search_e1(turn: Turn) -> Iterator[Step]:
    """A search as the service told it in an earlier era: compact, without ids, with a `response.info` event."""
    yield raw('{"choices":[{"delta":{"name":"web_search","extra":{"web_search_info":[{"title":"How echoes work"}]}}}]}')
    yield raw('{"response.info":{"web_search_info":[{"title":"How echoes work","url":"https://example.org/echo"}]}}')
    answer = f"{turn.echo} [[1]]."
    said = json.dumps(answer, ensure_ascii=False)
    yield Event(
        f'data: {{"choices":[{{"delta":{{"phase":"answer","content":{said}}}}}]}}\n\n'.encode(), "answer", answer
    )
    yield raw('{"choices":[{"delta":{"phase":"answer","content":"","status":"finished"}}]}')


def code(turn: Turn) -> Iterator[Step]:
    """The code interpreter runs a line, then the echo."""
    yield turn.voice.created()
    call = _call(turn, "code_interpreter", {"code": "print(18)"})
    yield turn.voice.tell({**call, "status": "running"})
    yield turn.voice.tell(_result(turn, "code_interpreter", {"tool_result": "18\n"}))
    yield from echoing(turn)


def deep_research_clarify(turn: Turn) -> Iterator[Step]:
    """The first turn of a deep research: the service asks what exactly is wanted."""
    yield turn.voice.created()
    yield from saying(turn, CLARIFYING_QUESTION)
    yield from ending(turn)


def deep_research(turn: Turn) -> Iterator[Step]:
    """The second turn: a plan, silence if wanted, a search, a report with references."""
    yield turn.voice.created()
    plan = {"deep_research_info": {"deep_research_id": "dr_1"}}
    yield turn.voice.bare(_research("ResearchPlanning", "typing", plan))
    yield Pause(turn.silence_s)
    yield turn.voice.bare(_research("WebResearch", "typing", {"deep_research": [_step(turn)]}))
    for piece in (f"# Report\n\n{turn.prompt}", ": echoes come back [[1]]."):
        delta = {**_research("ReportGeneration", "typing", None), "content": piece}
        yield turn.voice.bare(delta, text=piece)
    yield turn.voice.bare(_research("ReportGeneration", "finished", {"deep_research": {"references": _references()}}))
    yield turn.voice.last()


def _research(phase: str, status: str, extra: dict[str, Any] | None) -> dict[str, Any]:
    delta = {"role": "assistant", "content": "", "phase": phase, "status": status}
    return delta if extra is None else {**delta, "extra": extra}


def _step(turn: Turn) -> dict[str, Any]:
    sites = [{key: source[key] for key in ("title", "url", "snippet")} for source in SOURCES]
    return {
        "index": 1,
        "query": turn.prompt[:60],
        "researchGoal": "Find out how echoes work.",
        "stage": "search",
        "status": "WebSearchFinished",
        "webSites": sites,
    }


def _references() -> list[dict[str, Any]]:
    return [
        {"index_number": number, "title": source["title"], "url": source["url"], "description": source["snippet"]}
        for number, source in enumerate(SOURCES, 1)
    ]


ALL_SCENARIOS: dict[str, Scenario] = {
    **SCENARIOS,
    **IMAGE_SCENARIOS,
    "search": search,
    "search_no_sources": search_no_sources,
    "search_e1": search_e1,
    "code": code,
    "deep_research_clarify": deep_research_clarify,
    "deep_research": deep_research,
    "summary_search": summary_search,
    "think_search": think_search,
    **WORDS_SCENARIOS,
}
