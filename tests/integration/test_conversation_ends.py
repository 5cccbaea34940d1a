import asyncio
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from support import House, bearer, open_house, session
from upstream_record import CHATS, calls, contents, failed, removals, sent, until

from qwen_grpc.credentials import WebSession
from qwen_grpc.upstreams.chat_qwen_ai import conversations
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, CompleteChatResponse

ME = session(ttl_s=3600)


async def turn(house: House, *texts: str, credential: WebSession = ME, **conversation: Any) -> CompleteChatResponse:
    """One gRPC turn; texts are the user's and the assistant's by turns."""
    return await call(house, *texts, credential=credential, **conversation)


def call(house: House, *texts: str, credential: WebSession = ME, **conversation: Any) -> Any:
    roles = ("ROLE_USER", "ROLE_ASSISTANT")
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
    request = ParseDict({"model": "qwen-max", "messages": messages}, CompleteChatRequest())
    if conversation:
        ParseDict(conversation, request.conversation)
    return house.chat.CompleteChat(request, metadata=tuple(bearer(credential).items()))


@pytest.mark.asyncio
async def test_a_named_chat_goes_on_after_its_latest_answer(house: House) -> None:
    first = await turn(house, "One")
    chat_id = first.conversation.chat_id
    second = await turn(house, "Anything", "else", "Two", chat_id=chat_id)

    assert contents(house.simulator) == ["One", "Two"]
    body = sent(house.simulator)[1]
    assert (body["chat_id"], body["parent_id"]) == (chat_id, first.conversation.message_id)
    assert (second.conversation.chat_id, len(calls(house.simulator, CHATS + chat_id))) == (chat_id, 1)


@pytest.mark.asyncio
async def test_a_named_answer_is_followed_without_asking_which_is_the_latest(house: House) -> None:
    first = await turn(house, "One")
    await turn(house, "Two", chat_id=first.conversation.chat_id)
    await turn(house, "Three", chat_id=first.conversation.chat_id, parent_message_id=first.conversation.message_id)

    assert sent(house.simulator)[2]["parent_id"] == first.conversation.message_id
    assert len(calls(house.simulator, CHATS + first.conversation.chat_id)) == 1


@pytest.mark.asyncio
async def test_a_parent_without_a_chat_is_refused(house: House) -> None:
    found = await failed(call(house, "One", parent_message_id="m1"))

    assert found[1] == "INVALID_PARAMETER"
    assert sent(house.simulator) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("chat_id", ["00000000-0000-4000-8000-000000000099", "../../v1/auths", "a?b", "a b"])
async def test_a_named_chat_that_does_not_exist_is_not_replaced(house: House, chat_id: str) -> None:
    assert (await failed(call(house, "One", chat_id=chat_id)))[1] == "NOT_FOUND"
    assert (await failed(call(house, "One", chat_id=chat_id, parent_message_id="m1")))[1] == "NOT_FOUND"
    assert house.simulator.chats == {}


@pytest.mark.asyncio
async def test_a_named_chat_is_never_removed() -> None:
    async with open_house(qwen_chat_idle=1, qwen_keep_chats=True) as house:
        chat_id = (await turn(house, "One")).conversation.chat_id
        simulator = house.simulator
        async with open_house(qwen_base_url=simulator.url, qwen_auth_url=simulator.url, qwen_chat_idle=1) as other:
            await turn(other, "Two", chat_id=chat_id, ephemeral=True)
            mark = (await turn(other, "Mark")).conversation.chat_id
            await until(lambda: [removed for removed, _ in removals(simulator)] == [mark])
            await turn(other, "Three", chat_id=chat_id)
            await failed(call(other, "[[sim:rate_limited]]", chat_id=chat_id))

        assert [removed for removed, _ in removals(simulator)] == [mark]
        assert list(simulator.chats) == [chat_id]


