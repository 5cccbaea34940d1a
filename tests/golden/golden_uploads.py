"""Files on their way to Qwen in golden cases: who brings them, and what was asked."""

import re
from collections.abc import Sequence
from hashlib import sha256

from raw_server import sent_headers

from qwen_grpc.ledger import Files, Ledger, Replies
from qwen_grpc.services.media import Media
from qwen_grpc.services.once import Once
from qwen_grpc.services.owners import Owners

_STORED = b"PUT "
_UPLOADS = b"POST /api/v2/files/"


def inline_media() -> Media:
    """Brings what stands in the request itself; it never asks the ledger, which is for files that came before."""
    ledger = Ledger("never-opened.sqlite3")
    return Media(Owners(ledger), Files(ledger))


def never_once() -> Once:
    """Does work that has no idempotency key."""
    ledger = Ledger("never-opened.sqlite3")
    return Once(Owners(ledger), Replies(ledger))


def calls(requests: Sequence[bytes]) -> str:
    """What was asked, call by call; with what the uploads say. Moments and signatures have names."""
    text = "".join(map(_call, requests))
    text = re.sub(r"\d{8}T\d{6}Z", "<moment>", text)
    return re.sub(r"/\d{8}/(.*Signature=)[0-9a-f]{64}", r"/<day>/\1<signature>", text)


def _call(request: bytes) -> str:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = [head.partition(b" HTTP/1.1")[0]]
    if request.startswith(_STORED):
        # To show that nothing of the session goes along. The port and the version are not the same for ever.
        headers = [pair for pair in sent_headers(request) if pair[0] not in (b"host", b"user-agent")]
        lines += [b"    %s: %s" % pair for pair in headers]
        lines += [b"    (%d bytes, SHA-256 %s)" % (len(body), sha256(body).hexdigest().encode())]
    elif request.startswith(_UPLOADS):
        lines += [b"    " + body]
    return b"\n".join([*lines, b""]).decode()
