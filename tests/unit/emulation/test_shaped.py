"""Answers that are held back until they have the demanded form."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from qwen_grpc.emulation.shaped import MAX_SHOWN_BYTES, shaped
from qwen_grpc.errors import RateLimited, SchemaMismatch
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.v1.chat_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    ROLE_ASSISTANT,
    ROLE_SYSTEM,
    ROLE_USER,
    ChatDelta,
    CompleteChatRequest,
    StreamChatResponse,
    ToolCallDelta,
)
from qwen_grpc.v1.common_pb2 import Usage

GOOD, BAD = '{"age": 3}', '{"age": "three"}'


def request_of(**more: Any) -> CompleteChatRequest:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How old?"}]
    body = {"model": "q", "messages": messages, "response_format": form, **more}
    return REQUESTS.read(CompleteChatRequest, body)


class Model:
    """Gives its answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: list[StreamChatResponse] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[CompleteChatRequest] = []

    async def __call__(self, request: CompleteChatRequest) -> AsyncGenerator[StreamChatResponse, None]:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        for message in answer:
            yield message


def answer(*texts: str, reason: Any = FINISH_REASON_STOP, tokens: int = 0) -> list[StreamChatResponse]:
    first = StreamChatResponse(deltas=[ChatDelta(reasoning_content="Hm.")])
    first.start.id, first.start.conversation.message_id = "id", f"m{tokens}"
    last = StreamChatResponse(deltas=[ChatDelta(finish_reason=reason)])
    if tokens:
        last.usage.CopyFrom(Usage(prompt_tokens=1, completion_tokens=tokens, total_tokens=tokens + 1, cached_tokens=1))
    return [first, *(StreamChatResponse(deltas=[ChatDelta(content=text)]) for text in texts), last]


async def told(model: Model, **more: Any) -> list[StreamChatResponse]:
    return [message async for message in shaped(request_of(**more), model)]


def contents(messages: list[StreamChatResponse]) -> list[str]:
    return [delta.content for message in messages for delta in message.deltas if delta.HasField("content")]


@pytest.mark.asyncio
async def test_a_good_answer_comes_at_once_when_it_is_whole() -> None:
    model = Model(answer("```json\n", '{"age"', ": 3}\n", "```", tokens=5))
    messages = await told(model)
    assert contents(messages) == [GOOD]
    assert messages[0].start.id == "id"
    assert messages[0].deltas[0].reasoning_content == "Hm."
    assert messages[-1].deltas[-1].finish_reason == FINISH_REASON_STOP
    assert messages[-1].usage.completion_tokens == 5


@pytest.mark.asyncio
async def test_the_form_is_asked_for_behind_the_system_message() -> None:
    model = Model(answer(GOOD))
    await told(model, temperature=0.5)
    (asked,) = model.asked
    assert not asked.HasField("response_format")
    assert asked.messages[0].content.startswith("Be brief.\n\n# Form of the answer\n")
    assert (asked.messages[1].content, asked.temperature) == ("How old?", 0.5)


@pytest.mark.asyncio
async def test_in_a_chat_that_the_caller_names_the_last_message_asks_for_the_form() -> None:
    model = Model(answer(BAD, tokens=4), answer(GOOD))
    await told(model, conversation={"chat_id": "c", "parent_message_id": "m0"})
    first, second = model.asked
    assert first.messages[1].content.endswith("\n\nHow old?")
    assert first.messages[0].content == "Be brief."
    assert (first.conversation.parent_message_id, second.conversation.parent_message_id) == ("m0", "m4")


@pytest.mark.asyncio
async def test_a_bad_answer_is_corrected_once_and_both_are_counted() -> None:
    model = Model(answer(BAD, tokens=5), answer(GOOD, tokens=7))
    messages = await told(model)
    assert contents(messages) == [GOOD]
    usage = messages[-1].usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens, usage.cached_tokens) == (2, 12, 14, 2)
    assert not usage.HasField("reasoning_tokens")
    *_, wrong, correction = model.asked[1].messages
    assert [message.role for message in model.asked[1].messages] == [ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_USER]
    assert wrong.content == BAD
    assert "at $.age: 'three' is not of type 'integer'" in correction.content
    assert '"type":"integer"' in correction.content


@pytest.mark.asyncio
async def test_counts_are_unknown_when_those_of_one_answer_are() -> None:
    messages = await told(Model(answer(BAD), answer(GOOD, tokens=7)))
    assert not any(message.HasField("usage") for message in messages)


@pytest.mark.asyncio
async def test_an_answer_that_stays_bad_is_an_error_that_shows_it() -> None:
    with pytest.raises(SchemaMismatch) as caught:
        await told(Model(answer(BAD), answer("é" * MAX_SHOWN_BYTES)))
    assert caught.value.facts == {"answer": "é" * (MAX_SHOWN_BYTES // 2), "complaint": "it is no JSON"}
    assert "é" not in caught.value.message


@pytest.mark.asyncio
async def test_a_refusal_of_the_second_turn_is_told_as_it_is() -> None:
    with pytest.raises(RateLimited):
        await told(Model(answer(BAD), RateLimited("slow down")))


@pytest.mark.asyncio
@pytest.mark.parametrize("reason", [FINISH_REASON_LENGTH, FINISH_REASON_TOOL_CALLS])
async def test_what_says_of_itself_that_it_is_no_such_answer_is_told_as_it_is(reason: Any) -> None:
    call = [StreamChatResponse(deltas=[ChatDelta(tool_calls=[ToolCallDelta(id="c", name="f")])])]
    begun = answer('{"age', reason=reason)
    model = Model(begun[:2] + (call if reason == FINISH_REASON_TOOL_CALLS else []) + begun[2:])
    assert contents(await told(model)) == ['{"age']
    assert len(model.asked) == 1


@pytest.mark.asyncio
async def test_citations_move_with_the_text_that_they_are_in() -> None:
    given = answer("```json\n" + GOOD + "\n```")
    for start, end in ((8, 10), (0, 8), (17, 30)):
        given[-1].deltas[0].annotations.add().url_citation.MergeFrom(_place(start, end))
    places = [one.url_citation for one in (await told(Model(given)))[-1].deltas[0].annotations]
    assert [(place.start_index, place.end_index) for place in places] == [(0, 2), (0, 0), (9, 10)]


def _place(start: int, end: int) -> Any:
    message = ChatDelta()
    citation = message.annotations.add().url_citation
    citation.start_index, citation.end_index = start, end
    return citation
