"""What a person takes out of their own signed-in browser, made into a web session.

Everything is carried as it was exported; nothing is made up. Only requests
to the site's two hosts are looked at, whatever else the browser recorded.
"""

from qwen_grpc.addresses import AUTH_HOST, CHAT_HOST, COMPLETIONS
from qwen_grpc.credentials import curl, har
from qwen_grpc.credentials.exchange import Exchange, cookie_pairs, jar
from qwen_grpc.credentials.fields import is_carried, is_header_value
from qwen_grpc.credentials.kinds import WebSession
from qwen_grpc.credentials.reading import session
from qwen_grpc.errors import InvalidParameter

MAX_BYTES = har.MAX_BYTES

_MAX_COOKIE_TEXT = 65_536


def from_har(data: bytes) -> WebSession:
    """Read a HAR file.

    Token and cookies come from the newest authenticated request to the chat
    host, the browser's headers from the newest message sent, and the refresh
    token from the newest cookie of that name. Raises `InvalidParameter` if
    the file holds no session and `TokenMalformed` if its session is broken.
    """
    ours = [each for each in har.exchanges(data) if each.host in (CHAT_HOST, AUTH_HOST)]
    chat = [each for each in ours if each.host == CHAT_HOST]
    signed_in = next((each for each in reversed(chat) if each.token), None)
    if signed_in is None:
        raise InvalidParameter(
            f"this HAR holds no request to {CHAT_HOST} with an authorization header or a token cookie; "
            "record while sending one message, with sensitive data included"
        )
    described = next((each for each in reversed(chat) if _is_message(each)), signed_in)
    refresh_token = next((each.refresh_token for each in reversed(ours) if each.refresh_token), "")
    return _session(signed_in, described, refresh_token)


def from_curl(text: str) -> WebSession:
    """Read one "Copy as cURL" command; raises `InvalidParameter` or `TokenMalformed`."""
    exchange = curl.exchange(text)
    if exchange.host not in (CHAT_HOST, AUTH_HOST):
        raise InvalidParameter(
            f"this cURL command is not of a request to https://{CHAT_HOST}; copy the request that sends a message"
        )
    if not exchange.token and not exchange.refresh_token:
        raise InvalidParameter(
            "this cURL command has neither an authorization header nor a token or refresh_token cookie; "
            "copy it while signed in, from the request that sends a message"
        )
    return _session(exchange, exchange, exchange.refresh_token)


def from_cookies(text: str, user_agent: str = "") -> WebSession:
    """Read the text of a Cookie header, with or without its name; raises `InvalidParameter` or `TokenMalformed`."""
    pairs = cookie_pairs(_without_name(text.strip())) if len(text) <= _MAX_COOKIE_TEXT else ()
    cookies = jar(pairs)
    if not cookies.get("token") and not cookies.get("refresh_token"):
        raise InvalidParameter(
            "this cookie text has neither a token nor a refresh_token; "
            f"copy the whole Cookie header of a request to {CHAT_HOST} while signed in"
        )
    return session({"cookies": cookies, "user_agent": user_agent})


def from_export(data: bytes, user_agent: str = "") -> WebSession:
    """Read any of the three, told apart by how they begin; `user_agent` is for a cookie text, which has none."""
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        return from_har(data)
    text = data.decode("utf-8-sig", errors="replace")
    if start.startswith(b"curl"):
        return from_curl(text)
    return from_cookies(text, user_agent)


def _without_name(text: str) -> str:
    name, colon, rest = text.partition(":")
    return rest if colon and name.lower() == "cookie" else text


def _is_message(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.path == COMPLETIONS


def _session(signed_in: Exchange, described: Exchange, refresh_token: str) -> WebSession:
    headers = {name: value for name, value in described.headers if is_carried(name) and is_header_value(value)}
    return session(
        {
            "token": signed_in.token,
            "refresh_token": refresh_token,
            "cookies": jar(signed_in.cookies),
            "headers": headers,
        }
    )
