"""Which stored chat a conversation lives in."""

import itertools

import pytest
from clockwork import Clock

from qwen_grpc.credentials import WebSession
from qwen_grpc.upstreams.chat_qwen_ai import conversations
from qwen_grpc.upstreams.chat_qwen_ai.conversations import Conversations, Known, history_key
from qwen_grpc.upstreams.chat_qwen_ai.encode import Place
from qwen_grpc.v1.chat_pb2 import ROLE_ASSISTANT, ROLE_SYSTEM, ROLE_TOOL, ROLE_USER, ChatMessage, ToolCall

ANN, BOB = WebSession(refresh_token="ann"), WebSession(refresh_token="bob")
HERE = Place("c1", "a1")


def user(content: str) -> ChatMessage:
    return ChatMessage(role=ROLE_USER, content=content)


def answer(content: str) -> ChatMessage:
    return ChatMessage(role=ROLE_ASSISTANT, content=content)


PAST = [user("Hello"), answer("Hi!")]


class Memory:
    """Conversations, with the clock and what left them."""

    def __init__(self, idle_s: float = 60) -> None:
        self.clock = Clock()
        self.removed: list[str] = []
        self.chats = Conversations(self._remove, idle_s=idle_s, now=self.clock)

    def _remove(self, known: Known) -> None:
        self.removed.append(known.place.chat_id)

    def take(self, *messages: ChatMessage, session: WebSession = ANN) -> tuple[Place | None, int]:
        return self.chats.take(session.fingerprint, messages)


def test_a_history_that_was_kept_goes_on_in_its_chat() -> None:
    memory = Memory()
    memory.chats.keep(PAST, HERE, ANN)
    assert memory.take(*PAST, user("More"), user("!")) == (HERE, 2)


def test_a_chat_that_answers_is_out_of_the_memory() -> None:
    memory = Memory()
    memory.chats.keep(PAST, HERE, ANN)
    assert [memory.take(*PAST, user("More")) for _ in range(2)] == [(HERE, 2), (None, 0)]
    assert memory.removed == []


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [user("Hello")],
        PAST,
        [user("Hello"), answer("Hi"), user("More")],
        [user("Hello!"), answer("Hi!"), user("More")],
        [user("Hello"), answer("Hi!"), user("More"), answer("Fine"), user("?")],
        [ChatMessage(role=ROLE_SYSTEM, content="x"), *PAST, user("More")],
    ],
)
def test_any_other_history_gets_a_chat_of_its_own(messages: list[ChatMessage]) -> None:
    memory = Memory()
    memory.chats.keep(PAST, HERE, ANN)
    assert memory.take(*messages) == (None, 0)


def test_another_caller_does_not_find_the_chat() -> None:
    memory = Memory()
    memory.chats.keep(PAST, HERE, ANN)
    assert memory.take(*PAST, user("More"), session=BOB) == (None, 0)


def test_a_chat_with_the_same_history_takes_the_place_of_the_older_one() -> None:
    memory = Memory()
    memory.chats.keep(PAST, HERE, ANN)
    memory.chats.keep(PAST, Place("c2", "a2"), ANN)
    assert memory.removed == ["c1"]
    assert memory.take(*PAST, user("More")) == (Place("c2", "a2"), 2)


def test_what_was_idle_for_too_long_leaves() -> None:
    memory = Memory(idle_s=60)
    for number in range(3):
        memory.chats.keep([user(str(number)), answer("a")], Place(f"c{number}"), ANN)
        memory.clock.now += 30
    memory.chats.sweep()
    assert memory.removed == ["c0"]
    memory.chats.keep([user("1"), answer("a")], *_taken(memory, "1"))
    memory.clock.now += 31
    memory.chats.sweep()
    assert memory.removed == ["c0", "c2"]


def _taken(memory: Memory, text: str) -> tuple[Place, WebSession]:
    place, _ = memory.take(user(text), answer("a"), user("more"))
    assert place is not None
    return place, ANN


def test_at_the_end_everything_leaves() -> None:
    memory = Memory()
    memory.chats.keep(PAST, HERE, ANN)
    memory.chats.keep(PAST, Place("c2"), BOB)
    memory.chats.sweep(all_of_them=True)
    assert memory.removed == ["c1", "c2"]
    assert memory.take(*PAST, user("More")) == (None, 0)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_CHATS", 2)
    memory = Memory()
    for number in range(4):
        memory.chats.keep([user(str(number)), answer("a")], Place(f"c{number}"), ANN)
    assert memory.removed == ["c0", "c1"]


def test_histories_that_look_alike_have_other_keys() -> None:
    histories = (
        [],
        [user("ab")],
        [user("a"), user("b")],
        [user("b"), user("a")],
        [answer("ab")],
        [user("a 2 b")],
        [ChatMessage(role=ROLE_USER, content="ab", name="ann")],
        [ChatMessage(role=ROLE_TOOL, content="ab", tool_call_id="ann")],
        [ChatMessage(role=ROLE_TOOL, content="ab", tool_call_id="bob")],
        [ChatMessage(role=ROLE_ASSISTANT, tool_calls=[ToolCall(id="1", name="ab")])],
        [ChatMessage(role=ROLE_ASSISTANT, tool_calls=[ToolCall(id="2", name="ab")])],
    )
    keys = [history_key(account, history) for account in ("ann", "bob") for history in histories]
    assert not [pair for pair in itertools.combinations(keys, 2) if pair[0] == pair[1]]
    assert history_key("ann", [user("ab")]) == history_key("ann", [user("ab")])
