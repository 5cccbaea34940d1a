"""Whose word is taken for a result: the site's own hosts, and nobody else's."""

from qwen_grpc.upstreams import results
from qwen_grpc.upstreams.chat_qwen_ai.refusals import SITE

# Where results lay, as seen in the browser's own traffic, Sep 2026.
SUFFIXES = ("qwen.ai", "qwenlm.ai", "aliyuncs.com", "alicdn.com")
# Part of the address of a verification page, which other clients took for that of a result (Sep 2026).
CHALLENGE_PATH = "/_____tmd_____/"


def allow(url: str, base_url: str) -> None:
    """Raises `UpstreamProtocol` for an address that is not one of the site's own."""
    results.allow(url, SITE, base_url, SUFFIXES)


def is_own(url: str, base_url: str) -> bool:
    """Whether an address lies at the site itself, or over https at one of its stores."""
    return results.belongs(url, base_url, SUFFIXES)
