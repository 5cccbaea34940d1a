"""Server-sent events, from bytes.

Lines end with CR, LF or CRLF and with nothing else: U+2028 and U+0085 are
text. Reads may split anything anywhere. Everything is bounded.
"""

from qwen_grpc.errors import UpstreamProtocol

EVENT_STREAM = "text/event-stream"
MAX_EVENT_BYTES = 1 << 20
MAX_STREAM_BYTES = 64 << 20
_BOM = b"\xef\xbb\xbf"
_LF, _CR = b"\n\r"


class EventDecoder:
    """Collects reads and hands out the `data` of each complete event."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._start: bytes | None = b""
        self._after_cr = False
        self._seen = 0

    def feed(self, read: bytes) -> list[bytes]:
        """Takes one read; returns the data of the events that it completed.

        Comments and events without data give nothing. Raises
        `UpstreamProtocol` when an event or the stream is too large.
        """
        line = read[:-2]
        # One event of one line, as nearly every read is, needs no further care.
        # Slices and numbers cost a fraction of `find`, `startswith`, and `in` with bytes.
        if (
            _LF not in line
            and _CR not in line
            and read[-2:] == b"\n\n"
            and line[:6] == b"data: "
            and 6 < len(line) < MAX_EVENT_BYTES
            and self._start is None
            and not (self._rest or self._after_cr)
        ):
            self._count(read)
            return [line[6:]]
        blocks = self._blocks(self._lines_ended_by_lf(read))
        return [data for block in blocks if (data := _data(block))]

    @property
    def between_events(self) -> bool:
        """Whether nothing of an event has begun: what came last and gave no data were comments."""
        return not self._rest and self._start is None

    def _lines_ended_by_lf(self, read: bytes) -> bytes:
        self._count(read)
        if self._start is not None:
            read = self._without_bom(self._start + read)
        if self._after_cr and read:
            read, self._after_cr = read.removeprefix(b"\n"), False
        if b"\r" in read:
            self._after_cr = read.endswith(b"\r")
            return read.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return read

    def _count(self, read: bytes) -> None:
        self._seen += len(read)
        if self._seen > MAX_STREAM_BYTES:
            raise UpstreamProtocol(f"the upstream's stream is longer than {MAX_STREAM_BYTES >> 20} MiB")

    def _without_bom(self, read: bytes) -> bytes:
        if _BOM.startswith(read) and read != _BOM:
            self._start = read
            return b""
        self._start = None
        return read.removeprefix(_BOM)

    def _blocks(self, text: bytes) -> list[bytes]:
        if self._rest:
            seam = len(self._rest) - 1
            self._rest += text
            if self._rest.find(b"\n\n", seam) < 0:
                self._check(self._rest)
                return []
            text = bytes(self._rest)
        *blocks, rest = text.split(b"\n\n")
        self._check(rest)
        self._rest = bytearray(rest)
        return blocks

    def _check(self, event: bytes | bytearray) -> None:
        if len(event) > MAX_EVENT_BYTES:
            raise UpstreamProtocol(f"the upstream sent an event of more than {MAX_EVENT_BYTES >> 20} MiB")


def _data(block: bytes) -> bytes:
    if len(block) > MAX_EVENT_BYTES:
        raise UpstreamProtocol(f"the upstream sent an event of more than {MAX_EVENT_BYTES >> 20} MiB")
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    lines = [line[5:] for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(line.removeprefix(b" ") for line in lines)
