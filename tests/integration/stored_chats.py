"""Stored chats of the simulator, made without asking a model."""

from typing import Any

from support import USER, House

from qwen_grpc.simulator.state import Chat
from qwen_grpc.v1.chats_pb2_grpc import ChatsServiceStub

STRANGER = "00000000-0000-4000-8000-000000000002"
EPOCH = 1_790_000_000


def stored(house: House, count: int, *, user: str = USER, prefix: str = "chat") -> list[str]:
    """Puts so many chats on an account; returns their ids, the latest changed first."""
    for number in range(count):
        at = EPOCH + number
        chat = Chat(f"{prefix}-{number}", user, "t2t", "normal", ["qwen3.8-max"], at, at, title=f"Chat {number}")
        house.simulator.chats[chat.id] = chat
    return [f"{prefix}-{number}" for number in reversed(range(count))]


def kept(house: House) -> list[str]:
    """The ids of all chats that the simulator still has."""
    return list(house.simulator.chats)


def chats(house: House) -> Any:
    """The stub of the service."""
    return ChatsServiceStub(house.channel)
