import asyncio

import pytest
from simulator_caller import answer_of, calling, numbered, until, verdict

from qwen_grpc.simulator import Behaviour, StopCall, make_token

DELETED = {"code": "Not_Found", "details": "This conversation has been deleted or does not exist."}


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["silent", "headers_only", "slow", "long:10000000", "stall"])
async def test_a_hang_up_is_recorded_within_a_second(scenario: str) -> None:
    async with calling() as caller:
        asking = asyncio.create_task(caller.ask(f"{'x' * 100_000} [[sim:{scenario}]]"))
        await until(lambda: caller.simulator.streams)
        asking.cancel()
        left = await caller.simulator.hang_ups(count=1, within=1.0)

    [record] = caller.simulator.streams
    assert (left, record.outcome, record.scenario) == (1, "client_gone", scenario.partition(":")[0])
    assert record.closed_at is not None


@pytest.mark.asyncio
async def test_an_answer_goes_on_without_its_reader_and_keeps_the_chat_busy() -> None:
    async with calling(Behaviour(slow_s=0.03)) as caller:
        chat_id = await caller.new_chat()
        async with caller.reading(chat_id, "hello [[sim:slow]]"):
            meanwhile = await caller.http.send(caller.asking(chat_id, "more"))
        busy = await caller.http.send(caller.asking(chat_id, "more"))
        await until(lambda: caller.simulator.chats[chat_id].generation is None)
        detail = await caller.get(f"/api/v2/chats/{chat_id}")

    answer = detail["chat"]["messages"][-1]
    assert [verdict(meanwhile), verdict(busy)] == ["CHAT_IN_PROGRESS: The chat is in progress!"] * 2
    assert (answer["done"], answer["is_stop"]) == (True, False)
    assert [(part["phase"], part["content"]) for part in answer["content_list"]] == [("answer", "You said: hello")]
    assert detail["title"] == "You said: hello"


@pytest.mark.asyncio
@pytest.mark.parametrize("reader", ["stays", "leaves"])
async def test_a_stop_call_ends_the_answer_where_it_is(reader: str) -> None:
    async with calling(new_id=numbered()) as caller:
        chat_id = await caller.new_chat()
        async with caller.reading(chat_id, "[[sim:silent]]"):
            stopped = await caller.stop(chat_id, "id-3") if reader == "stays" else None
        if reader == "leaves":
            await caller.simulator.hang_ups()
            stopped = await caller.stop(chat_id, "id-3")
        again = await caller.stop(chat_id, "id-3")
        answer = (await caller.get(f"/api/v2/chats/{chat_id}"))["chat"]["history"]["messages"]["id-3"]
        follow_up = await caller.http.send(caller.asking(chat_id, "more", "id-3"))

    assert (stopped, again) == ({"status": True}, {"status": False, "details": "The request is ended!"})
    assert (answer["is_stop"], answer["done"], answer["content_list"][0]["content"]) == (True, True, "Part 1. ")
    assert [(call.chat_id, call.response_id, call.stopped) for call in caller.simulator.stops] == [
        (chat_id, "id-3", True),
        (chat_id, "id-3", False),
    ]
    assert isinstance(caller.simulator.stops[0], StopCall)
    assert answer_of(follow_up.content) == "You said: more"


@pytest.mark.asyncio
async def test_a_stopped_stream_ends_properly_for_the_reader_that_stays() -> None:
    async with calling(new_id=numbered()) as caller:
        chat_id = await caller.new_chat()
        reading = asyncio.create_task(caller.http.send(caller.asking(chat_id, "[[sim:silent]]")))
        await until(lambda: caller.simulator.streams and caller.simulator.streams[0].events_sent == 2)
        await caller.stop(chat_id, "id-3")
        reply = await reading

    assert reply.content.endswith(b'"status": "finished", "phase": "answer"}}], "response_id": "id-3"}\n\n')
    assert caller.simulator.streams[0].outcome == "finished"


