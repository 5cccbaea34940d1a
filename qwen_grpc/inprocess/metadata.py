"""Metadata as the wire would carry it."""

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import grpc.aio


class Metadatum(NamedTuple):
    """One metadata entry; `value` is bytes exactly when the key ends in `-bin`."""

    key: str
    value: str | bytes


Metadata: TypeAlias = tuple[Metadatum, ...]
MetadataLike: TypeAlias = grpc.aio.Metadata | Iterable[tuple[str, str | bytes]]

_KEY = re.compile(r"[a-z0-9_.-]+")
_VALUE = re.compile(r"[ -~]*")


def checked(metadata: MetadataLike | None) -> Metadata:
    """Returns the entries as a servicer would see them.

    Raises:
        ValueError: for a key or value that HTTP/2 metadata cannot carry. The wire refuses capital letters too.
        TypeError: for a value of the wrong type.

    """
    if not metadata:
        return ()
    return tuple([_entry(key, value) for key, value in metadata])


def _entry(key: str, value: str | bytes) -> Metadatum:
    if not _KEY.fullmatch(key):
        raise ValueError(f"metadata key {key!r} is not valid: use lower-case letters, digits, '_', '-' and '.'")
    if key.endswith("-bin"):
        if not isinstance(value, bytes):
            raise TypeError(f"metadata {key!r} takes bytes because its key ends in '-bin', got {type(value).__name__}")
        return Metadatum(key, value)
    return Metadatum(key, _text(key, value))


def _text(key: str, value: str | bytes) -> str:
    # The value may be a credential, so no message shows it.
    if not isinstance(value, str | bytes):
        raise TypeError(f"metadata {key!r} takes text, got {type(value).__name__}")
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if not _VALUE.fullmatch(text):
        raise ValueError(f"metadata {key!r} may hold printable ASCII only: name it '{key}-bin' to send other bytes")
    return text
