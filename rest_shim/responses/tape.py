"""The events of one stream, numbered."""

from typing import Any

import msgspec

from qwen_grpc.openai_json.jsontext import dump
from rest_shim.sse import named_frame

# Stand for number and text while the constant parts of a record are rendered.
_NUMBER, _TEXT = "\0", "\1"

_encode_text = msgspec.json.Encoder().encode


class Tape:
    """Collects records until they are taken; every event of a stream goes through it."""

    def __init__(self) -> None:
        self._number = 0
        self._records: list[bytes] = []

    def add(self, kind: str, **members: Any) -> None:
        """Adds one event of any kind."""
        self.add_record(named_frame(kind, dump({"type": kind, "sequence_number": self._number, **members})))

    def add_record(self, *pieces: bytes) -> None:
        """Adds one event that is rendered already, with the number that `number` gave."""
        self._records += pieces
        self._number += 1

    @property
    def number(self) -> bytes:
        """The number of the next event."""
        return b"%d" % self._number

    def taken(self) -> bytes:
        """All that was added since it was taken before."""
        records, self._records = self._records, []
        return b"".join(records)


class Pieces:
    """Events of one kind that differ in a piece of text only: nearly all of a stream."""

    def __init__(self, tape: Tape, kind: str, **where: Any) -> None:
        record = named_frame(kind, dump({"type": kind, "sequence_number": _NUMBER, **where, "delta": _TEXT}))
        self._tape = tape
        self._before, _, rest = record.partition(dump(_NUMBER))
        self._between, _, self._after = rest.rpartition(dump(_TEXT))

    def add(self, text: str) -> None:
        """Adds the event of a piece."""
        tape = self._tape
        tape.add_record(self._before, tape.number, self._between, _encode_text(text), self._after)
