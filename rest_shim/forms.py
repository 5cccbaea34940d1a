"""Large forms: `multipart/form-data` read as it comes, the file in it kept on disk and never in memory."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any

from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)
from sanic import Request
from sanic.exceptions import SanicException

from rest_shim.errors import REASONS, HttpError, bad_request

MAX_PARTS = 32
MAX_FIELD_BYTES = 8192
PIECE_BYTES = 256 * 1024

# How much of a refused body is still read, and for how many seconds.
DISCARDED_BYTES = 512 << 20
DISCARDED_S = 10.0


@dataclass
class Form:
    """The fields of a form, and its one file, which lies in a temporary file without a name."""

    content: IO[bytes]
    fields: dict[str, str] = field(default_factory=dict)
    filename: str = ""
    mime_type: str = ""
    size_bytes: int = 0
    has_file: bool = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The content of the file."""
        await asyncio.to_thread(self.content.seek, 0)
        while piece := await asyncio.to_thread(self.content.read, PIECE_BYTES):
            yield piece


@asynccontextmanager
async def streamed_form(request: Request, *, limit: int) -> AsyncIterator[Form]:
    """Reads a form of at most `limit` bytes whose one file is called `file`; leaving removes the file.

    Raises a 400 or 413 for what is no such form.
    """
    parser = PushMultipartParser(boundary_of(request), max_segment_count=MAX_PARTS, strict=True)
    stream: Any = request.stream
    # The limit for bodies that are held in memory is far lower.
    stream.request_max_size = limit
    with tempfile.TemporaryFile() as content:
        form = Form(content)
        try:
            await _fill(form, parser, stream)
        except ParserLimitReached as error:
            raise HttpError(REASONS["TOO_LARGE"], f"the form is over a limit: {MAX_PARTS} parts") from error
        except OSError as error:
            raise HttpError(REASONS["STATE_STORE_UNAVAILABLE"], "there is no room for the file here") from error
        except MultipartError as error:
            text = "the body is not the form that its Content-Type announces, or ends too early"
            raise bad_request(None, text, "invalid_form") from error
        yield form


async def discard(request: Request) -> None:
    """Reads what still comes of a refused body, for a while: a client that is cut off while it sends sees no answer."""
    stream: Any = request.stream
    stream.request_max_size = float("inf")
    left = DISCARDED_BYTES
    with suppress(TimeoutError, SanicException):
        async with asyncio.timeout(DISCARDED_S):
            while left > 0 and (data := await stream.read()):
                left -= len(data)


def boundary_of(request: Request) -> str:
    """What separates the parts of a form. Raises a 400 when the body is none."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise bad_request(None, "expected a body of type multipart/form-data with a boundary", "invalid_form")
    boundary: str = options["boundary"]
    return boundary


async def _fill(form: Form, parser: PushMultipartParser, stream: Any) -> None:
    part = _Part(form)
    while (data := await stream.read()) is not None:
        for event in parser.parse(data):
            await part.take(event)
    parser.close()


class _Part:
    """The part of the form that is being read."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._name = ""
        self._value = bytearray()

    async def take(self, event: MultipartSegment | bytearray | None) -> None:
        """Takes the beginning of a part, a piece of it, or its end."""
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is not None:
            await self._add(event)
        elif self._name != "file":
            self._form.fields[self._name] = self._value.decode("utf-8", "replace")

    def _begin(self, segment: MultipartSegment) -> None:
        self._name, self._value = segment.name, bytearray()
        if segment.name != "file":
            return
        if self._form.has_file:
            raise bad_request("file", "the form holds more than one file", "invalid_form")
        self._form.has_file = True
        self._form.filename, self._form.mime_type = segment.filename or "", segment.content_type or ""

    async def _add(self, piece: bytearray) -> None:
        if self._name == "file":
            self._form.size_bytes += len(piece)
            await asyncio.to_thread(self._form.content.write, piece)
            return
        self._value += piece
        if len(self._value) > MAX_FIELD_BYTES:
            raise bad_request(self._name, f"the field is over {MAX_FIELD_BYTES} bytes", "invalid_form")
