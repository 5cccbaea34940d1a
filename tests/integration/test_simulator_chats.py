import asyncio
import time
from typing import Any

import httpx
import pytest
from simulator_caller import MODEL, answer_of, calling, numbered, outline, until, verdict

from qwen_grpc.simulator import Behaviour, make_token

NOW = 1_790_356_225
GONE = "Not_Found: This conversation has been deleted or does not exist."


@pytest.mark.asyncio
async def test_nothing_is_pinned_or_archived() -> None:
    async with calling() as caller:
        await caller.new_chat()
        lists = [await caller.get(f"/api/v2/chats/{name}") for name in ("pinned", "archived")]
        caller.http.headers["authorization"] = ""
        nobody = [await caller.http.get(f"/api/v2/chats/{name}") for name in ("pinned", "archived")]

    assert lists == [[], []]
    assert [reply.json()["data"]["code"] for reply in nobody] == ["Unauthorized"] * 2


@pytest.mark.asyncio
async def test_a_row_of_the_list_is_that_of_the_site() -> None:
    async with calling(new_id=numbered(), now=lambda: NOW) as caller:
        chat_id = await caller.new_chat()
        await caller.http.send(caller.asking(chat_id, "hello"))
        reply = await caller.http.get("/api/v2/chats/?page=1&exclude_project=true", headers={"x-request-id": "r-1"})

    assert reply.content == (
        b'{"success":true,"request_id":"r-1","data":[{"id":"id-1","title":"You said: hello","updated_at":1790356225,'
        b'"created_at":1790356225,"chat_type":"t2t","project_id":null,"pinned":false,"content":null,'
        b'"highlight_indexes":null,"message_id":null}]}'
    )


QUESTION = {
    "id": "id-2",
    "role": "user",
    "content": "hello",
    "parentId": None,
    "childrenIds": ["id-3"],
    "chat_type": "t2t",
    "sub_chat_type": "t2t",
    "timestamp": NOW,
    "models": [MODEL],
    "files": [],
    "feature_config": {"thinking_enabled": True, "thinking_mode": "Thinking"},
    "extra": {"meta": {"subChatType": "t2t"}},
}
TITLES = ["Reading the question", "Preparing the answer"]
THOUGHTS = ["The person wants to hear the words again.", "An echo is enough."]
SUMMARY = {"summary_title": {"content": TITLES}, "summary_thought": {"content": THOUGHTS}}
PART = {"status": "finished", "timestamp": NOW}
ANSWER = {
    "id": "id-3",
    "role": "assistant",
    "content": "",
    "parentId": "id-2",
    "childrenIds": [],
    "chat_type": "t2t",
    "sub_chat_type": "t2t",
    "timestamp": NOW,
    "model": MODEL,
    "modelName": "Qwen3.7-Plus",
    "modelIdx": 0,
    "reasoning_content": "",
    "done": True,
    "is_stop": False,
    "edited": False,
    "error": None,
    "info": None,
    "annotation": None,
    "feedbackId": None,
    "turn_id": None,
    "extra": {},
    "content_list": [
        {**PART, "content": "", "phase": "thinking_summary", "extra": SUMMARY},
        {**PART, "content": "You said: hello", "phase": "answer", "extra": {}},
    ],
}


def detail_of(answer: dict[str, Any]) -> dict[str, Any]:
    """A chat of one turn, as the site describes it."""
    leaf = {"currentId": "id-3", "currentResponseIds": ["id-3"]}
    return {
        "id": "id-1",
        "user_id": "user-1",
        "title": "You said: hello",
        "chat_type": "t2t",
        "pinned": False,
        "archived": False,
        "project_id": None,
        "folder_id": None,
        "share_id": None,
        **leaf,
        "models": [MODEL],
        "created_at": NOW,
        "updated_at": NOW,
        "meta": {"timestamp": NOW * 1000, "tags": []},
        "chat": {
            "models": [MODEL],
            "history": {**leaf, "messages": {"id-2": QUESTION, "id-3": answer}},
            "messages": [QUESTION, answer],
        },
    }


@pytest.mark.asyncio
async def test_a_chat_is_described_with_its_parts_and_in_the_older_form_with_two_texts() -> None:
    features = {"thinking_enabled": True, "thinking_mode": "Thinking"}
    async with calling(new_id=numbered(), now=lambda: NOW) as caller:
        chat_id = await caller.new_chat()
        await caller.http.send(caller.asking(chat_id, "hello", feature_config=features))
        new = await caller.get(f"/api/v2/chats/{chat_id}")
        caller.simulator.behaviour.old_content = True
        old = await caller.get(f"/api/v2/chats/{chat_id}")

    older = {name: value for name, value in ANSWER.items() if name != "content_list"}
    older |= {"content": "You said: hello", "reasoning_content": "\n".join(THOUGHTS)}
    assert new == detail_of(ANSWER)
    assert old == {**detail_of(older), "created_at": str(NOW), "updated_at": str(NOW)}


@pytest.mark.asyncio
async def test_raw_thinking_is_apart_from_the_answer_in_the_older_form_too() -> None:
    async with calling(Behaviour(old_content=True)) as caller:
        chat_id = await caller.new_chat()
        await caller.http.send(caller.asking(chat_id, "hello [[sim:think]]"))
        answer = (await caller.get(f"/api/v2/chats/{chat_id}"))["chat"]["messages"][-1]

    assert (answer["content"], answer["reasoning_content"]) == ("You said: hello", "\n".join([*THOUGHTS, ""]))


