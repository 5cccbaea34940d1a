"""The bytes of made pictures and videos: small, valid, and told apart by the colour that their id gives."""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Every video of the service lasts 5.042 seconds (seen in Sep 2026).
DURATION_MS = 5042
# Height and width by ratio: 16:9 as the current engine makes them, the others as an older one does.
PICTURE_HW = {
    "1:1": (1328, 1328), "3:4": (1472, 1140), "4:3": (1140, 1472), "16:9": (1536, 2688), "9:16": (2688, 1536),
}  # fmt: skip


def colour(name: str) -> bytes:
    """Red, green and blue, always the same for a name."""
    return hashlib.sha256(name.encode()).digest()[:3]


def png(name: str, height: int, width: int) -> bytes:
    """A picture of one colour in the full size; with one bit per pixel it stays below a few kilobytes."""
    row = b"\0" + bytes((width + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", colour(name)), (b"IDAT", zlib.compress(row * height, 1)), (b"IEND", b""))
    return PNG_SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def _movie_head() -> bytes:
    """A file type box and a movie without tracks that lasts as long as the service's videos."""
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    times = struct.pack(">IIIII", 0, 0, 0, 1000, DURATION_MS)
    # Normal rate and volume, the identity matrix, and 2 as the number of the next track.
    header = times + struct.pack(">IH10x", 0x10000, 0x100) + matrix + bytes(24) + struct.pack(">I", 2)
    return _box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isomiso2mp41") + _box(b"moov", _box(b"mvhd", header))


@dataclass(frozen=True, slots=True)
class Rendering:
    """The bytes of a made file: a beginning, then `pattern` again and again up to `size` bytes."""

    content_type: str
    head: bytes
    size: int
    pattern: bytes = b"\0"

    def piece(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, without making the others."""
        began = self.head[start:stop]
        first, missing = max(start, len(self.head)) - len(self.head), stop - start - len(began)
        shift = first % len(self.pattern)
        repeated = self.pattern * (missing // len(self.pattern) + 2)
        return began + repeated[shift : shift + missing]

    @property
    def etag(self) -> str:
        """Names these bytes."""
        told = b"%d" % self.size + self.head + self.pattern
        return f'"{hashlib.sha256(told).hexdigest()[:32].upper()}"'


def picture(name: str, height: int, width: int) -> Rendering:
    """A made picture."""
    body = png(name, height, width)
    return Rendering("image/png", body, len(body))


def video(name: str, size: int) -> Rendering:
    """A made video of at least the few bytes that its boxes need; its content is the colour, over and over."""
    head = _movie_head()
    size = max(size, len(head) + 8)
    return Rendering("video/mp4", head + struct.pack(">I", size - len(head)) + b"mdat", size, colour(name))
