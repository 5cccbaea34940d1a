"""The `google.rpc.Status` in a failed call's trailers, read for grpclib."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status as RichStatus
from grpclib.const import Status
from grpclib.encoding.base import StatusDetailsCodecBase

DOMAIN = "qwen.v1"


@dataclass(frozen=True)
class Details:
    """What a failed call told beside its status.

    `reason` is a word of `qwen.v1.ErrorReason` without its prefix. A failure that no gateway gave a reason for, such
    as a broken connection, has the name of its gRPC status there. `facts` are the further words of the error.
    """

    reason: str
    facts: Mapping[str, str]
    field: str = ""
    retry_after: float | None = None
    request_id: str = ""


class DetailsCodec(StatusDetailsCodecBase):
    """What cannot be read counts as absent: the status stands without it."""

    def encode(self, status: Status, message: str | None, details: object) -> bytes:
        """Never asked for: a client only reads."""
        raise NotImplementedError

    def decode(self, status: Status, message: str | None, data: bytes) -> Details | None:
        """The details, or None when no gateway gave a reason."""
        found: dict[str, Any] = {}
        try:
            for part in _parts(RichStatus.FromString(data)):
                found |= _read(part)
        except DecodeError:
            return None
        return Details(**found) if "reason" in found else None


def _parts(status: RichStatus) -> Iterator[Message]:
    for packed in status.details:
        for kind in (ErrorInfo, RequestInfo, RetryInfo, BadRequest):
            part = kind()
            if packed.Unpack(part):
                yield part


def _read(part: Message) -> dict[str, Any]:
    match part:
        case ErrorInfo() if part.domain == DOMAIN:
            return {"reason": part.reason, "facts": dict(part.metadata)}
        case RequestInfo():
            return {"request_id": part.request_id}
        case RetryInfo():
            return {"retry_after": part.retry_delay.ToMilliseconds() / 1000}
        case BadRequest() if part.field_violations:
            return {"field": part.field_violations[0].field}
        case _:
            return {}
