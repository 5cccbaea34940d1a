"""Answers in a demanded form, where the upstream has none: asked for in words, held back until they have it."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from qwen_grpc.answering import Messages
from qwen_grpc.emulation.form import Complaint, Form, form_of
from qwen_grpc.emulation.held import Held, held, summed
from qwen_grpc.errors import SchemaMismatch
from qwen_grpc.tools.history import instructed, reminded
from qwen_grpc.v1.chat_pb2 import (
    ROLE_ASSISTANT,
    ROLE_USER,
    ChatMessage,
    CompleteChatRequest,
    StreamChatResponse,
)

# What an error may carry of an answer: it travels in a header.
MAX_SHOWN_BYTES = 2048

Ask = Callable[[CompleteChatRequest], Messages]


async def shaped(request: CompleteChatRequest, ask: Ask) -> AsyncGenerator[StreamChatResponse, None]:
    """The answer to a request that demands a form, which comes when it is whole and has that form.

    A model that gets it wrong is told so once. Raises `SchemaMismatch` when
    that does not help, so nothing is ever told that has not the form, but what
    says of itself that it is no such answer: calls, a refusal, and what a
    limit or a filter cut.
    """
    form = form_of(request)
    asked = _in_words(request, form)
    answer = await held(ask(asked))
    complaint = await _complaint(form, answer)
    if complaint is not None:
        second = await held(ask(_again(asked, answer, form.correction(complaint))))
        second.usage = summed(answer.usage, second.usage)
        answer, complaint = second, await _complaint(form, second)
    if complaint is not None:
        raise _mismatch(answer, complaint)
    for message in answer.told():
        yield message


async def _complaint(form: Form, answer: Held) -> Complaint | None:
    return None if answer.exempt else await asyncio.to_thread(form.complaint, answer.shown)


def _mismatch(answer: Held, complaint: Complaint) -> SchemaMismatch:
    text = f"the answer has not the form of response_format, even after a correction: {complaint.plain}"
    shown = answer.text.encode(errors="replace")[:MAX_SHOWN_BYTES].decode(errors="ignore")
    return SchemaMismatch(text, answer=shown, complaint=complaint.plain)


def _in_words(request: CompleteChatRequest, form: Form) -> CompleteChatRequest:
    """The request without the form, which its messages tell of instead."""
    asked = CompleteChatRequest()
    asked.CopyFrom(request)
    asked.ClearField("response_format")
    del asked.messages[:]
    # Of a chat that the caller names, only the last message is sent.
    tell = reminded if request.conversation.chat_id else instructed
    asked.messages.extend(tell(request.messages, form.told()))
    return asked


def _again(asked: CompleteChatRequest, answer: Held, correction: str) -> CompleteChatRequest:
    """The request that goes on behind an answer, with what is wrong with it."""
    again = CompleteChatRequest()
    again.CopyFrom(asked)
    again.messages.add(role=ROLE_ASSISTANT, content=answer.text)
    again.messages.append(ChatMessage(role=ROLE_USER, content=correction))
    if asked.conversation.chat_id:
        again.conversation.parent_message_id = answer.message_id
    return again