@pytest.mark.asyncio
async def test_a_chat_is_gone_after_its_deletion_and_was_never_there_for_others() -> None:
    async with calling() as caller:
        kept, deleted = await caller.new_chat(), await caller.new_chat()
        first = await caller.http.delete(f"/api/v2/chats/{deleted}")
        again = await caller.http.delete(f"/api/v2/chats/{deleted}")
        read = await caller.http.get(f"/api/v2/chats/{deleted}")
        own = caller.http.headers["authorization"]
        caller.http.headers["authorization"] = f"Bearer {make_token('user-2')}"
        foreign = [await caller.http.request(method, f"/api/v2/chats/{kept}") for method in ("GET", "DELETE")]
        everything = await caller.http.delete("/api/v2/chats/")
        left = list(caller.simulator.chats)
        caller.http.headers["authorization"] = own
        mine = await caller.http.delete("/api/v2/chats/")

    assert [reply.json()["data"] for reply in (first, everything, mine)] == [{"status": True}] * 3
    assert [verdict(reply) for reply in (again, read, *foreign)] == [GONE] * 4
    assert {(reply.status_code, reply.headers["x-actual-status-code"]) for reply in (again, read)} == {(200, "404")}
    assert (left, list(caller.simulator.chats)) == ([kept], [])


@pytest.mark.asyncio
async def test_a_deep_research_asks_first_and_reports_in_the_second_turn() -> None:
    kinds = {"chat_type": "deep_research", "sub_chat_type": "deep_thinking"}
    async with calling(Behaviour(quota={"deep_research_deep_research": 1}), new_id=numbered()) as caller:
        chat_id = await caller.new_chat()
        asked = await caller.http.send(caller.asking(chat_id, "echoes", **kinds))
        kinds["sub_chat_type"] = "deep_research"
        run = await caller.http.send(caller.asking(chat_id, "the last ten years", "id-3", **kinds))
        more = await caller.http.send(caller.asking(chat_id, "and before", "id-5", **kinds))
        [_, question, _, report] = (await caller.get(f"/api/v2/chats/{chat_id}"))["chat"]["messages"]

    assert answer_of(asked.content) == "Which period should the report cover, and for which readers?"
    assert outline(run.content) == [
        "created",
        "ResearchPlanning:typing:",
        "WebResearch:typing:",
        "ReportGeneration:typing:# Report\n\nthe last ten years",
        "ReportGeneration:typing:: echoes come back [[1]].",
        "ReportGeneration:finished:",
        "answer:finished:",
    ]
    assert verdict(more) == "RateLimited: You've reached the upper limit for today's usage."
    assert question["content_list"][0]["content"] == answer_of(asked.content)
    assert [part["phase"] for part in report["content_list"]] == [
        "ResearchPlanning",
        "WebResearch",
        "ReportGeneration",
        "answer",
    ]


@pytest.mark.asyncio
async def test_a_deep_research_can_be_silent_for_a_while_and_be_stopped_in_it() -> None:
    kinds = {"chat_type": "deep_research", "sub_chat_type": "deep_research"}
    async with calling(Behaviour(research_silence_s=0.2)) as caller:
        began = time.monotonic()
        patient = await caller.ask("echoes", **kinds)
        took = time.monotonic() - began
        caller.simulator.behaviour.research_silence_s = 60
        chat_id = await caller.new_chat()
        stopped = asyncio.create_task(caller.http.send(caller.asking(chat_id, "echoes", **kinds)))
        await until(lambda: len(caller.simulator.streams) == 2 and caller.simulator.streams[1].events_sent == 2)
        await caller.stop(chat_id, "")
        cut = await stopped

    assert took >= 0.2
    assert outline(patient.content)[-1] == "answer:finished:"
    assert outline(cut.content) == ["created", "ResearchPlanning:typing:", "answer:finished:"]


@pytest.mark.asyncio
async def test_the_quota_of_asked_features_is_shown_and_a_strange_question_refused() -> None:
    async with calling(Behaviour(quota={"t2i": 3})) as caller:
        paths = ["/api/v2/users/user/entitlement_quota"] * 3
        bodies: list[dict[str, Any]] = [{"features": ["model", "t2i", "code", MODEL]}, {}, {"features": "t2i"}]
        replies = [await caller.http.post(path, json=body) for path, body in zip(paths, bodies, strict=True)]

    some, usual = [reply.json()["data"] for reply in replies[:2]]
    assert (set(some), some["t2i"]) == (
        {"user_tier", "model", "t2i", "code"},
        {"times_left": 3, "time_unit": "day", "time_amount": 1},
    )
    assert set(usual) == {
        "user_tier", "model", "thinking", "search", "t2i", "t2v", "image_edit", "deep_research_deep_research",
    }  # fmt: skip
    assert verdict(replies[2]) == "RequestValidationError: Expected `array`, got `str` - at `$.features`"


@pytest.mark.asyncio
async def test_the_limits_of_files_are_told_to_anybody() -> None:
    async with calling() as caller, httpx.AsyncClient(base_url=caller.simulator.url) as nobody:
        reply = await nobody.get("/api/v2/configs/")

    limits = reply.json()["data"]["file_limits"]
    assert {kind: limit["size_mb"] for kind, limit in limits.items()} == {
        "file": 20,
        "image": 20,
        "video": 500,
        "audio": 100,
    }
