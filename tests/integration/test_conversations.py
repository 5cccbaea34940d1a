import asyncio
from typing import Any

import pytest
from support import House, bearer, records, session
from upstream_record import COMPLETIONS, NEW, calls, contents, removals, sent, until

Messages = list[dict[str, Any]]


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


async def turn(house: House, messages: Messages, **more: Any) -> dict[str, Any]:
    """One REST turn; the whole answer."""
    body = {"model": "qwen-max", "messages": messages, **more}
    reply = await house.http.post("/v1/chat/completions", json=body, headers=bearer(ME))
    assert reply.status_code == 200, reply.text
    return reply.json()


def answered(messages: Messages, answer: dict[str, Any]) -> Messages:
    """The history with its answer, as clients send it back."""
    return [*messages, {"role": "assistant", "content": answer["choices"][0]["message"]["content"]}]


ME = session(ttl_s=3600)


@pytest.mark.asyncio
async def test_a_known_history_goes_on_in_its_chat_with_the_new_message_alone(house: House) -> None:
    history = [user("One")]
    first = await turn(house, history)
    history = [*answered(history, first), user("Two")]
    second = await turn(house, history)
    await turn(house, [*answered(history, second), user("Three")])

    assert len(calls(house.simulator, NEW)) == 1
    assert contents(house.simulator) == ["One", "Two", "Three"]
    assert {body["chat_id"] for body in sent(house.simulator)} == {first["conversation"]["chat_id"]}
    parents = [(body["parent_id"], body["messages"][0]["parent_id"]) for body in sent(house.simulator)]
    ids = [None, first["conversation"]["message_id"], second["conversation"]["message_id"]]
    assert parents == [(one, one) for one in ids]
    assert ids[1:] == [record.response_id for record in house.simulator.streams[:2]]


@pytest.mark.asyncio
@pytest.mark.parametrize("scenario", ["plain", "think", "summary", "search", "split_chunks", "snapshots", "surrogates"])
async def test_a_streamed_answer_is_recognised_when_it_comes_back(house: House, scenario: str) -> None:
    prompt = f"One [[sim:{scenario}]]"
    chunks = [chunk for chunk in await house.stream(prompt, credential=ME) if isinstance(chunk, dict)]
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    text = "".join(delta.get("content") or "" for delta in deltas)

    await turn(house, [user(prompt), {"role": "assistant", "content": text}, user("Two")])

    assert contents(house.simulator) == [prompt, "Two"]
    assert len(calls(house.simulator, NEW)) == 1


@pytest.mark.asyncio
async def test_content_parts_of_text_are_the_same_history_as_a_string(house: House) -> None:
    first = await turn(house, [user("One")])
    text = first["choices"][0]["message"]["content"]
    parts = [{"type": "text", "text": "One"}]
    await turn(house, [{"role": "user", "content": parts}, {"role": "assistant", "content": text}, user("Two")])

    assert contents(house.simulator) == ["One", "Two"]


@pytest.mark.asyncio
async def test_an_unknown_history_is_folded_with_roles_and_the_system_first(house: House) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": '{"zone":"UTC"}'}}
    await turn(
        house,
        [
            user("Hello"),
            {"role": "assistant", "content": "Let me see.", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "12:00"},
            {"role": "developer", "content": "Be brief."},
            {"role": "assistant", "content": None, "refusal": "I would rather not."},
            {"role": "system", "content": "Answer in French."},
            {
                "role": "user",
                "name": "Ada",
                "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "now?"}],
            },
        ],
    )

    assert contents(house.simulator) == [
        "System:\nBe brief.\n\n"
        "System:\nAnswer in French.\n\n"
        "User:\nHello\n\n"
        'Assistant:\nLet me see.\n{"tool_call":"clock","id":"call_1","arguments":"{\\"zone\\":\\"UTC\\"}"}\n\n'
        "Tool (call_1):\n12:00\n\n"
        "Assistant:\nI would rather not.\n\n"
        "User (Ada):\nAnd\nnow?"
    ]


@pytest.mark.asyncio
async def test_the_same_history_twice_at_once_gets_two_chats(house: House) -> None:
    first = await turn(house, [user("One")])
    history = [*answered([user("One")], first), user("Two")]

    both = await asyncio.gather(turn(house, history), turn(house, history))

    known = first["conversation"]["chat_id"]
    chats = [answer["conversation"]["chat_id"] for answer in both]
    assert len(set(chats)) == 2
    assert known in chats
    folded = "User:\nOne\n\nAssistant:\nYou said: One\n\nUser:\nTwo"
    assert sorted(contents(house.simulator)) == sorted(["One", "Two", folded])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "changed",
    [
        [user("One!"), {"role": "assistant", "content": "You said: One"}, user("Two")],
        [user("One"), {"role": "assistant", "content": "You said: one"}, user("Two")],
        [
            {"role": "system", "content": "New"},
            user("One"),
            {"role": "assistant", "content": "You said: One"},
            user("Two"),
        ],
        [{"role": "system", "content": "One"}, {"role": "assistant", "content": "You said: One"}, user("Two")],
        [{**user("One"), "name": "Ada"}, {"role": "assistant", "content": "You said: One"}, user("Two")],
    ],
    ids=["question", "answer", "system message", "role", "name"],
)
async def test_a_changed_history_begins_a_new_chat(house: House, changed: Messages) -> None:
    await turn(house, [user("One")])
    await turn(house, changed)

    assert len(calls(house.simulator, NEW)) == 2
    assert sent(house.simulator)[1]["parent_id"] is None


