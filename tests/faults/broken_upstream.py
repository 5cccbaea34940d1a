"""An upstream on real sockets that does well, until a test tells it otherwise."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from faces import Face
from raw_server import RawServer, Script, answer, deaf_port

# How completions are answered: a script, or what makes one for the upstream. A number is a pause in seconds.
Play = Script | Callable[["BrokenUpstream"], Script]
COMPLETIONS = b"/chat/completions"


class BrokenUpstream(RawServer):
    """Answers completions by the present play, and everything else as its face does when all is well."""

    def __init__(self, face: Face, scheme: str) -> None:
        super().__init__((), scheme)
        self._face = face
        self._listener: asyncio.Server | None = None
        self._tls: ssl.SSLContext | None = None
        self.play: Play = [face.whole()]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def open_connections(self) -> int:
        """Connections that somebody holds."""
        return len(self._open)

    def completions(self) -> list[bytes]:
        """The completions that were asked for."""
        return [request for request in self.requests if path_of(request).endswith(COMPLETIONS)]

    def _script(self, request: bytes) -> Script:
        path = path_of(request)
        if path.endswith(COMPLETIONS):
            return self.play(self) if callable(self.play) else self.play
        return [next(made for ending, made in self._face.others.items() if path.endswith(ending))]

    async def _play(self, step: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if isinstance(step, float):
            await asyncio.sleep(step)
            return True
        return await super()._play(step, reader, writer)

    # -- being there ------------------------------------------------------------------------------------------------

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listens, at the same address as before."""
        self._listener = await self.listen(tls, self.port if self.url else 0)
        self._tls = tls

    async def stop(self) -> None:
        """Hangs up on everybody, and listens no more."""
        assert self._listener is not None
        self._listener.close()
        await self.close()

    async def forget_connections(self) -> None:
        """Hangs up on everybody, and goes on listening."""
        await self.close()

    @asynccontextmanager
    async def hanging_up(self) -> AsyncIterator[None]:
        """Says goodbye on kept connections."""
        self.hang_up()
        yield

    @asynccontextmanager
    async def absent(self) -> AsyncIterator[None]:
        """Refuses connections."""
        await self.stop()
        yield
        await self.start(self._tls)

    @asynccontextmanager
    async def deaf(self) -> AsyncIterator[None]:
        """Answers no connection, as if its network were gone."""
        await self.stop()
        with deaf_port(self.port):
            yield
        await self.start(self._tls)

    @asynccontextmanager
    async def as_if_by(self, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
        """Shows another certificate, or speaks no TLS."""
        usual = self._tls
        await self.stop()
        if tls is None:
            self._listener = await asyncio.start_server(refuse, "127.0.0.1", self.port)
        else:
            await self.start(tls)
        yield
        await self.stop()
        await self.start(usual)


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says of anything that it is no HTTP."""
    await reader.read(1)
    writer.write(answer(b"", status=b"400 Bad Request"))
    writer.close()


def path_of(request: bytes) -> bytes:
    """The path of a request, without its query."""
    return request.split(b" ", 2)[1].partition(b"?")[0]


@asynccontextmanager
async def broken_upstream(face: Face, tls: ssl.SSLContext | None = None) -> AsyncIterator[BrokenUpstream]:
    """A server with this face."""
    upstream = BrokenUpstream(face, "https" if tls else "http")
    await upstream.start(tls)
    yield upstream
    await upstream.stop()
