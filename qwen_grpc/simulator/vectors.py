"""Vectors that a text always gets again."""

from __future__ import annotations

import base64
import hashlib
import math
import struct


def vector(text: str, dimensions: int) -> list[float]:
    """A vector of length 1 that only the text decides."""
    drawn = hashlib.shake_256(text.encode("utf-8", "replace")).digest(2 * dimensions)
    numbers = [value / 32768 for value in struct.unpack(f"<{dimensions}h", drawn)]
    length = math.sqrt(sum(value * value for value in numbers))
    return [value / length for value in numbers]


def packed(numbers: list[float]) -> str:
    """Numbers as base64 of little-endian floats of four bytes."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
