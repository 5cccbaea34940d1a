"""Connections to a gateway, and the methods that they offer."""

import re
import ssl
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from grpclib.client import Channel

from qwen_grpc.client.details import DetailsCodec
from qwen_grpc.client.exchange import Reply
from qwen_grpc.client.line import Line, headers_of
from qwen_grpc.client.pieces import pieces_of
from qwen_grpc.typed.qwen.v1 import (
    ChatServiceStub,
    ChatsServiceStub,
    EmbeddingsServiceStub,
    File,
    FilesServiceStub,
    ImagesServiceStub,
    ModelsServiceStub,
    ResponsesServiceStub,
    TokensServiceStub,
    UploadHeader,
    VideosServiceStub,
)

# Seconds that a call may take when it is given no `timeout`: long enough for all but the longest researches and clips.
TIMEOUT_S = 600.0

_address = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:/]+)):(?P<port>[0-9]{1,5})")


class Methods(
    ChatServiceStub,
    ChatsServiceStub,
    EmbeddingsServiceStub,
    FilesServiceStub,
    ImagesServiceStub,
    ModelsServiceStub,
    ResponsesServiceStub,
    TokensServiceStub,
    VideosServiceStub,
):
    """Every method of the contract, as generated from it; the comments there are their manual.

    A method takes its request message and gives its response, or is iterated when the contract streams it. All of them
    take besides:

    - `timeout`: the seconds that the call may take in all; the connection's when absent. Above ten grpclib tells the
      gateway whole seconds, rounded down;
    - `deadline`: a `grpclib.metadata.Deadline` that several calls share;
    - `metadata`: further headers.

    Every failure is a `QwenError`. A call ends when its task is cancelled or its iterator closed, and the work upstream
    ends with it within about a second.
    """

    def __init__(self, line: Line, timeout: float) -> None:
        # It does for a stub what a channel does.
        super().__init__(cast(Channel, line), timeout=timeout)
        self._line = line

    async def upload(
        self,
        content: bytes | Path | AsyncIterable[bytes],
        header: UploadHeader | None = None,
        *,
        timeout: float | None = None,
    ) -> File:
        """Uploads a file, for `Media.file_id`.

        The content is bytes, the path of a file, or pieces of any size as they come. The header names the file; a path
        brings its own name along. What the pieces raise ends the upload and is raised here as it is.
        """
        sent = await self.upload_file(pieces_of(content, header or UploadHeader()), timeout=timeout)
        assert sent.file is not None
        return sent.file


class Call(Methods):
    """The methods again, for one call at a time: with headers of its own, and a `reply` to look at."""

    @property
    def reply(self) -> Reply:
        """What the headers of the latest answer say, from its first message on."""
        return self._line.latest.reply if self._line.latest else Reply()


class Qwen(Methods):
    """A connection to a gateway, for any number of calls at the same time."""

    def call(self, *, credential: str = "", request_id: str = "") -> Call:
        """The methods for a call that has a credential or a request id of its own, or whose reply is of interest.

        A `request_id` of up to 128 letters, digits and `._:/+=-` names the call in the gateway's log and in errors.
        """
        headers = {**self._line.headers, **headers_of(credential, request_id)}
        return Call(Line(self._line.channel, headers), cast(float, self.timeout))


@asynccontextmanager
async def connect(
    target: str, credential: str = "", *, tls: bool | ssl.SSLContext = False, timeout: float = TIMEOUT_S
) -> AsyncIterator[Qwen]:
    """A connection to the gateway at `host:port`, `[v6]:port` or `unix:/path`. Leaving it ends its calls.

    It is made with the first call, and made anew by the next call after it broke; a call itself is never repeated.

    - `credential` travels with every call as `authorization: Bearer ...`. Without one, models can be listed, and
      engines that are open to anybody answer.
    - `tls=True` trusts what the system trusts. An `ssl.SSLContext` says what to trust and which certificate to show;
      its ALPN is set to HTTP/2, so let it be one for this purpose.
    - `timeout` are the seconds that a call may take in all when it names none itself.

    Raises `ValueError` for a target or a credential that cannot be one.
    """
    where: dict[str, Any] = _place(target)
    async with Channel(**where, ssl=_context(tls), status_details_codec=DetailsCodec()) as channel:
        yield Qwen(Line(channel, headers_of(credential, "")), timeout)


def _place(target: str) -> dict[str, str | int]:
    if target.startswith("unix:"):
        return {"path": target.removeprefix("unix:").removeprefix("//")}
    found = _address.fullmatch(target)
    if not found:
        raise ValueError(f"{target!r} is no target: expected host:port, [v6]:port or unix:/path")
    return {"host": found["host"] or found["v6"], "port": int(found["port"])}


def _context(tls: bool | ssl.SSLContext) -> ssl.SSLContext | None:
    if not tls:
        return None
    context = tls if isinstance(tls, ssl.SSLContext) else ssl.create_default_context()
    # Servers of gRPC refuse whoever does not offer it.
    context.set_alpn_protocols(["h2"])
    return context
