"""The kinds of media, how they are told apart, and how much of each one message may hold.

The numbers are the limits of the site's own pages, September 2026.
"""

from collections import Counter
from collections.abc import Sequence
from mimetypes import MimeTypes

from qwen_grpc.errors import InvalidParameter, TooLarge

IMAGE, AUDIO, VIDEO, DOCUMENT = "image", "audio", "video", "document"
MIB = 1 << 20

MAX_BYTES = {IMAGE: 20 * MIB, DOCUMENT: 20 * MIB, AUDIO: 100 * MIB, VIDEO: 500 * MIB}
MAX_FILES = {IMAGE: 5, DOCUMENT: 5, AUDIO: 1, VIDEO: 1}

# As many bytes as telling a type needs; nothing of ours ever decodes media.
SNIFFED_BYTES = 16
UNKNOWN = "application/octet-stream"

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf2", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heic",
    b"M4A ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
# Python's own table, without what the machine adds to it; it lacks some usual endings.
_table = MimeTypes()
_ENDINGS = {
    "audio/wav": ".wav",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "audio/flac": ".flac",
    "image/webp": ".webp",
    "video/webm": ".webm",
}
# These hold sound, moving pictures, or both; the first bytes do not say which.
_CONTAINERS = ("audio/ogg", "video/webm", "video/mp4")


def kind_of(mime_type: str) -> str:
    """The kind that a media type belongs to; what is no picture, sound or film is a document."""
    kind = mime_type.partition("/")[0].lower()
    return kind if kind in (IMAGE, AUDIO, VIDEO) else DOCUMENT


def sniffed(head: bytes) -> str:
    """The media type that the first 16 bytes tell, or empty."""
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return next((mime_type for beginning, mime_type in _BEGINNINGS if head.startswith(beginning)), "")


def fits(mime_type: str, kind: str) -> bool:
    """Whether content that looks like this type can be of the kind."""
    return kind_of(mime_type) == kind or (mime_type in _CONTAINERS and kind in (AUDIO, VIDEO))


def named_type(filename: str) -> str:
    """The media type that a file name tells, or empty."""
    return _table.guess_type(filename, strict=False)[0] or ""


def extension_of(mime_type: str) -> str:
    """The usual ending of a file of this type, with its dot, or empty."""
    plain = mime_type.partition(";")[0].strip()
    return _ENDINGS.get(plain) or _table.guess_extension(plain, strict=False) or ""


def check_size(kind: str, size_bytes: int, field: str) -> None:
    """Raises `InvalidParameter` for an empty file and `TooLarge` for one over the limit of its kind."""
    if size_bytes <= 0:
        raise InvalidParameter("the file is empty: send at least one byte", field=field)
    if size_bytes > MAX_BYTES[kind]:
        raise too_large(kind, field)


def too_large(kind: str, field: str = "", limit: int = 0) -> TooLarge:
    """The one text about files over the limit, which is that of the kind unless another one is given."""
    return TooLarge(
        f"the file is over the limit of {(limit or MAX_BYTES[kind]) // MIB} MiB for kind {kind}", field=field
    )


def check_together(files: Sequence[tuple[str, str]]) -> None:
    """Checks the files of one message, each a path and a kind. Raises `InvalidParameter` with the path at fault."""
    seen: Counter[str] = Counter()
    for path, kind in files:
        seen[kind] += 1
        if seen[kind] > MAX_FILES[kind]:
            text = f"{path}: one message takes at most {MAX_FILES[kind]} files of kind {kind}"
            raise InvalidParameter(text, field=path)
        if len(seen) > 1 and (seen[AUDIO] or seen[VIDEO]):
            text = f"{path}: sound and films go alone; send files of other kinds in another message"
            raise InvalidParameter(text, field=path)
