"""What the simulator keeps besides chats: the files that callers upload and the video tasks that they submit."""

from __future__ import annotations

from dataclasses import dataclass, field

# Larger uploads are remembered by their size and digest only.
KEPT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StorePass:
    """The temporary keys that let a caller put one object into the store."""

    access_key_id: str
    access_key_secret: str
    security_token: str


@dataclass(slots=True)
class StoredFile:
    """A file from its announcement on; `announced_bytes` is -1 when the caller did not say a number.

    `kind` is what the caller announced: `image`, `video`, `audio`, `file` or a MIME type. `content` is kept up to
    1 MiB. `parse_status` is empty until a parse is asked for.
    """

    id: str
    user_id: str
    name: str
    kind: str
    announced_bytes: int
    path: str
    url: str
    store_pass: StorePass
    content_type: str = ""
    uploads: int = 0
    size: int = 0
    sha256: str = ""
    etag: str = ""
    content: bytes | None = None
    parse_polls: int = 0
    parse_status: str = ""


@dataclass(slots=True)
class VideoTask:
    """A video on its way; `kind` is t2v or i2v, `running_polls` says how many polls still find it running.

    `polls` counts the status calls of its owner, `polled_at` holds their monotonic times in seconds.
    """

    id: str
    user_id: str
    chat_id: str
    message_id: str
    kind: str
    size: str
    scenario: str
    running_polls: int
    polls: int = 0
    polled_at: list[float] = field(default_factory=list)
