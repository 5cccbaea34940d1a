"""Counted tokens, as servers tell them."""

from typing import Any

from qwen_grpc.openai_json.codec import RESPONSES, InvalidBody
from qwen_grpc.v1.common_pb2 import Usage

COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
# What JSON's readers can still count.
MOST = 1 << 53


def usage_of(told: Any) -> Usage | None:
    """The counts of an answer; None for what can be none: no count is better than a wrong one."""
    if not isinstance(told, dict) or not all(_is_count(told.get(name, 0)) for name in COUNTS):
        return None
    try:
        usage = RESPONSES.read(Usage, told)
    except InvalidBody:
        return None
    return usage if _is_count(usage.cached_tokens) and _is_count(usage.reasoning_tokens) else None


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST
