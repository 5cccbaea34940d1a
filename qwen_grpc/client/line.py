"""What generated stubs take for a channel: it brings the credential along."""

import re
from collections.abc import Mapping
from typing import Any

from grpclib.client import Channel

from qwen_grpc.client.exchange import REQUEST_ID, Exchange

Headers = Mapping[str, str | bytes]

# What a header may carry: printable ASCII.
_printable = re.compile(r"[ -~]+")


class Line:
    """A channel with headers that go along with every call."""

    def __init__(self, channel: Channel, headers: Headers) -> None:
        self.channel = channel
        self.headers = checked(headers)
        self.latest: Exchange | None = None

    def request(self, *method: Any, metadata: Headers | None = None, **limits: Any) -> Exchange:
        """Begins a call, as `grpclib.client.Channel` does; metadata of the call win over the line's own."""
        headers = {**self.headers, **checked(dict(metadata or ()))}
        stream = self.channel.request(*method, metadata=headers, **limits)
        self.latest = Exchange(stream, str(headers.get(REQUEST_ID, "")))
        return self.latest


def headers_of(credential: str, request_id: str) -> dict[str, str]:
    """The headers of a call; an empty word sends none."""
    named = {"authorization": f"Bearer {credential}" if credential else "", REQUEST_ID: request_id}
    return {name: value for name, value in named.items() if value}


def checked(headers: Headers) -> Headers:
    """Headers that can be sent. Raises `ValueError`, which says whose value is wrong and never the value."""
    for name, value in headers.items():
        if isinstance(value, str) and not _printable.fullmatch(value):
            raise ValueError(f"{name}: expected printable ASCII characters without line ends")
    return headers
