"""Forms that are held in memory: `multipart/form-data` whose body was read as a whole."""

from collections.abc import Iterator
from dataclasses import dataclass

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser
from sanic import Request

from rest_shim.errors import REASONS, HttpError, bad_request
from rest_shim.forms import MAX_PARTS, boundary_of


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file in a form, with what the client calls it."""

    filename: str
    mime_type: str
    content: bytes


def small_form(request: Request) -> list[tuple[str, str | FormFile]]:
    """The parts of a form by name, in order. Raises a 400 or 413 for what is no such form."""
    parser = PushMultipartParser(boundary_of(request), max_segment_count=MAX_PARTS, strict=True)
    try:
        return list(_parts(parser, request.body))
    except ParserLimitReached as error:
        raise HttpError(REASONS["TOO_LARGE"], f"the form is over a limit: {MAX_PARTS} parts") from error
    except MultipartError as error:
        text = "the body is not the form that its Content-Type announces, or ends too early"
        raise bad_request(None, text, "invalid_form") from error


def _parts(parser: PushMultipartParser, body: bytes) -> Iterator[tuple[str, str | FormFile]]:
    segment, content = None, bytearray()
    for event in parser.parse(body):
        if isinstance(event, MultipartSegment):
            segment, content = event, bytearray()
        elif event is not None:
            content += event
        elif segment is not None:
            yield segment.name, _value(segment, bytes(content))
    parser.close()


def _value(segment: MultipartSegment, content: bytes) -> str | FormFile:
    if segment.filename is None:
        return content.decode("utf-8", "replace")
    return FormFile(segment.filename, segment.content_type or "", content)
