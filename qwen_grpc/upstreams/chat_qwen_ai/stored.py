"""A chat as the site stores it: its tree, and the phases of its answers."""

import msgspec
from msgspec import Struct

from qwen_grpc.upstreams.chat_qwen_ai.citations import Sources
from qwen_grpc.upstreams.chat_qwen_ai.wire import NOTHING, UNREADABLE, Delta, Page, SearchExtra, part


class StoredAnswer(Struct):
    """A stored message. Each phase is stored like one delta that says all of it."""

    content_list: list[Delta] | None = None
    extra: msgspec.Raw = NOTHING


class History(Struct, rename="camel"):
    """The tree of messages and its active leaf."""

    current_id: str | None = None
    messages: dict[str, msgspec.Raw] = {}


class Inner(Struct):
    """The layer around the tree."""

    history: History = msgspec.field(default_factory=History)


class StoredChat(Struct):
    """A stored chat."""

    current: str | None = msgspec.field(default=None, name="currentId")
    chat: Inner = msgspec.field(default_factory=Inner)

    @property
    def current_id(self) -> str:
        """The id of the last message of the active branch, empty in an empty chat."""
        return self.chat.history.current_id or self.current or ""

    def answer(self, answer_id: str) -> StoredAnswer:
        """The answer of that id, or the last message when there is none."""
        messages = self.chat.history.messages
        return part(messages.get(answer_id) or messages.get(self.current_id) or NOTHING, StoredAnswer)

    @property
    def pages(self) -> dict[int, Page]:
        """The numbered pages that the last answer cites."""
        sources = Sources()
        for phase in self.answer(self.current_id).content_list or ():
            sources.add(part(phase.extra, SearchExtra))
        return sources.pages


class Envelope(Struct):
    """The answer around it."""

    data: StoredChat = msgspec.field(default_factory=StoredChat)


def decode_chat(body: bytes) -> StoredChat:
    """Reads a chat; one that is not understood reads as empty."""
    try:
        return msgspec.json.decode(body, type=Envelope).data
    except UNREADABLE:
        return StoredChat()