@pytest.mark.asyncio
async def test_two_turns_hang_together_by_the_response_id_and_an_edit_branches_off() -> None:
    async with calling(new_id=numbered()) as caller:
        chat_id = await caller.new_chat()
        for text, parent in (("one", None), ("two", "id-3"), ("two again", "id-3")):
            await caller.http.send(caller.asking(chat_id, text, parent))
        chat = (await caller.get(f"/api/v2/chats/{chat_id}"))["chat"]

    tree = {name: (item["parentId"], item["childrenIds"]) for name, item in chat["history"]["messages"].items()}
    assert tree == {
        "id-2": (None, ["id-3"]),
        "id-3": ("id-2", ["id-4", "id-6"]),
        "id-4": ("id-3", ["id-5"]),
        "id-5": ("id-4", []),
        "id-6": ("id-3", ["id-7"]),
        "id-7": ("id-6", []),
    }
    assert [message["id"] for message in chat["messages"]] == ["id-2", "id-3", "id-6", "id-7"]
    assert chat["history"]["currentId"] == "id-7"


@pytest.mark.asyncio
async def test_the_stored_message_names_sources_that_the_stream_kept_back() -> None:
    async with calling() as caller:
        chat_id = await caller.new_chat()
        reply = await caller.http.send(caller.asking(chat_id, "hi [[sim:search_no_sources]]"))
        answer = (await caller.get(f"/api/v2/chats/{chat_id}"))["chat"]["messages"][-1]

    search, said = answer["content_list"]
    assert b"example.org" not in reply.content
    assert [item["url"] for item in search["extra"]["web_search_info"]] == [
        "https://example.org/echo",
        "https://example.com/repeat",
    ]
    assert (search["phase"], said["content"]) == ("web_search", "You said: hi [[1]].")


@pytest.mark.asyncio
async def test_a_surrogate_pair_in_two_events_is_one_character_in_the_stored_message() -> None:
    async with calling() as caller:
        chat_id = await caller.new_chat()
        await caller.http.send(caller.asking(chat_id, "hi [[sim:surrogates]]"))
        answer = (await caller.get(f"/api/v2/chats/{chat_id}"))["chat"]["messages"][-1]

    assert answer["content_list"][0]["content"] == "Look: 😀 You said: hi"


@pytest.mark.asyncio
async def test_chats_are_listed_sixty_at_a_time_newest_first() -> None:
    async with calling(new_id=numbered(), now=lambda: 1_790_356_225) as caller:
        for _ in range(61):
            await caller.new_chat()
        await caller.http.post("/api/v2/chats/new", json={"chat_mode": "local"})
        pages = [await caller.get(f"/api/v2/chats/?page={page}&limit=5") for page in (1, 2, 3)]

    assert [[row["id"] for row in page] for page in pages] == [
        [f"id-{number}" for number in range(61, 1, -1)],
        ["id-1"],
        [],
    ]
    assert pages[1][0] == {
        "id": "id-1",
        "title": "New chat",
        "updated_at": 1_790_356_225,
        "created_at": 1_790_356_225,
        "chat_type": "t2t",
        "project_id": None,
        "pinned": False,
        "content": None,
        "highlight_indexes": None,
        "message_id": None,
    }


@pytest.mark.asyncio
async def test_chats_can_be_deleted_one_by_one_and_all_at_once_by_their_owner_only() -> None:
    async with calling() as caller:
        first, second, third = [await caller.new_chat() for _ in range(3)]
        stranger = {"authorization": f"Bearer {make_token('user-2')}"}
        foreign = (await caller.http.delete(f"/api/v2/chats/{first}", headers=stranger)).json()["data"]
        one = (await caller.http.delete(f"/api/v2/chats/{first}")).json()["data"]
        again = (await caller.http.delete(f"/api/v2/chats/{first}")).json()["data"]
        gone = await caller.get(f"/api/v2/chats/{first}")
        left = [row["id"] for row in await caller.get("/api/v2/chats/")]
        everything = (await caller.http.delete("/api/v2/chats/")).json()["data"]
        empty = await caller.get("/api/v2/chats/")

    assert (foreign, one, again, gone) == (DELETED, {"status": True}, DELETED, DELETED)
    assert (left, everything, empty) == ([third, second], {"status": True}, [])
