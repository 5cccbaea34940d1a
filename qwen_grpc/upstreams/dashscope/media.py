"""Pictures, sound and clips inside of requests: an address, a data URL, or a place in the temporary store."""

from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import InvalidParameter
from qwen_grpc.upstreams.base import Attachment
from qwen_grpc.upstreams.dashscope.native import OSS
from qwen_grpc.upstreams.dashscope.temporary import TemporaryStore
from qwen_grpc.upstreams.data_urls import decode_data_url
from qwen_grpc.upstreams.kinds import extension_of

DATA = "data:"
# The whole of a data URL, in characters (documentation of spring 2026).
MAX_DATA_URL = 10 << 20
FETCHED = ("http://", "https://")


def is_media_url(value: object) -> bool:
    """Whether this is an address that DashScope can read, a data URL, or a place in its temporary store."""
    return isinstance(value, str) and value.startswith((*FETCHED, DATA, OSS))


class MediaInput:
    """Brings media into requests: what is too large for a request goes by way of the temporary store."""

    def __init__(self, store: TemporaryStore) -> None:
        self._store = store

    async def url(self, medium: Attachment, model: str, key: ApiKey, path: str) -> str:
        """What the request shall say of a medium; `path` names its field in errors."""
        if not is_media_url(medium.url):
            text = f"{path} is neither an address nor a data URL: send one that begins with http, https or data"
            raise InvalidParameter(text, field=path)
        if not medium.url.startswith(DATA) or len(medium.url) <= MAX_DATA_URL:
            return medium.url
        mime_type, content = _decoded(medium.url, path)
        filename = medium.filename or f"{medium.kind}{extension_of(mime_type)}"
        return await self._store.stored(content, filename, model, key)


def _decoded(url: str, path: str) -> tuple[str, bytes]:
    try:
        return decode_data_url(url)
    except InvalidParameter as error:
        error.field = path
        raise
