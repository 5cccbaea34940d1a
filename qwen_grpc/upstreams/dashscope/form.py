"""Forms with a file, streamed."""

import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from qwen_grpc.upstreams.kinds import UNKNOWN

_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a `multipart/form-data` body, and a file behind them, which the object store wants last."""

    fields: Mapping[str, str]
    filename: str
    mime_type: str = UNKNOWN
    boundary: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def _head(self) -> bytes:
        parts = [f"{self._opening(name)}\r\n\r\n{value}\r\n" for name, value in self.fields.items()]
        name = self.filename.translate(_ESCAPES)
        parts.append(f'{self._opening("file")}; filename="{name}"\r\nContent-Type: {self.mime_type}\r\n\r\n')
        return "".join(parts).encode()

    @property
    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()

    def _opening(self, name: str) -> str:
        return f'--{self.boundary}\r\nContent-Disposition: form-data; name="{name}"'

    def headers(self, size_bytes: int) -> dict[str, str]:
        """The headers of the body with a file of this size."""
        length = len(self._head) + size_bytes + len(self._tail)
        return {"content-type": f"multipart/form-data; boundary={self.boundary}", "content-length": str(length)}

    async def around(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The body with the file in it."""
        yield self._head
        async for chunk in chunks:
            yield chunk
        yield self._tail
