"""Names of responses and of what is in them.

The names of items are made of the response's, so a stream, the whole answer
and what is kept of it say the same ones, and an item's name tells where it is
kept.
"""

import re
import uuid

_item = re.compile(r"(?:rs|msg|fc|fco)_([0-9A-Za-z]+)(?:_\w+)?")


def new_id() -> str:
    """A name for a response."""
    return f"resp_{uuid.uuid4().hex}"


def item_id(prefix: str, response_id: str, number: int | str | None = None) -> str:
    """The name of an item of a response; the number tells it from others of its kind."""
    name = f"{prefix}_{response_id.removeprefix('resp_')}"
    return name if number is None else f"{name}_{number}"


def call_id(response_id: str, number: int, given: str) -> str:
    """The id of a call. One that came without any gets one, as its result has to name it."""
    return given or item_id("call", response_id, number)


def response_of(item: str) -> str | None:
    """The response that an item belongs to by its name; None if the name is not one of ours."""
    found = _item.fullmatch(item)
    return f"resp_{found[1]}" if found else None
