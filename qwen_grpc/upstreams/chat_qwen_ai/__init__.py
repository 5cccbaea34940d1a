"""Talks to chat.qwen.ai with a person's own web session."""

from qwen_grpc.upstreams.chat_qwen_ai.adapter import ChatQwenAi, Keeping
from qwen_grpc.upstreams.chat_qwen_ai.object_store import ObjectStore
from qwen_grpc.upstreams.chat_qwen_ai.site import Site

__all__ = ["ChatQwenAi", "Keeping", "ObjectStore", "Site"]
