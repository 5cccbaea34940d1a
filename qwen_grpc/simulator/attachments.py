"""The files of a question: what the service says to those that it cannot use, and how an answer names the others."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from qwen_grpc.simulator.asked import AskedMessage
from qwen_grpc.simulator.faults import Attempt
from qwen_grpc.simulator.script import Sent
from qwen_grpc.simulator.state import Simulator
from qwen_grpc.simulator.stored import StoredFile

# The scenarios of the two captured errors inside a stream.
INTERNAL_ERROR, INVALID_INPUT = "error_string", "error_object"


def complaint(attempt: Attempt) -> str:
    """The scenario that the files of the question lead to, or empty when all of them can be used."""
    entries = attempt.asked.message.files
    return next((found for entry in entries if (found := _complaint(attempt, entry))), "")


def _complaint(attempt: Attempt, entry: dict[str, Any]) -> str:
    """Foreign documents fail inside the service, foreign media are invalid input (seen in Sep 2026).

    How the service treats foreign pictures, unfinished uploads and documents that nobody had parsed is not known;
    here all of them are invalid input, so that a caller who forgets a step finds out.
    """
    simulator, url = attempt.simulator, str(entry.get("url", ""))
    if url.startswith(f"{simulator.url}/output/"):
        return "" if entry.get("type") == "image" else INVALID_INPUT
    stored = _stored(simulator, url)
    if stored is None:
        return INTERNAL_ERROR if entry.get("type") == "file" else INVALID_INPUT
    usable = stored.user_id == attempt.user.id and stored.uploads and entry.get("id", stored.id) == stored.id
    parsed = entry.get("type") != "file" or stored.parse_status == "success"
    return "" if usable and parsed else INVALID_INPUT


def _stored(simulator: Simulator, url: str) -> StoredFile | None:
    """The file at an address, with or without its signature."""
    parts = urlsplit(url)
    bare = f"{parts.scheme}://{parts.netloc}{parts.path}"
    return next((stored for stored in simulator.files.values() if stored.url == bare), None)


def sent(message: AskedMessage) -> tuple[Sent, ...]:
    """The files as an answer mentions them."""
    return tuple(Sent(_name(entry), str(entry.get("type", "")), str(entry.get("url", ""))) for entry in message.files)


def _name(entry: dict[str, Any]) -> str:
    return str(entry.get("name") or urlsplit(str(entry.get("url", ""))).path.rpartition("/")[2])
