"""Files on their way to a server: piece by piece, with a clock that stands still while the caller is the slow one."""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager

from qwen_grpc.errors import QwenError, UpstreamIdleTimeout
from qwen_grpc.upstreams.alarm import Limit, within
from qwen_grpc.upstreams.http import Origin
from qwen_grpc.upstreams.messages import Request, Response

# A large file over a slow line; whether it moves at all is watched piece by piece.
MAX_UPLOAD_S = 3600.0
IDLE_S = 60.0


@asynccontextmanager
async def sending(
    origin: Origin,
    chunks: AsyncIterator[bytes],
    request: Callable[[AsyncIterable[bytes]], Request],
    *,
    idle_s: float = IDLE_S,
) -> AsyncIterator[Response]:
    """Streams the pieces as the body of a request; gives the response. An error of `chunks` comes out as it is.

    The clock of `origin` for headers has to allow for the whole of the file.
    """
    try:
        async with within(idle_s) as clock:
            body = _Body(chunks, clock, idle_s)
            try:
                async with origin.exchange(request(body)) as response:
                    yield response
            except QwenError as error:
                raise body.failure or error from error
    except TimeoutError as error:
        raise UpstreamIdleTimeout(f"{origin.name} took nothing of the file for {idle_s:g} s") from error


class _Body:
    """The pieces of a file. Remembers why they ended early, and winds the clock of those who wait for the server.

    While a piece is waited for, the caller is slow and not the server: the clock stands still.
    """

    def __init__(self, chunks: AsyncIterator[bytes], clock: Limit, idle_s: float) -> None:
        self._chunks = chunks
        self._clock = clock
        self._idle_s = idle_s
        self.failure: QwenError | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            self._clock.wind(None)
            async for chunk in self._chunks:
                self._clock.wind(self._idle_s)
                yield chunk
                self._clock.wind(None)
        except QwenError as error:
            self.failure = error
            raise
        finally:
            self._clock.wind(self._idle_s)
