"""What each of the four ways tells of a conversation, in one form that can be compared."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import grpc
import httpx
from conversations import Told
from operated import Operated
from rich_errors import reason_of
from support import bearer, records

from qwen_grpc.credentials import Credentials
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.v1 import chat_pb2 as pb
from rest_shim.errors import REASONS, Row

Body = Mapping[str, Any]
COMPLETIONS = "/v1/chat/completions"
SUMS = {"prompt_tokens", "completion_tokens", "total_tokens"}


def _message(body: Body) -> pb.CompleteChatRequest:
    return REQUESTS.read(pb.CompleteChatRequest, dict(body))


async def grpc_stream(house: Operated, body: Body, credential: Credentials) -> Told:
    """`StreamChat`: the start comes first, thoughts before words, the finish reason and the usage last."""
    told = pb.StreamChatResponse()
    try:
        call = house.chat.StreamChat(_message(body), metadata=tuple(bearer(credential).items()), timeout=20)
        async for message in call:
            assert message.HasField("start") != told.HasField("start"), "the first message has the start, and no other"
            told.MergeFrom(message)
    except grpc.aio.AioRpcError as error:
        code, reason = reason_of(error)
        return _of_deltas(told.deltas, code=code, reason=reason)
    for index in {delta.index for delta in told.deltas}:
        assert_in_order([kind for delta in told.deltas if delta.index == index for kind in _kinds_of(delta)])
    assert told.usage.total_tokens == told.usage.prompt_tokens + told.usage.completion_tokens > 0
    return _of_deltas(told.deltas)


def _kinds_of(delta: pb.ChatDelta) -> list[str]:
    """What is in a delta; activity of the upstream is not part of the answer."""
    found = {
        "reasoning": bool(delta.reasoning_content),
        "content": bool(delta.content),
        "calls": bool(delta.tool_calls),
        "finish": bool(delta.finish_reason),
    }
    return [kind for kind, there in found.items() if there]


def assert_in_order(order: Sequence[str]) -> None:
    """The parts of an answer come one after the other."""
    rank = ["role", "reasoning", "content", "calls", "finish"]
    places = [rank.index(kind) for kind in order]
    assert places == sorted(places), order


def _of_deltas(deltas: Sequence[pb.ChatDelta], **failure: str) -> Told:
    choices = {delta.index: [one for one in deltas if one.index == delta.index] for delta in deltas}
    found = [_of_choice(choice, failure) for choice in choices.values()]
    return _alike(found, failure)


def _of_choice(deltas: Sequence[pb.ChatDelta], failure: Mapping[str, str]) -> Told:
    steps = [step for delta in deltas for step in delta.tool_calls]
    names = {step.index: step.name for step in steps if step.id}
    calls = tuple(
        (name, "".join(step.arguments for step in steps if step.index == index)) for index, name in names.items()
    )
    finishes = [pb.FinishReason.Name(delta.finish_reason) for delta in deltas if delta.finish_reason]
    assert len(finishes) == (0 if failure else 1), "an answer has one finish reason, a failed one has none"
    return Told(
        reasoning="".join(delta.reasoning_content for delta in deltas),
        content="".join(delta.content for delta in deltas),
        calls=calls,
        finish="".join(finishes).removeprefix("FINISH_REASON_").lower(),
        **failure,
    )


def _alike(choices: Sequence[Told], failure: Mapping[str, str]) -> Told:
    """All answers as one: the simulated upstreams make the same answer several times."""
    if not choices:
        return Told(**failure)
    assert len(set(choices)) == 1
    return Told(**{**vars(choices[0]), "answers": len(choices)})


async def grpc_whole(house: Operated, body: Body, credential: Credentials) -> Told:
    """`CompleteChat`."""
    try:
        whole = await house.chat.CompleteChat(_message(body), metadata=tuple(bearer(credential).items()), timeout=20)
    except grpc.aio.AioRpcError as error:
        code, reason = reason_of(error)
        return Told(reason=reason, code=code)
    assert whole.usage.total_tokens > 0
    return _alike([_of_message(choice) for choice in whole.choices], {})


def _of_message(choice: Any) -> Told:
    calls = tuple((call.name, call.arguments) for call in choice.message.tool_calls)
    finish = pb.FinishReason.Name(choice.finish_reason).removeprefix("FINISH_REASON_").lower()
    return Told(choice.message.reasoning_content, choice.message.content, calls, finish)


async def rest_stream(house: Operated, body: Body, credential: Credentials) -> Told:
    """SSE with usage: a chunk of its own at the end, in place of which a failure has its error."""
    asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
    reply = await house.http.post(COMPLETIONS, json=asked, headers=bearer(credential))
    if reply.status_code != 200:
        return _refused(reply)
    *chunks, last = records(reply.text)
    failure = {"reason": _words(last["error"])} if last != "[DONE]" else {}
    if not failure:
        assert [bool(chunk["usage"]) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        assert chunks[-1]["choices"] == []
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    indexes = sorted({choice["index"] for choice in choices})
    deltas = [[one for one in choices if one["index"] == index] for index in indexes]
    for one in deltas:
        assert_in_order([kind for choice in one for kind in _kinds_of_chunk(choice)])
    return _alike([_of_chunks(one, failure) for one in deltas], failure)


def _kinds_of_chunk(choice: Mapping[str, Any]) -> list[str]:
    names = {"role": "role", "reasoning_content": "reasoning", "content": "content", "tool_calls": "calls"}
    found = [kind for name, kind in names.items() if choice["delta"].get(name)]
    return found + (["finish"] if choice["finish_reason"] else [])


def _of_chunks(choices: Sequence[Mapping[str, Any]], failure: Mapping[str, str]) -> Told:
    deltas = [choice["delta"] for choice in choices]
    steps = [step for delta in deltas for step in delta.get("tool_calls", ())]
    names = {step["index"]: step["function"]["name"] for step in steps if step.get("id")}
    calls = tuple(
        (name, "".join(step["function"].get("arguments", "") for step in steps if step["index"] == index))
        for index, name in names.items()
    )
    return Told(
        reasoning="".join(delta.get("reasoning_content") or "" for delta in deltas),
        content="".join(delta.get("content") or "" for delta in deltas),
        calls=calls,
        finish="".join(choice["finish_reason"] or "" for choice in choices),
        **failure,
    )


async def rest_whole(house: Operated, body: Body, credential: Credentials) -> Told:
    """One JSON answer."""
    reply = await house.http.post(COMPLETIONS, json=body, headers=bearer(credential))
    return _refused(reply) if reply.status_code != 200 else of_json(reply.json())


def of_json(answer: Mapping[str, Any]) -> Told:
    """What the JSON of a whole answer tells."""
    return _alike([_of_json_choice(choice) for choice in answer["choices"]], {})


def _of_json_choice(choice: Mapping[str, Any]) -> Told:
    message = choice["message"]
    functions = [call["function"] for call in message.get("tool_calls", ())]
    calls = tuple((function["name"], function["arguments"]) for function in functions)
    return Told(message.get("reasoning_content", ""), message["content"] or "", calls, choice["finish_reason"])


def _refused(reply: httpx.Response) -> Told:
    error = reply.json()["error"]
    assert reply.status_code in {row.status for row in REASONS.values() if _of_row(row) == _words(error)}
    return Told(reason=_words(error))


def _words(error: Mapping[str, Any]) -> str:
    assert list(error) == ["message", "type", "param", "code"]
    return f"{error['type']} {error['code']}"


def over_rest(reason: str) -> str:
    """The words of a failure over REST, which take the place of its reason."""
    return _of_row(REASONS[reason])


def _of_row(row: Row) -> str:
    return f"{row.type} {row.code}"


Way = Callable[[Operated, Body, Credentials], Awaitable[Told]]
WAYS: Mapping[str, Way] = {
    "gRPC stream": grpc_stream,
    "gRPC whole": grpc_whole,
    "REST stream": rest_stream,
    "REST whole": rest_whole,
}
