"""One turn with an engine."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from qwen_grpc.answering import Messages
from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import NotFound, QwenError, UpstreamError
from qwen_grpc.tools.answer import with_calls
from qwen_grpc.tools.prompt import functions_of, several
from qwen_grpc.upstreams.clocks import Work
from qwen_grpc.upstreams.messages import Head
from qwen_grpc.upstreams.openai_engine.answers import Misplaced, mend_usage
from qwen_grpc.upstreams.openai_engine.dialects import Dialect
from qwen_grpc.upstreams.openai_engine.encode import check, encode_chat
from qwen_grpc.upstreams.openai_engine.refusals import refused, refused_event
from qwen_grpc.upstreams.openai_engine.server import EngineServer
from qwen_grpc.upstreams.openai_engine.thinking import wanted
from qwen_grpc.upstreams.openai_wire.answer import Answer
from qwen_grpc.upstreams.openai_wire.answer import Dialect as Wire
from qwen_grpc.upstreams.openai_wire.turn import Ask, stream
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, StreamChatResponse

COMPLETIONS = "/chat/completions"
LAST = {"connection": "close"}


class Turns:
    """Asks an engine, and puts right what its dialect is known to get wrong."""

    def __init__(self, server: EngineServer) -> None:
        self._server = server
        self._wire = Wire(server.place, partial(refused_event, server.place), counted=mend_usage)

    def run(
        self, request: CompleteChatRequest, model: ResolvedModel, dialect: Dialect, credentials: Credentials
    ) -> Messages:
        """Gives the answer; see `Upstream.chat`."""
        check(request, dialect)
        thinking = wanted(request, model)
        body = encode_chat(request, model, thinking, dialect)
        headers = self._server.authorized(credentials) | ({} if dialect.lasting else LAST)
        work = Work.ANSWERING if thinking.enabled is False else Work.THINKING
        ask = Ask(COMPLETIONS, headers, body, model.id, work)
        answer = Answer(self._wire, choices=max(1, request.n))
        messages = stream(self._server, ask, answer, self._refused)
        if thinking.enabled is False:
            messages = _back_in_place(messages)
        if functions_of(request):
            # Engines that were started without a parser leave calls in the text.
            messages = with_calls(messages, parallel=several(request))
        return messages

    def _refused(self, response: Head, body: bytes) -> QwenError:
        error = refused(self._server.place, response, body)
        if type(error) is not NotFound:
            return error
        text = f"{self._server.place} has no {COMPLETIONS} below its base_url, which mostly has to end with /v1"
        return UpstreamError(text)


async def _back_in_place(messages: Messages) -> AsyncGenerator[StreamChatResponse, None]:
    """The messages, with an answer that came as thinking where it belongs."""
    misplaced = Misplaced()
    async with aclosing(messages):
        try:
            async for message in messages:
                if (mended := misplaced.mend(message)).ListFields():
                    yield mended
        except QwenError:
            if (rest := misplaced.rest()).deltas:
                yield rest
            raise
