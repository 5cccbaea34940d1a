from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
from both_doors import (
    COMPLETIONS,
    GrpcFailure,
    all_ways,
    open_doors,
    question,
)
from grpc import StatusCode
from support import bearer

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import UpstreamError
from qwen_grpc.upstreams.base import NO_ATTACHMENTS, Attachment, Upstream
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse
from qwen_grpc.v1.models_pb2 import CAPABILITY_CHAT, Model

# -- the wall ---------------------------------------------------------------------------------------------------------


class Broken(Upstream):
    """An upstream with a bug: it says a few words, or none, and then raises."""

    name = "broken"

    def __init__(self, error: Exception, words: str = "") -> None:
        self._error = error
        self._words = words

    def accepts(self, credentials: Credentials) -> bool:
        return True

    async def resolve(self, name: str, credentials: Credentials | None) -> ResolvedModel:
        return ResolvedModel(name, Model(id=name, capabilities=[CAPABILITY_CHAT]), Mode.CHAT)

    async def chat(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        credentials: Credentials,
        attachments: Mapping[str, Attachment] = NO_ATTACHMENTS,
    ) -> AsyncGenerator[StreamChatResponse, None]:
        if self._words:
            message = StreamChatResponse()
            message.start.id = "chatcmpl-1"
            message.deltas.add(content=self._words)
            yield message
        raise self._error


@pytest.mark.asyncio
@pytest.mark.parametrize("words", ["", "Hi"])
async def test_a_bug_shows_nothing_of_itself_but_the_request_id(words: str) -> None:
    async with open_doors(Broken(RuntimeError("canary-4711"), words)) as doors:
        outcomes = await all_ways(doors, question("Hello"))

    for way, outcome in outcomes.items():
        failure: Any = outcome.failure
        assert outcome.text == (words if way.endswith("stream") else "")
        assert "canary" not in repr(outcome)
        assert failure.message.startswith("internal error; the log of the server explains it under req_")
    codes = [outcome.failure.code for way, outcome in outcomes.items() if outcome.failure]
    assert codes == ["internal_error", "internal_error", StatusCode.INTERNAL, StatusCode.INTERNAL]
    whole, streamed, called, _ = [outcome.failure for outcome in outcomes.values()]
    assert (whole.status, whole.type, whole.should_retry) == (500, "server_error", "false")  # type: ignore[union-attr]
    assert streamed.status == (200 if words else 500)  # type: ignore[union-attr]
    assert (called.reason, called.message.endswith(called.request_id)) == ("INTERNAL", True)  # type: ignore[union-attr]


@pytest.mark.asyncio
async def test_a_bug_is_told_with_the_request_id_that_is_in_the_headers() -> None:
    async with open_doors(Broken(RuntimeError("canary-4711"))) as doors:
        headers = {**bearer(), "x-request-id": "mine-1"}
        reply = await doors.http.post(COMPLETIONS, json=question("Hello"), headers=headers)

    assert reply.headers["x-request-id"] == "mine-1"
    assert reply.json()["error"]["message"] == "internal error; the log of the server explains it under mine-1"
    assert "canary" not in reply.text + repr(reply.headers)


@pytest.mark.asyncio
async def test_a_long_error_in_chinese_arrives_as_what_it_is_and_clipped_between_characters() -> None:
    async with open_doors(Broken(UpstreamError("错" * 3000))) as doors:
        outcomes = await all_ways(doors, question("Hello"))

    told = [(outcome.failure.code, outcome.failure.message) for outcome in outcomes.values() if outcome.failure]
    clipped = "错" * 341
    assert told == [("upstream_error", clipped)] * 2 + [(StatusCode.UNAVAILABLE, clipped)] * 2
    reasons = [outcome.failure.reason for outcome in outcomes.values() if isinstance(outcome.failure, GrpcFailure)]
    assert reasons == ["UPSTREAM_ERROR", "UPSTREAM_ERROR"]