@pytest.mark.asyncio
async def test_another_account_with_the_same_history_gets_its_own_chat(house: House) -> None:
    first = await turn(house, [user("One")])
    history = [*answered([user("One")], first), user("Two")]
    other = session("00000000-0000-4000-8000-000000000002")
    body = {"model": "qwen-max", "messages": history}
    reply = await house.http.post("/v1/chat/completions", json=body, headers=bearer(other))

    # The site would refuse another account's chat; it is not even asked for it.
    chats = [first["conversation"]["chat_id"], reply.json()["conversation"]["chat_id"]]
    assert [one["chat_id"] for one in sent(house.simulator)] == chats
    assert len(set(chats)) == 2


@pytest.mark.asyncio
async def test_another_model_goes_on_in_the_same_chat(house: House) -> None:
    first = await turn(house, [user("One")])
    second = await turn(house, [*answered([user("One")], first), user("Two")], model="qwen-plus-thinking")

    one, two = sent(house.simulator)
    assert one["chat_id"] == two["chat_id"] == second["conversation"]["chat_id"]
    assert (one["model"], two["model"]) == ("qwen3.8-max", "qwen3.7-plus")
    assert two["messages"][0]["content"] == "Two"


@pytest.mark.asyncio
async def test_every_answer_tells_where_it_is_stored(house: House) -> None:
    whole = await turn(house, [user("One")])
    reply = await house.http.post(
        "/v1/chat/completions",
        json={"model": "qwen-max", "messages": [user("Two")], "stream": True},
        headers=bearer(ME),
    )
    first, *rest = [chunk for chunk in records(reply.text) if isinstance(chunk, dict)]

    stored = [(record.chat_id, record.response_id) for record in house.simulator.streams]
    told = [(one["conversation"]["chat_id"], one["conversation"]["message_id"]) for one in (whole, first)]
    assert told == stored
    assert not any("conversation" in chunk for chunk in rest)


@pytest.mark.asyncio
async def test_a_chat_that_the_person_deleted_is_replaced_by_a_new_one_with_the_whole_history(house: House) -> None:
    first = await turn(house, [user("One")])
    house.simulator.chats.clear()
    second = await turn(house, [*answered([user("One")], first), user("Two")])

    assert contents(house.simulator) == ["One", "Two", "User:\nOne\n\nAssistant:\nYou said: One\n\nUser:\nTwo"]
    assert [body["chat_id"] for body in sent(house.simulator)[:2]] == [first["conversation"]["chat_id"]] * 2
    assert second["conversation"]["chat_id"] in house.simulator.chats


@pytest.mark.asyncio
async def test_an_answer_that_the_person_deleted_is_replaced_likewise(house: House) -> None:
    first = await turn(house, [user("One")])
    chat = house.simulator.chats[first["conversation"]["chat_id"]]
    del chat.messages[first["conversation"]["message_id"]]
    second = await turn(house, [*answered([user("One")], first), user("Two")])

    assert contents(house.simulator)[2] == "User:\nOne\n\nAssistant:\nYou said: One\n\nUser:\nTwo"
    assert second["conversation"]["chat_id"] != chat.id
    await until(lambda: [removed for removed, _ in removals(house.simulator)] == [chat.id])


@pytest.mark.asyncio
async def test_a_busy_chat_is_asked_once_more_after_a_pause(house: House) -> None:
    house.simulator.behaviour.scenario = "in_progress"
    running = asyncio.create_task(turn(house, [user("One")]))
    await until(lambda: calls(house.simulator, COMPLETIONS))
    house.simulator.behaviour.scenario = ""
    answer = await running

    refused, repeated = calls(house.simulator, COMPLETIONS)
    assert refused.json["chat_id"] == repeated.json["chat_id"] == answer["conversation"]["chat_id"]
    assert repeated.at - refused.at >= 0.9


@pytest.mark.asyncio
async def test_a_chat_that_stays_busy_is_reported(house: House) -> None:
    reply = await house.complete("[[sim:in_progress]]", credential=ME)

    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "chat_busy")
    assert len(calls(house.simulator, COMPLETIONS)) == 2


@pytest.mark.asyncio
async def test_a_refused_turn_leaves_the_chat_for_the_next_try(house: House) -> None:
    first = await turn(house, [user("One")])
    history = [*answered([user("One")], first), user("Two")]
    house.simulator.behaviour.scenario = "rate_limited"
    body = {"model": "qwen-max", "messages": history}
    reply = await house.http.post("/v1/chat/completions", json=body, headers=bearer(ME))
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "36000")

    house.simulator.behaviour.scenario = ""
    await turn(house, history)
    assert contents(house.simulator) == ["One", "Two", "Two"]
    assert {one["parent_id"] for one in sent(house.simulator)[1:]} == {first["conversation"]["message_id"]}
    assert removals(house.simulator) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("chat_id", ["grün", "a&b=c", "../x", "a\r\nx: y"])
async def test_a_chat_id_that_the_site_cannot_have_is_not_found_and_never_sent(house: House, chat_id: str) -> None:
    reply = await house.complete("Hello", conversation={"chat_id": chat_id, "parent_message_id": "p1"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")
    assert [call.path for call in house.simulator.requests if "completions" in call.path] == []
