"""The calls of chat.qwen.ai, one method each, without any policy."""

import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from qwen_grpc.addresses import COMPLETIONS
from qwen_grpc.credentials import WebSession
from qwen_grpc.errors import (
    AccessDenied,
    NotFound,
    QwenError,
    TokenMalformed,
    UpstreamError,
    UpstreamProtocol,
    UpstreamTtfbTimeout,
)
from qwen_grpc.upstreams.chat_qwen_ai.decode import Answer
from qwen_grpc.upstreams.chat_qwen_ai.headers import cookie_header, session_headers
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE, expired, refusal
from qwen_grpc.upstreams.chat_qwen_ai.shown import Shown
from qwen_grpc.upstreams.chat_qwen_ai.stored import StoredChat, decode_chat
from qwen_grpc.upstreams.chat_qwen_ai.text import readable
from qwen_grpc.upstreams.chat_qwen_ai.wire import UNREADABLE, Renewal, Reply
from qwen_grpc.upstreams.http import Events, Origin, Reads
from qwen_grpc.upstreams.messages import Request, Response
from qwen_grpc.upstreams.sse import EVENT_STREAM
from qwen_grpc.v1.chat_pb2 import StreamChatResponse

_reply = msgspec.json.Decoder(Reply)
_id = re.compile(r"[A-Za-z0-9_-]{1,128}")
_CHATS = "/api/v2/chats/"
_NEW_CHAT = "/api/v2/chats/new"


@dataclass(slots=True)
class Opened:
    """An answer whose first delta has arrived in `message`, and perhaps already how it broke off."""

    answer: Answer
    message: StreamChatResponse
    events: Events
    reads: Reads
    failure: QwenError | None = None


