"""One call on the wire: what its headers say, and its failures in words of the contract."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from grpclib.client import Stream
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

from qwen_grpc.client.details import Details
from qwen_grpc.client.errors import QwenError, family_of

REQUEST_ID = "x-request-id"

_BROKEN = (GRPCError, StreamTerminatedError)
# Statuses that the contract has a reason for even when no gateway tells it.
_REASONS = {Status.DEADLINE_EXCEEDED: "CLIENT_DEADLINE"}


@dataclass(frozen=True)
class Reply:
    """What the headers of an answer say; a word that they do not say is empty.

    `request_id` names the call in the gateway's log. `model` answers at the upstream called `upstream`. `attempts`
    were made elsewhere before, each with its reason. `notice` says how the request was changed to be served.
    """

    request_id: str = ""
    model: str = ""
    upstream: str = ""
    attempts: str = ""
    notice: str = ""


class Exchange:
    """One call on the wire, as generated stubs drive it.

    What the caller's own code raises while it sends passes unchanged: only grpclib's failures are told anew.
    """

    def __init__(self, stream: Stream[Any, Any], request_id: str) -> None:
        self._stream = stream
        self._request_id = request_id

    @property
    def reply(self) -> Reply:
        """What the answer has said of itself until now."""
        said = {**(self._stream.trailing_metadata or {}), **(self._stream.initial_metadata or {})}
        told = {name: str(said.get(f"x-qwen-{name}", "")) for name in ("model", "upstream", "attempts", "notice")}
        return Reply(request_id=str(said.get(REQUEST_ID, "")), **told)

    async def __aenter__(self) -> Self:
        with self._telling():
            await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # grpclib has to see its own two errors first: it looks for the status behind a broken stream.
        with self._telling((OSError, *_BROKEN)):
            await self._stream.__aexit__(kind, error, trace)
            if isinstance(error, _BROKEN):
                raise error

    async def send_request(self, *, end: bool = False) -> None:
        """Sends the headers; connects first if need be."""
        with self._telling():
            await self._stream.send_request(end=end)

    async def send_message(self, message: Any, *, end: bool = False) -> None:
        """Sends a message, after the headers."""
        with self._telling():
            await self._stream.send_message(message, end=end)

    async def end(self) -> None:
        """Says that no more messages come."""
        with self._telling():
            await self._stream.end()

    async def recv_message(self) -> Any:
        """The next message, or None at a good end. A bad end is told here, before a stub misses its answer."""
        with self._telling():
            message = await self._stream.recv_message()
            if message is None:
                await self._stream.recv_trailing_metadata()
        return message

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        message = await self.recv_message()
        if message is None:
            raise StopAsyncIteration
        return message

    @contextmanager
    def _telling(self, kinds: tuple[type[Exception], ...] = (OSError,)) -> Generator[None]:
        try:
            yield
        except kinds as error:
            raise self._told(error) from error

    def _told(self, error: Exception) -> QwenError:
        status, message, details = _read(error)
        named = self.reply.request_id or self._request_id
        details = details or Details(_REASONS.get(status, status.name), {}, request_id=named)
        begun = bool(self._stream.initial_metadata)
        return family_of(status, details.reason)(status, message, details, begun=begun)


def _read(error: Exception) -> tuple[Status, str, Details | None]:
    """Status, text and details of a failure of grpclib."""
    match error:
        case GRPCError():
            details = error.details if isinstance(error.details, Details) else None
            return error.status, error.message or "the gateway gave no text", details
        case TimeoutError(errno=None):
            return Status.DEADLINE_EXCEEDED, "the call's deadline passed before its answer was complete", None
        case StreamTerminatedError():
            return Status.UNAVAILABLE, f"the connection ended before the answer was complete: {error}", None
        case _:
            return Status.UNAVAILABLE, f"the gateway cannot be reached: {error}", None
