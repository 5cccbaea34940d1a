"""Which credential served a conversation before: upstream caches and stored chats know it there."""

import hashlib
from collections import OrderedDict

from qwen_grpc.v1.chat_pb2 import ROLE_USER, CompleteChatRequest

MAX_KNOWN = 10_000


class Affinity:
    """The last lane of each conversation, by its label; the oldest are forgotten."""

    def __init__(self) -> None:
        self._labels: OrderedDict[str, str] = OrderedDict()

    def label(self, thread: str) -> str:
        """The lane that served it last, or an empty text."""
        return self._labels.get(thread, "")

    def remember(self, thread: str, label: str) -> None:
        """The conversation was served by that lane."""
        self._labels[thread] = label
        self._labels.move_to_end(thread)
        if len(self._labels) > MAX_KNOWN:
            self._labels.popitem(last=False)


def thread_of(request: CompleteChatRequest) -> str:
    """What stays the same in a conversation: its chat if it names one, else how it began."""
    if request.conversation.chat_id:
        return request.conversation.chat_id
    beginning = hashlib.sha256()
    for message in request.messages:
        beginning.update(message.SerializeToString(deterministic=True))
        if message.role == ROLE_USER:
            break
    return beginning.hexdigest()
