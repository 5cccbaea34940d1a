"""Content that is written into its own address: `data:` URLs (RFC 2397)."""

import base64
import binascii
from urllib.parse import unquote_to_bytes

from qwen_grpc.errors import InvalidParameter


def decode_data_url(url: str) -> tuple[str, bytes]:
    """The media type, which may be empty, and the content. Raises `InvalidParameter`."""
    head, comma, tail = url[5:].partition(",")
    if not comma:
        raise InvalidParameter("the data URL has no comma: expected data:<media type>;base64,<content>")
    mime_type, *parameters = head.split(";")
    content = unquote_to_bytes(tail)
    if parameters and parameters[-1].strip().lower() == "base64":
        content = _decoded(content)
    return mime_type.strip().lower(), content


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        raise InvalidParameter("the data URL does not decode: expected standard base64 after the comma") from None


def data_url(mime_type: str, content: bytes) -> str:
    """The content as an address."""
    return f"data:{mime_type};base64,{base64.b64encode(content).decode()}"
