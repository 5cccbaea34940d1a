"""The typed client: betterproto2 messages over grpclib, another implementation of gRPC than ours."""

import pytest
from grpclib.const import Status
from openai_parts import THOUGHTS
from support import House, session
from typed_calls import all_of, asking, client_to, failure

from qwen_grpc.client import AccountRefused, Qwen, RequestRefused, UpstreamFailed, connect, text_of
from qwen_grpc.client.connection import Methods
from qwen_grpc.credentials import read_bearer
from qwen_grpc.server import SERVED
from qwen_grpc.typed.qwen.v1 import (
    ChatMessage,
    Choice,
    DeleteChatRequest,
    FinishReason,
    GetChatRequest,
    GetModelRequest,
    ListChatsRequest,
    ListModelsRequest,
    PurgeChatsRequest,
    RefreshTokenRequest,
    Role,
    StreamChatResponse,
    Usage,
    ValidateTokenRequest,
    ValidateTokenResponse,
)

USAGE = Usage(prompt_tokens=801, completion_tokens=21, total_tokens=822, cached_tokens=0, reasoning_tokens=16)


def test_the_typed_client_has_every_service() -> None:
    stubs = {kind.__name__.removesuffix("Stub") for kind in Methods.__bases__}
    assert stubs == {name.removeprefix("qwen.v1.") for name in SERVED}


@pytest.mark.asyncio
async def test_the_typed_client_lists_models_without_a_credential(house: House) -> None:
    async with connect(house.target) as qwen:
        found = await qwen.list_models(ListModelsRequest(page_size=2))
        one = (await qwen.get_model(GetModelRequest(model_id="qwen-max-thinking"))).model
    assert [model.id for model in found.models] == ["qwen3.7-plus", "qwen3.7-plus-thinking"]
    assert (found.next_page_token, found.stale) == ("2", False)
    assert one is not None
    assert one.id == "qwen-max-thinking"


@pytest.mark.asyncio
async def test_the_typed_client_gets_a_whole_answer(house: House) -> None:
    async with client_to(house) as qwen:
        completion = await qwen.complete_chat(asking("Hi you", "qwen-max-thinking"))
    message = ChatMessage(role=Role.ASSISTANT, content="You said: Hi you", reasoning_content=THOUGHTS)
    assert completion.choices == [Choice(message=message, finish_reason=FinishReason.STOP)]
    assert (completion.usage, text_of(completion)) == (USAGE, "You said: Hi you")


@pytest.mark.asyncio
async def test_the_typed_client_streams(house: House) -> None:
    async with client_to(house) as qwen:
        messages = await all_of(qwen.stream_chat(asking("Hi you", "qwen-max-thinking")))
    deltas = [delta for message in messages for delta in message.deltas]
    assert [message.start is not None for message in messages] == [True] + [False] * (len(messages) - 1)
    assert [message.usage for message in messages] == [None] * (len(messages) - 1) + [USAGE]
    assert "".join(delta.reasoning_content or "" for delta in deltas) == THOUGHTS
    assert "".join(map(text_of, messages)) == "You said: Hi you"
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == [FinishReason.STOP]


@pytest.mark.asyncio
async def test_the_typed_client_tells_what_is_wrong_with_a_request(house: House) -> None:
    async with client_to(house) as qwen:
        unknown = await failure(qwen.complete_chat(asking("Hello", "qwn-max")))
        nobody = asking("Hello")
        nobody.messages[0].role = Role.UNSPECIFIED
        wrong = await failure(qwen.call(request_id="order-17").complete_chat(nobody))
    near = "unknown model 'qwn-max'; did you mean 'qwen-max' or 'qwen3.8-max' or 'qwen3.7-max'?"
    assert isinstance(unknown, RequestRefused)
    assert (unknown.status, unknown.message) == (Status.NOT_FOUND, f"{near} GET /v1/models (ListModels) lists all")
    assert (unknown.reason, unknown.may_retry) == ("MODEL_NOT_FOUND", False)
    assert (type(wrong), wrong.reason, wrong.field) == (RequestRefused, "INVALID_PARAMETER", "messages[0].role")
    assert wrong.request_id == "order-17"


@pytest.mark.asyncio
async def test_the_typed_client_gets_what_came_before_a_stream_broke(house: House) -> None:
    heard: list[StreamChatResponse] = []
    async with client_to(house) as qwen:
        error = await failure(all_of(qwen.stream_chat(asking("Hello [[sim:eof]]")), heard))
    assert "".join(map(text_of, heard)) == "Part 1. Part 2. "
    assert (type(error), error.reason, error.may_retry) == (UpstreamFailed, "UPSTREAM_TRUNCATED", False)


@pytest.mark.asyncio
async def test_the_typed_client_reads_and_deletes_stored_chats(house: House) -> None:
    async with client_to(house) as qwen:
        made = (await qwen.complete_chat(asking("Hello"))).conversation
        assert made is not None
        listed = await qwen.list_chats(ListChatsRequest())
        stored = (await qwen.get_chat(GetChatRequest(chat_id=made.chat_id))).chat
        await qwen.delete_chat(DeleteChatRequest(chat_id=made.chat_id))
        left = await qwen.purge_chats(PurgeChatsRequest())
        gone = await failure(qwen.get_chat(GetChatRequest(chat_id=made.chat_id)))
    assert [chat.id for chat in listed.chats] == [made.chat_id]
    assert stored is not None
    assert [entry.message and entry.message.content for entry in stored.messages] == ["Hello", "You said: Hello"]
    assert (left.purge_count, gone.reason) == (0, "NOT_FOUND")


@pytest.mark.asyncio
async def test_the_typed_client_checks_and_renews_its_credential(house: House) -> None:
    async with client_to(house) as qwen:
        renewed = await qwen.refresh_token(RefreshTokenRequest())
        valid = await qwen.call(credential=renewed.token).validate_token(ValidateTokenRequest())
        broken = await qwen.call(credential="garbage").validate_token(ValidateTokenRequest())
        refused = await failure(qwen.call(credential="garbage").complete_chat(asking("Hello")))
    assert read_bearer(renewed.token) != session()
    assert (valid.valid, valid.reason) == (True, "")
    assert broken == ValidateTokenResponse(valid=False, reason="TOKEN_MALFORMED")
    assert (type(refused), refused.reason) == (AccountRefused, "TOKEN_MALFORMED")


@pytest.mark.asyncio
async def test_calls_of_several_credentials_share_a_connection(house: House) -> None:
    async with client_to(house) as qwen:
        stranger = qwen.call(credential="garbage")
        assert text_of(await qwen.complete_chat(asking("Hello"))) == "You said: Hello"
        assert (await failure(stranger.list_chats(ListChatsRequest()))).reason == "TOKEN_MALFORMED"
        assert len((await qwen.list_chats(ListChatsRequest())).chats) == 1
    assert isinstance(qwen, Qwen)
