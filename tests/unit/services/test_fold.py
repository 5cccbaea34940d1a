"""A stream of deltas, folded to one completion."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from qwen_grpc.errors import UpstreamIdleTimeout, UpstreamTruncated
from qwen_grpc.services.fold import fold
from qwen_grpc.v1.chat_pb2 import (
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
    ROLE_ASSISTANT,
    Annotation,
    AudioOutput,
    ChatDelta,
    ChatMessage,
    Choice,
    CompleteChatResponse,
    ConversationRef,
    Logprobs,
    StreamChatResponse,
    StreamStart,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
)
from qwen_grpc.v1.common_pb2 import Usage

STOP = ChatDelta(finish_reason=FINISH_REASON_STOP)


def folded(*messages: StreamChatResponse, failure: Exception | None = None) -> CompleteChatResponse:
    async def stream() -> AsyncIterator[StreamChatResponse]:
        for message in messages:
            yield message
        if failure:
            raise failure

    return asyncio.run(fold(stream()))


def of(*deltas: ChatDelta) -> list[Choice]:
    return list(folded(*(StreamChatResponse(deltas=[delta]) for delta in deltas)).choices)


def choice(index: int = 0, finish: int = FINISH_REASON_STOP, **message: object) -> Choice:
    whole = ChatMessage(role=ROLE_ASSISTANT, **message)  # type: ignore[arg-type]
    return Choice(index=index, finish_reason=finish, message=whole)  # type: ignore[arg-type]


def test_a_whole_answer() -> None:
    here = ConversationRef(chat_id="c1", message_id="a1")
    start = StreamStart(
        id="chatcmpl-1", created=7, model="m", system_fingerprint="fp", service_tier="t", conversation=here
    )
    usage = Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3)
    assert folded(
        StreamChatResponse(start=start, deltas=[ChatDelta(phase="think", reasoning_content="Hm")]),
        StreamChatResponse(deltas=[ChatDelta(reasoning_content="m."), ChatDelta(phase="answer", content="Hel")]),
        StreamChatResponse(deltas=[ChatDelta(content="lo")], usage=Usage(prompt_tokens=9)),
        StreamChatResponse(),
        StreamChatResponse(deltas=[STOP], usage=usage),
    ) == CompleteChatResponse(
        id="chatcmpl-1",
        created=7,
        model="m",
        system_fingerprint="fp",
        service_tier="t",
        conversation=here,
        usage=usage,
        choices=[choice(reasoning_content="Hmm.", content="Hello")],
    )


def test_tool_calls_grow_by_their_number() -> None:
    assert of(
        ChatDelta(tool_calls=[ToolCallDelta(index=1, id="b", name="g", type="custom")]),
        ChatDelta(tool_calls=[ToolCallDelta(index=0, id="a", name="f", arguments='{"x"')]),
        ChatDelta(tool_calls=[ToolCallDelta(index=0, arguments=":1}"), ToolCallDelta(index=1, arguments="{}")]),
        ChatDelta(finish_reason=FINISH_REASON_TOOL_CALLS),
    ) == [
        choice(
            finish=FINISH_REASON_TOOL_CALLS,
            tool_calls=[
                ToolCall(id="a", name="f", arguments='{"x":1}'),
                ToolCall(id="b", name="g", arguments="{}", type="custom"),
            ],
        )
    ]


def test_choices_are_kept_apart_and_in_order() -> None:
    assert of(
        ChatDelta(index=1, content="b"),
        ChatDelta(index=0, content="a"),
        ChatDelta(index=1, content="B", finish_reason=FINISH_REASON_LENGTH),
        ChatDelta(index=0, content="A", finish_reason=FINISH_REASON_STOP),
    ) == [choice(0, content="aA"), choice(1, FINISH_REASON_LENGTH, content="bB")]


def test_an_empty_text_is_told_from_none() -> None:
    assert of(ChatDelta(content="", refusal="no"), STOP) == [choice(content="", refusal="no")]
    assert not of(STOP)[0].message.HasField("content")


def test_lists_and_media_add_up() -> None:
    notes = [Annotation(raw_json=str(number)) for number in range(2)]
    tokens = [TokenLogprob(token=str(number)) for number in range(2)]
    found = of(
        ChatDelta(
            annotations=notes[:1],
            logprobs=Logprobs(content=tokens[:1]),
            audio=AudioOutput(id="x", data=b"a"),
            extra_json='{"a":1,"b":1}',
        ),
        ChatDelta(
            annotations=notes[1:],
            logprobs=Logprobs(content=tokens[1:]),
            audio=AudioOutput(data=b"b"),
            extra_json='{"b":2}',
        ),
        STOP,
    )
    whole = choice(annotations=notes, audio=AudioOutput(id="x", data=b"ab"), extra_json='{"a":1,"b":2}')
    whole.logprobs.content.extend(tokens)
    assert found == [whole]


def test_further_members_of_start_and_messages_are_merged() -> None:
    assert folded(
        StreamChatResponse(start=StreamStart(extra_json='{"a":1}')),
        StreamChatResponse(extra_json='{"b":2}', deltas=[STOP]),
    ) == CompleteChatResponse(extra_json='{"a":1,"b":2}', choices=[choice()])


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (StreamChatResponse(start=StreamStart(id="x")),),
        (StreamChatResponse(deltas=[ChatDelta(content="half an ans")]),),
        (StreamChatResponse(deltas=[ChatDelta(index=1, content="b"), STOP]),),
    ],
)
def test_an_answer_without_a_finish_is_no_answer(messages: tuple[StreamChatResponse, ...]) -> None:
    with pytest.raises(UpstreamTruncated, match="^the upstream ended its answer without a finish reason$"):
        folded(*messages)


def test_a_failure_of_the_stream_is_the_failure_of_the_whole() -> None:
    silent = UpstreamIdleTimeout("silent")
    with pytest.raises(UpstreamIdleTimeout) as failure:
        folded(StreamChatResponse(deltas=[STOP]), failure=silent)
    assert failure.value is silent
