"""Where results and uploads lie: at the service itself, or in Alibaba Cloud's object store."""

from qwen_grpc.upstreams import results

SUFFIXES = ("aliyuncs.com",)


def allow(url: str, name: str, base_url: str) -> None:
    """Raises `UpstreamProtocol` for an address that is not one of these; `name` is how errors call the server."""
    results.allow(url, name, base_url, SUFFIXES)


def is_own(url: str, base_url: str) -> bool:
    """Whether an address is one of these."""
    return results.belongs(url, base_url, SUFFIXES)


def secured(url: str) -> str:
    """The address over TLS where it lies in the object store, which signs host and path only, and says http of both."""
    https = f"https://{url.removeprefix('http://')}"
    return https if url.startswith("http://") and results.belongs(https, "", SUFFIXES) else url
