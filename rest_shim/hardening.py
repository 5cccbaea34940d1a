"""What no well-meant request has: ambiguous hosts and header names that another parser would read differently."""

import re
from typing import Any

from sanic import Request

from rest_shim.errors import bad_request

_host = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:\d{1,5})?")
_name = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def check_head(request: Request) -> None:
    """Refuses a request without exactly one plain Host, or with a header name that is no token."""
    if request.method == "NONE":
        # The framework's stand-in for a request that it could not read; what was wrong with that is told instead.
        return
    hosts = request.headers.getall("host", [])
    if len(hosts) != 1 or not _host.fullmatch(hosts[0]):
        raise bad_request(None, "expected exactly one Host header with a name and a port", "invalid_request")
    if any(not _name.fullmatch(name) for name in request.headers):
        raise bad_request(None, "a header name holds characters that HTTP does not allow", "invalid_request")


def close_after(request: Request) -> None:
    """Lets nothing that follows on this connection be read as another request."""
    stream: Any = request.stream
    if stream is not None:
        stream.keep_alive = False
        # Sanic would else wait, without a clock, for a body that is still to come.
        stream.request_body = None
