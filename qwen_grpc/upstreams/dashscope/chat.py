"""Chat: which dialect a turn takes, and what the caller is told of how it was changed."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from qwen_grpc.answering import Messages, answering
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.configuration import ForcedTools
from qwen_grpc.credentials import ApiKey
from qwen_grpc.emulation.shaped import shaped
from qwen_grpc.upstreams.base import Attachment
from qwen_grpc.upstreams.dashscope.attached import Inlining
from qwen_grpc.upstreams.dashscope.encode import Encoded, encoded
from qwen_grpc.upstreams.dashscope.features import emulates
from qwen_grpc.upstreams.dashscope.models import traits_of
from qwen_grpc.upstreams.dashscope.native import OSS, RESOLVE
from qwen_grpc.upstreams.dashscope.native_answer import NativeAnswer
from qwen_grpc.upstreams.dashscope.origin import NATIVE, DashScopeOrigin
from qwen_grpc.upstreams.dashscope.parameters import Asked
from qwen_grpc.upstreams.dashscope.refusals import failed_finish, refusal, refused_event
from qwen_grpc.upstreams.dashscope.thinking import settled
from qwen_grpc.upstreams.openai_wire.answer import Answer, Dialect
from qwen_grpc.upstreams.openai_wire.turn import Ask, Decoding, stream
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest

COMPLETIONS = "/chat/completions"
TEXT = f"{NATIVE}/services/aigc/text-generation/generation"
MULTIMODAL = f"{NATIVE}/services/aigc/multimodal-generation/generation"
STREAMED = {"x-dashscope-sse": "enable"}


class Chat:
    """Answers turns. OpenAI's dialect is spoken, but for searches: it has no place for their sources."""

    def __init__(
        self, origin: DashScopeOrigin, inlining: Inlining, forced_tools: ForcedTools, tell: Callable[[str], None]
    ) -> None:
        self._tell = tell
        self._origin = origin
        self._inlining = inlining
        self._forced_tools = forced_tools
        host = origin.host
        self._dialect = Dialect(origin.name, partial(refused_event, host), partial(failed_finish, host))

    def run(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        key: ApiKey,
        attachments: Mapping[str, Attachment],
    ) -> Messages:
        """Gives the answer; see `Upstream.chat`."""
        turn = partial(self._run, model=model, key=key, attachments=attachments)
        emulated = emulates(request.response_format, traits_of(model.id))
        return shaped(request, turn) if emulated else turn(request)

    @answering
    async def _run(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        key: ApiKey,
        attachments: Mapping[str, Attachment],
    ) -> AsyncIterator[Messages]:
        traits = traits_of(model.id)
        asked = Asked(request, model, traits, settled(request, model, traits, self._forced_tools))
        body = encoded(await self._inlining.inlined(asked, key, attachments), asked)
        for text in body.notices:
            self._tell(text)
        async with aclosing(self._opened(body, asked, key)) as messages:
            yield messages

    def _opened(self, body: Encoded, asked: Asked, key: ApiKey) -> Messages:
        choices = asked.request.n or 1
        if asked.searches and self._origin.place.native:
            path = MULTIMODAL if asked.traits.sees else TEXT
            content, answer = body.native(sees=asked.traits.sees), NativeAnswer(self._origin.host, choices=choices)
            return self._stream(Ask(path, STREAMED, content, asked.model.id, asked.work), answer, key)
        path = self._origin.place.compatible + COMPLETIONS
        return self._stream(
            Ask(path, {}, body.compatible(), asked.model.id, asked.work), Answer(self._dialect, choices=choices), key
        )

    def _stream(self, ask: Ask, answer: Decoding, key: ApiKey) -> Messages:
        resolve = RESOLVE if OSS.encode() in ask.body else {}
        headers = {**self._origin.headers(key), **resolve, **ask.headers}
        return stream(self._origin, replace(ask, headers=headers), answer, refusal)
