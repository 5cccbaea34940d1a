"""Whose word is taken for a result: the site's own hosts, and nobody else's."""

import httpx

from qwen_grpc.errors import UpstreamProtocol
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE

# Where results lay, as seen in the browser's own traffic, Sep 2026.
SUFFIXES = ("qwen.ai", "qwenlm.ai", "aliyuncs.com", "alicdn.com")
# Part of the address of a verification page, which other clients took for that of a result (Sep 2026).
CHALLENGE_PATH = "/_____tmd_____/"


def allow(url: str, base_url: str) -> None:
    """Raises `UpstreamProtocol` for an address that is not one of the site's own."""
    if not is_own(url, base_url):
        raise UpstreamProtocol(f"{SITE} named a result on a host that is not its own; it was not opened")


def is_own(url: str, base_url: str) -> bool:
    """Whether an address lies at the site itself, or over https at one of its stores."""
    try:
        target, site = httpx.URL(url), httpx.URL(base_url)
    except httpx.InvalidURL:
        return False
    own = (target.scheme, target.host, target.port) == (site.scheme, site.host, site.port)
    listed = target.scheme == "https" and target.port is None and is_listed(target.host)
    return not target.userinfo and (own or listed)


def is_listed(host: str) -> bool:
    """Whether a host is one of the site's, or below it."""
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in SUFFIXES)
