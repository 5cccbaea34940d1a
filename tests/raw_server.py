"""A scripted HTTP/1.1 server that sends raw bytes, and records what it received and who hung up."""

import asyncio
import enum
import re
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path


class Step(enum.Enum):
    """What the server does instead of sending bytes."""

    CLOSE = "close the connection"
    RESET = "close the connection by a TCP reset"
    HALF_CLOSE = "say that nothing more will come, and go on"
    WAIT = "send nothing more until the client hangs up, and count that"


# Bytes are sent as they are; an event holds the rest of the script until it is set.
Script = Iterable[bytes | asyncio.Event | Step]

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
EVENT = b'data: {"text":"hi"}\n\n'


def answer(body: bytes = b"ok", *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, *headers, b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*lines, b"", body])


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


# An answer that has begun and goes on until the client leaves.
OPEN_STREAM: Script = [STREAM_HEAD + chunk(EVENT), Step.WAIT]


class RawServer:
    """Plays the n-th script for the n-th request, and the last script for all that follow."""

    def __init__(self, scripts: Sequence[Script], scheme: str) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = ""
        self._scheme = scheme
        self._scripts = scripts
        self._arrivals: asyncio.Queue[bytes] = asyncio.Queue()
        self._hang_ups: asyncio.Queue[None] = asyncio.Queue()
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def arrival(self, within: float = 5.0) -> bytes:
        """The next request that has not been asked for yet; `TimeoutError` after `within` seconds."""
        return await asyncio.wait_for(self._arrivals.get(), within)

    async def hang_ups(self, count: int, within: float) -> None:
        """Returns when `count` clients have left a `Step.WAIT`; `TimeoutError` after `within` seconds."""
        async with asyncio.timeout(within):
            for _ in range(count):
                await self._hang_ups.get()

    def hang_up(self, last_words: bytes = b"") -> None:
        """Says goodbye on all connections. It lies at the clients before any event loop looks again."""
        for writer in self._open.values():
            writer.write(last_words)
            writer.get_extra_info("socket").shutdown(socket.SHUT_WR)

    async def listen(self, tls: ssl.SSLContext | None, port: int = 0) -> asyncio.Server:
        listener = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=tls, backlog=512)
        self.url = f"{self._scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        return listener

    async def close(self) -> None:
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:
            await asyncio.wait(list(self._open), timeout=5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections += 1
        self._open[task] = writer
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            writer.close()
            del self._open[task]

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await read_request(reader)
        script = self._script(request)
        self.requests.append(request)
        self._arrivals.put_nowait(request)
        return all([await self._play(step, reader, writer) for step in script])

    def _script(self, request: bytes) -> Script:
        return self._scripts[min(len(self.requests), len(self._scripts) - 1)]

    async def _play(
        self, step: bytes | asyncio.Event | Step, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        match step:
            case bytes():
                writer.write(step)
                await writer.drain()
            case asyncio.Event():
                await step.wait()
            case Step.RESET:
                # Lingering for zero seconds is how a socket is told to reset.
                no_linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
            case Step.HALF_CLOSE:
                writer.write_eof()
            case Step.WAIT:
                with suppress(ConnectionError):
                    await reader.read(1)
                self._hang_ups.put_nowait(None)
        return step not in (Step.CLOSE, Step.RESET, Step.WAIT)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if length := re.search(rb"(?im)^content-length: *(\d+)", head):
        return head + await reader.readexactly(int(length[1]))
    if re.search(rb"(?im)^transfer-encoding: *chunked", head):
        return head + await reader.readuntil(b"0\r\n\r\n")
    return head


def sent_headers(request: bytes) -> list[tuple[bytes, bytes]]:
    """The header lines of a recorded request, names in lower case, sorted by name."""
    lines = request.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return sorted((name.lower(), value) for name, value in (line.split(b": ", 1) for line in lines))


@asynccontextmanager
async def raw_server(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    server = RawServer(scripts, "https" if tls else "http")
    async with await server.listen(tls) as listener:
        yield server
        listener.close()
        await server.close()


@contextmanager
def deaf_port(port: int = 0) -> Iterator[int]:
    """A listening port whose queue is full, so that further connections get no answer."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener.getsockname()[1]


def self_signed(folder: Path) -> tuple[str, str]:
    """A new self-signed certificate for 127.0.0.1 and its key, as file names."""
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*command, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    return certificate, key
