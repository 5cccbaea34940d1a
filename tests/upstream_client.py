"""httpx's own client over the transport under test, for tests that want its whole API."""

import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from qwen_grpc.upstreams.transport import HEADERS, AiohttpTransport


def open_client(verify: ssl.SSLContext | None = None, connect_timeout_s: float = 5.0) -> httpx.AsyncClient:
    """A pooled client; close it with `aclose()` or by leaving `async with`.

    `verify` replaces the default trust store. `connect_timeout_s` covers name
    look-up, TCP and TLS; there is no other timeout unless a request brings
    its own, so put clocks around the reads. The client keeps no cookies,
    follows no redirects, reads no proxy or `.netrc` settings and opens as many
    connections as there are calls. A request that is cancelled, or whose
    response is left early, closes its connection.

    Raises only `httpx.TransportError` subclasses. GET, PUT and DELETE are sent
    a second time if the server hangs up without an answer; POST never is.
    """
    return httpx.AsyncClient(
        transport=AiohttpTransport(verify),
        headers=HEADERS,
        # A jar whose policy accepts no domain: one caller's cookies never reach another's request.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(None, connect=connect_timeout_s),
        follow_redirects=False,
        trust_env=False,
    )
