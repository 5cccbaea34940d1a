"""What a servicer is given beside its request."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Never

import grpc
import grpc.aio

from qwen_grpc.inprocess.metadata import Metadata, MetadataLike, checked
from qwen_grpc.inprocess.rpc import Rpc, Status


class Context(grpc.aio.ServicerContext[Any, Any]):
    """The servicer's view of one call; the methods mean what they mean in `grpc.aio.ServicerContext`."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self._trailing_metadata: Metadata = ()
        self._callbacks: list[Callable[[Any], object]] = []

    # -- messages -----------------------------------------------------------------------------------------------------

    async def read(self) -> Any:
        """Returns the next request, or `grpc.aio.EOF` after the last."""
        self._rpc.require_running()
        return await self._rpc.requests.take()

    async def write(self, message: Any) -> None:
        """Sends a response; returns when the one before it was read."""
        waiting = self._rpc.send(message)
        if waiting is not None:
            await waiting

    def put(self, message: Any) -> Awaitable[object] | None:
        """Sends a response; returns what to await before the next one, or None for nothing.

        grpc.aio has no such thing: `write` makes a coroutine for each message.
        """
        return self._rpc.send(message)

    async def send_initial_metadata(self, initial_metadata: MetadataLike) -> None:
        """Sends the initial metadata, once and before the first response."""
        self._rpc.require_running()
        if self._rpc.initial_metadata is not None:
            raise grpc.aio.UsageError("Send initial metadata failed: already sent")
        self._rpc.open(checked(initial_metadata))

    # -- the end ------------------------------------------------------------------------------------------------------

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: MetadataLike = ()) -> Never:
        """Ends the call with an error; the texts and metadata set before serve where none is given."""
        if code is grpc.StatusCode.OK:
            raise ValueError("abort() takes an error code, got StatusCode.OK: return from the method to end it well")
        self._rpc.require_running()
        self.set_code(code)
        self._details = details or self._details
        self._trailing_metadata = checked(trailing_metadata) or self._trailing_metadata
        self._rpc.finish(self.status())
        raise grpc.aio.AbortError("Locally aborted.")

    async def abort_with_status(self, status: grpc.Status) -> Never:
        """Ends the call with the code, details and trailing metadata of a `grpc.Status`."""
        await self.abort(status.code, status.details, status.trailing_metadata)

    def status(self) -> Status:
        """How the call ends if nothing else is set."""
        return Status(self._code or grpc.StatusCode.OK, self._details, self._trailing_metadata)

    def failure(self, error: Exception) -> Status:
        """How the call ends if the method raised: with the code that was set, or UNKNOWN."""
        code = grpc.StatusCode.UNKNOWN if self._code in (None, grpc.StatusCode.OK) else self._code
        return Status(code, f"Unexpected {type(error)}: {error}", self._trailing_metadata)

    def set_code(self, code: grpc.StatusCode) -> None:
        """Sets the code to end with."""
        if not isinstance(code, grpc.StatusCode):
            raise TypeError(f"the code of a call is a grpc.StatusCode, got {type(code).__name__}")
        self._code = code

    def code(self) -> grpc.StatusCode:
        """The code that was set; None before that, as on the wire."""
        return self._code  # type: ignore[return-value]

    def set_details(self, details: str) -> None:
        """Sets the text to end with."""
        self._details = details

    def details(self) -> str:
        """The text that was set, or an empty one."""
        return self._details

    def set_trailing_metadata(self, trailing_metadata: MetadataLike) -> None:
        """Sets the metadata that follows the last response."""
        self._trailing_metadata = checked(trailing_metadata)

    def trailing_metadata(self) -> Any:
        """The trailing metadata that was set, as a tuple of pairs."""
        return self._trailing_metadata

    # -- the call -----------------------------------------------------------------------------------------------------

    @property
    def left_at(self) -> float:
        """When the client cancelled, in monotonic seconds; 0 if it did not. A call on the wire does not tell."""
        return self._rpc.left_at

    def invocation_metadata(self) -> Any:
        """The client's metadata as a tuple of pairs; there is no `user-agent` among them."""
        return self._rpc.invocation.metadata

    def time_remaining(self) -> float:
        """Seconds until the deadline; None without one, as on the wire."""
        return self._rpc.time_remaining()  # type: ignore[return-value]

    def done(self) -> bool:
        """Whether the call ended, by whichever side."""
        return self._rpc.outcome is not None

    def cancelled(self) -> bool:
        """Whether the call ended by cancellation; on the wire this stays False inside the method."""
        outcome = self._rpc.outcome
        return outcome is not None and outcome.code is grpc.StatusCode.CANCELLED

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        """Has the callback called with this context when the method is over."""
        self._callbacks.append(callback)

    def run_done_callbacks(self) -> None:
        """Calls the done callbacks."""
        for callback in self._callbacks:
            callback(self)

    # -- the peer, which is this process ------------------------------------------------------------------------------

    def peer(self) -> str:
        """Always `inprocess:`."""
        return "inprocess:"

    def peer_identities(self) -> Iterable[bytes] | None:
        """None: there is no TLS."""
        return None

    def peer_identity_key(self) -> str | None:
        """None: there is no TLS."""
        return None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Empty: there is no TLS."""
        return {}

    def set_compression(self, compression: grpc.Compression) -> None:
        """Has no effect: nothing is encoded."""

    def disable_next_message_compression(self) -> None:
        """Has no effect: nothing is encoded."""
