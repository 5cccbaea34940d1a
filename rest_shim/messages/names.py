"""What failures call by the names of chat, in the names of a body of `/v1/messages`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from rest_shim.errors import HttpError, http_error
from rest_shim.messages.body import Prompt
from rest_shim.messages.history import history
from rest_shim.messages.read import functions

_NAMES = {
    "max_completion_tokens": "max_tokens",
    "stop": "stop_sequences",
    "response_format": "output_config.format",
}
_indexed = re.compile(r"(messages|tools)\[(\d+)\]")
# What chat nests or calls otherwise.
_MEMBERS = {
    ".tool_call_id": ".tool_use_id",
    ".function.parameters": ".input_schema",
    ".function.name": ".name",
    ".function": "",
}
_member = re.compile("|".join(map(re.escape, _MEMBERS)))


@contextmanager
def named_as_in(prompt: Prompt) -> Iterator[None]:
    """Gives the failure of a call the names of this body."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise _Names(prompt).told(http_error(error)) from None


class _Names:
    """Where each message and each function of a request stood in the body."""

    def __init__(self, prompt: Prompt) -> None:
        self._places = {
            "messages": [path for _, path in history(prompt)],
            "tools": [path for _, path in functions(prompt)],
        }

    def told(self, error: HttpError) -> HttpError:
        if error.param:
            path = self._path(error.param)
            error.message, error.param = error.message.replace(error.param, path), path
        return error

    def _path(self, path: str) -> str:
        found = _indexed.match(path)
        places = self._places[found[1]] if found else ()
        if found and int(found[2]) < len(places):
            rest = _member.sub(lambda member: _MEMBERS[member[0]], path[found.end() :])
            return places[int(found[2])] + rest
        return _NAMES.get(path, path)
