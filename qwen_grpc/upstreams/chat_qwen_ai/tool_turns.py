"""Turns with tools, of which the site knows nothing: offered in words, found in the answer."""

from collections.abc import Mapping

from qwen_grpc.answering import Messages
from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.credentials import WebSession
from qwen_grpc.tools.answer import with_calls
from qwen_grpc.tools.history import instructed, plain, reminded, respoken
from qwen_grpc.tools.prompt import functions_of, instruction, several
from qwen_grpc.upstreams.base import NO_ATTACHMENTS, Attachment
from qwen_grpc.upstreams.chat_qwen_ai.turns import Errand, Turns
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest


def has_tools(request: CompleteChatRequest, model: ResolvedModel) -> bool:
    """Whether a turn offers functions; research has no place for them."""
    return bool(request.tools) and model.mode is not Mode.DEEP_RESEARCH and bool(functions_of(request))


class ToolTurns(Turns):
    """Runs turns that offer functions. The site is told, and its chats hold, the words; callers see calls."""

    def run(
        self,
        request: CompleteChatRequest,
        model: ResolvedModel,
        session: WebSession,
        attachments: Mapping[str, Attachment] = NO_ATTACHMENTS,
    ) -> Messages:
        """Gives the answer; see `Upstream.chat`."""
        answer = super().run(in_words(request), model, session, attachments)
        return with_calls(answer, parallel=several(request))

    def _remember(self, errand: Errand, text: str) -> None:
        # The caller will send the answer back as calls, which `in_words` tells in this form.
        super()._remember(errand, respoken(text))


def in_words(request: CompleteChatRequest) -> CompleteChatRequest:
    """The request without functions, which its messages tell of instead."""
    functions = functions_of(request)
    text, messages = instruction(functions, request), plain(request.messages)
    # Of a chat that the caller names, only the last message is sent.
    told = reminded(messages, text) if request.conversation.chat_id else instructed(messages, text)
    asked = CompleteChatRequest()
    asked.CopyFrom(request)
    for field in ("messages", "tools", "tool_choice", "parallel_tool_calls"):
        asked.ClearField(field)
    asked.messages.extend(told)
    asked.tools.extend(tool for tool in request.tools if tool not in functions)
    return asked