class Site(Origin):
    """chat.qwen.ai and its sign-in host, as the site's own pages call them."""

    name = SITE

    def __init__(self, base_url: str, auth_url: str, **options: Any) -> None:
        super().__init__(base_url, **options)
        self.auth_url = auth_url.rstrip("/")

    async def call(self, method: str, path: str, session: WebSession | None, body: bytes | None = None) -> Any:
        """One JSON call; returns the `data` of the envelope, or the bare answer. Raises what a refusal means."""
        content = await self.document(method, path, session, body)
        try:
            reply = readable(content)
        except UNREADABLE as error:
            raise UpstreamProtocol(f"{SITE} sent an answer that is not JSON") from error
        return reply.get("data") if isinstance(reply, dict) and reply.get("success") else reply

    async def document(
        self, method: str, path: str, session: WebSession | None = None, body: bytes | None = None
    ) -> bytes:
        """One JSON call; returns the whole answer, which is no refusal."""
        async with self.exchange(self._request(method, path, session, body)) as response:
            content = await self.body(response)
        if _refused(response, content):
            raise refusal(response, content)
        return content

    @asynccontextmanager
    async def completion(
        self, session: WebSession, chat_id: str, body: bytes, answer: Answer | None = None
    ) -> AsyncIterator[Opened]:
        """Opens an answer; raises the refusal that came in its place. Leaving closes the connection.

        What comes is decoded by `answer`, or by a new one.
        """
        path = f"{COMPLETIONS}?chat_id={_safe(chat_id)}"
        async with self.exchange(self._request("POST", path, session, body, chat_id=chat_id)) as response:
            if not response.is_success:
                raise refusal(response, await self.body(response))
            reads = Reads(self.name, response)
            answer = answer or Answer(Shown(self.base_url))
            first = await reads.next(self.soon(answer.work), UpstreamTtfbTimeout)
            if not _is_stream(response, first):
                raise refusal(response, await self.body(response, first))
            yield await self._first_delta(reads, first, answer)

    async def _first_delta(self, reads: Reads, first: bytes, answer: Answer) -> Opened:
        events = self.events(reads, first, answer.work)
        async for data in events:
            message = StreamChatResponse()
            try:
                answer.decode(data, message)
            except QwenError as error:
                if not message.deltas:
                    raise
                # Words and failure came in one read: the words are told first.
                return Opened(answer, message, events, reads, error)
            if message.deltas or answer.finished:
                return Opened(answer, message, events, reads)
        raise answer.broken()

    async def new_chat(self, session: WebSession, body: bytes) -> str:
        """Opens a chat and returns its id."""
        data = await self.call("POST", _NEW_CHAT, session, body)
        chat_id = data.get("id") if isinstance(data, dict) else None
        if not isinstance(chat_id, str) or not _id.fullmatch(chat_id):
            raise UpstreamProtocol(f"{SITE} opened a chat without giving its id")
        return chat_id

    async def chat(self, session: WebSession, chat_id: str) -> StoredChat:
        """A stored chat."""
        return decode_chat(await self.chat_document(session, chat_id))

    async def chat_document(self, session: WebSession, chat_id: str) -> bytes:
        """A stored chat with all that the site tells of it."""
        return await self.document("GET", _CHATS + _safe(chat_id), session)

    async def chats(self, session: WebSession, page: int) -> Any:
        """A page of the stored chats, from page 1 on: 60 rows, the latest changed first, none behind the last."""
        return await self.call("GET", f"{_CHATS}?page={page}&exclude_project=true", session)

    async def delete_chat(self, session: WebSession, chat_id: str) -> None:
        """Removes a chat. Raises `NotFound` when there is none."""
        _confirmed(await self.call("DELETE", _CHATS + _safe(chat_id), session))

    async def delete_chats(self, session: WebSession) -> None:
        """Removes all chats of the account."""
        _confirmed(await self.call("DELETE", _CHATS, session))

    async def stop(self, session: WebSession, chat_id: str, response_id: str) -> None:
        """Ends the answer that is being made in a chat."""
        body = msgspec.json.encode({"chat_id": chat_id, "response_id": response_id})
        await self.call("POST", f"{COMPLETIONS}/stop?chat_id={chat_id}", session, body)

    async def renew(self, session: WebSession) -> WebSession:
        """Gets an access token for the refresh token. Raises `CredentialExpired` when the session is over."""
        headers = session_headers(None, self.base_url, str(uuid.uuid4()))
        headers |= {"x-request-origin": self.base_url, "content-type": "application/json"}
        headers |= {"user-agent": session.user_agent} if session.user_agent else {}
        headers |= {"cookie": cookie_header(session, refresh=True)}
        request = self.request("GET", f"{self.auth_url}/api/v2/auths/refresh", headers)
        async with self.exchange(request) as response:
            return _renewed(session, response, await self.body(response))

    def _request(
        self, method: str, path: str, session: WebSession | None, body: bytes | None = None, *, chat_id: str = ""
    ) -> Request:
        headers = session_headers(session, self.base_url, str(uuid.uuid4()))
        if body is not None:
            headers["content-type"] = "application/json"
        if path == _NEW_CHAT:
            headers["referer"] = f"{self.base_url}/c/new-chat"
        if chat_id:
            headers |= {"referer": f"{self.base_url}/c/{chat_id}", "x-accel-buffering": "no"}
        return self.request(method, path, headers, body)


def _confirmed(done: Any) -> None:
    if isinstance(done, dict) and done.get("status") is False:
        raise UpstreamError(f"{SITE} did not delete what it was asked to delete")


def _safe(chat_id: str) -> str:
    if not _id.fullmatch(chat_id):
        raise NotFound(f"{SITE} has no chat of this id: expected letters, digits, - and _")
    return chat_id


def _is_stream(response: Response, first: bytes) -> bool:
    kind = response.headers.get("content-type", "")
    return kind.startswith(EVENT_STREAM) and first.lstrip()[:1] not in (b"{", b"<", b"")


def _refused(response: Response, content: bytes) -> bool:
    if not response.is_success or content.lstrip()[:1] not in (b"{", b"["):
        return True
    try:
        reply = _reply.decode(content)
    except UNREADABLE:
        # A bare list, or something that the caller of the document has to judge.
        return False
    return reply.success is False or bool(reply.ret) or (reply.success is None and isinstance(reply.code, str))


def _renewed(session: WebSession, response: Response, content: bytes) -> WebSession:
    if _refused(response, content):
        error = refusal(response, content)
        raise expired() if isinstance(error, AccessDenied) else error
    try:
        given = msgspec.json.decode(content, type=Renewal).data
        return session.with_token(given.access_token, given.refresh_token or "")
    except (*UNREADABLE, TokenMalformed):
        raise UpstreamProtocol(f"{SITE} renewed the session without giving a usable access token") from None