@pytest.mark.asyncio
async def test_an_ephemeral_chat_is_removed_when_its_answer_is_complete(house: House) -> None:
    answer = await turn(house, "One", ephemeral=True)

    await until(lambda: removals(house.simulator) == [(answer.conversation.chat_id, ME.token)])
    await turn(house, "One", "You said: One", "Two")
    assert contents(house.simulator)[1].startswith("User:\nOne")


@pytest.mark.asyncio
async def test_a_chat_whose_first_turn_was_refused_is_removed(house: House) -> None:
    await failed(call(house, "[[sim:rate_limited]]"))

    chat_id = sent(house.simulator)[0]["chat_id"]
    await until(lambda: removals(house.simulator) == [(chat_id, ME.token)])


@pytest.mark.asyncio
async def test_an_idle_chat_is_removed_with_the_session_of_its_owner() -> None:
    other = session("00000000-0000-4000-8000-000000000002", ttl_s=3600)
    async with open_house(qwen_chat_idle=1) as house:
        mine, theirs = await asyncio.gather(turn(house, "One"), turn(house, "One", credential=other))
        expected = {(mine.conversation.chat_id, ME.token), (theirs.conversation.chat_id, other.token)}
        await until(lambda: set(removals(house.simulator)) == expected)

        assert house.simulator.chats == {}


@pytest.mark.asyncio
async def test_a_removal_renews_a_session_that_has_ended_meanwhile() -> None:
    short = session(ttl_s=3600)
    async with open_house(qwen_chat_idle=1) as house:
        await turn(house, "One", credential=short)
        house.simulator.behaviour.revoked_tokens = (short.token,)
        await until(lambda: house.simulator.chats == {})

        (_, refused), (_, renewed) = removals(house.simulator)
        assert refused == short.token != renewed


@pytest.mark.asyncio
async def test_chats_are_removed_at_shutdown() -> None:
    async with open_house(qwen_chat_idle=600) as house:
        ids = {(await turn(house, text)).conversation.chat_id for text in ("One", "Two", "Three")}
        assert removals(house.simulator) == []
        simulator = house.simulator
        async with open_house(qwen_base_url=simulator.url, qwen_auth_url=simulator.url) as other:
            ids_of_other = {(await turn(other, text)).conversation.chat_id for text in ("One", "Two")}

        assert {chat for chat, _ in removals(simulator)} == ids_of_other
        assert set(simulator.chats) == ids


@pytest.mark.asyncio
async def test_chats_are_removed_when_too_many_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_CHATS", 2)
    async with open_house() as house:
        first, *_ = [await turn(house, text) for text in ("One", "Two", "Three")]

        await until(lambda: removals(house.simulator) == [(first.conversation.chat_id, ME.token)])


@pytest.mark.asyncio
async def test_no_chat_is_removed_when_chats_are_to_be_kept() -> None:
    async with open_house() as keeper:
        simulator = keeper.simulator
        settings = {"qwen_base_url": simulator.url, "qwen_auth_url": simulator.url, "qwen_keep_chats": True}
        async with open_house(**settings, qwen_chat_idle=1) as house:
            await turn(house, "One")
            await turn(house, "Two", ephemeral=True)
            await failed(call(house, "[[sim:rate_limited]]"))
            # A gateway that removes what is idle shows that the time for it has come.
            async with open_house(qwen_chat_idle=1) as witness:
                await turn(witness, "One")
                await until(lambda: removals(witness.simulator))

        assert removals(simulator) == []
        assert len(simulator.chats) == 3


@pytest.mark.asyncio
async def test_a_removal_that_fails_is_logged_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    lone = session(ttl_s=3600, refresh=False)
    async with open_house(qwen_chat_idle=1) as house:
        await turn(house, "One", credential=lone)
        house.simulator.behaviour.revoked_tokens = (lone.token,)
        seen = ""

        def logged() -> bool:
            nonlocal seen
            seen += capsys.readouterr().out
            return "tidying failed" in seen

        await until(logged)
        assert "reason=CREDENTIAL_EXPIRED" in seen
        assert (await turn(house, "Two")).choices[0].message.content == "You said: Two"
        assert len(removals(house.simulator)) == 1
