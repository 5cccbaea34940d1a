"""Which stored chat a conversation lives in.

The OpenAI API sends the whole history each time; the site keeps chats. A
history that we made ourselves is recognised by its hash and goes on in its
chat, so that only the new message is sent.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qwen_grpc.credentials import WebSession
from qwen_grpc.upstreams.chat_qwen_ai.attached import media_in
from qwen_grpc.upstreams.chat_qwen_ai.encode import Place, plain
from qwen_grpc.v1.chat_pb2 import ROLE_ASSISTANT, ChatMessage

MAX_CHATS = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """A chat that was made for API calls, the session that may remove it, and when it was last used."""

    place: Place
    session: WebSession
    used_at: float


def history_key(account: str, messages: Sequence[ChatMessage]) -> bytes:
    """A hash of who said what with which files, bound to an account and to whom it serves."""
    digest = hashlib.sha256(account.encode())
    for message in messages:
        files = ",".join(media.file_id for media in media_in(message))
        said = "\0".join((message.name, message.tool_call_id, plain(message), files))
        text = said.encode("utf-8", "surrogatepass")
        digest.update(b"%d %d " % (message.role, len(text)))
        digest.update(text)
    return digest.digest()


def account_of(session: WebSession, tenant: str) -> str:
    """What `take` calls an account. Those who share a session never go on in each other's chats."""
    return session.fingerprint + tenant


class Conversations:
    """A bounded memory of chats. What leaves it is handed to `remove`."""

    def __init__(
        self,
        remove: Callable[[Known], None],
        *,
        idle_s: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._remove = remove
        self._idle_s = idle_s
        self._now = now
        self._known: OrderedDict[bytes, Known] = OrderedDict()

    def take(self, account: str, messages: Sequence[ChatMessage]) -> tuple[Place | None, int]:
        """The chat that knows the beginning of `messages`, and how many of them it knows.

        The chat leaves the memory: while it answers, a second turn with the
        same history gets a chat of its own.
        """
        split = _after_last_answer(messages)
        known = self._known.pop(history_key(account, messages[:split]), None) if split else None
        return (known.place, split) if known else (None, 0)

    def keep(self, messages: Sequence[ChatMessage], place: Place, session: WebSession, tenant: str = "") -> None:
        """Remembers the chat under the history that it now holds; see `account_of`."""
        key = history_key(account_of(session, tenant), messages)
        if displaced := self._known.pop(key, None):
            self._remove(displaced)
        self._known[key] = Known(place, session, self._now())
        if len(self._known) > MAX_CHATS:
            self._remove(self._known.popitem(last=False)[1])

    def sweep(self, *, all_of_them: bool = False) -> None:
        """Hands out what has been idle for too long, or everything."""
        oldest = self._now() - self._idle_s
        while self._known and (all_of_them or next(iter(self._known.values())).used_at < oldest):
            self._remove(self._known.popitem(last=False)[1])


def _after_last_answer(messages: Sequence[ChatMessage]) -> int:
    answers = [at for at, message in enumerate(messages) if message.role == ROLE_ASSISTANT]
    # A conversation that ends with an answer asks to go on with it: that is no new message.
    return answers[-1] + 1 if answers and answers[-1] + 1 < len(messages) else 0
