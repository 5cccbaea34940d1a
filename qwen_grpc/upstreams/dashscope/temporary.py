"""The temporary store: media that are too large for a request, kept for 48 hours for one model.

A policy is asked for, the file goes to the object store in a form, and the
request then names its place (as recorded in July 2025).
"""

import uuid
from collections.abc import AsyncIterable, AsyncIterator, Callable
from pathlib import PurePosixPath
from urllib.parse import quote

from msgspec import Struct

from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import TooLarge, UpstreamError, UpstreamProtocol
from qwen_grpc.upstreams.dashscope.form import Form
from qwen_grpc.upstreams.dashscope.hosts import is_own
from qwen_grpc.upstreams.dashscope.native import OSS, Native, Reply
from qwen_grpc.upstreams.dashscope.origin import NATIVE
from qwen_grpc.upstreams.http import Origin, refused_status
from qwen_grpc.upstreams.messages import Request
from qwen_grpc.upstreams.sending import sending

MIB = 1 << 20
PIECE_BYTES = 1 << 18


class Policy(Struct):
    """The leave to put one file under `upload_dir`, for some minutes."""

    policy: str
    signature: str
    upload_dir: str
    upload_host: str
    oss_access_key_id: str
    x_oss_object_acl: str
    x_oss_forbid_overwrite: str
    max_file_size_mb: int = 1024

    def __repr__(self) -> str:
        return f"Policy(upload_dir={self.upload_dir!r})"


class Offer(Reply):
    """The answer that has a policy."""

    data: Policy | None = None


def object_name() -> str:
    """A name that no other object has."""
    return uuid.uuid4().hex


class TemporaryStore:
    """Stores media for requests. `store` is a connection that is patient with files; it never gets the key."""

    def __init__(self, native: Native, store: Origin, *, new_name: Callable[[], str] = object_name) -> None:
        self._native = native
        self._store = store
        self._new_name = new_name

    async def stored(self, content: bytes, filename: str, model: str, key: ApiKey) -> str:
        """The place of a file that only this model may read, for 48 hours. Raises `TooLarge`."""
        policy = await self._policy(model, key)
        if len(content) > policy.max_file_size_mb * MIB:
            raise TooLarge(f"the file is over {policy.max_file_size_mb} MiB, which the temporary store takes at most")
        place = f"{policy.upload_dir}/{self._new_name()}{PurePosixPath(filename).suffix}"
        await self._put(content, place, policy)
        return f"{OSS}{place}"

    async def _policy(self, model: str, key: ApiKey) -> Policy:
        path = f"{NATIVE}/uploads?action=getPolicy&model={quote(model, safe='')}"
        policy = (await self._native.get(path, key, Offer)).data
        if policy is None or not is_own(policy.upload_host, self._store.base_url):
            raise UpstreamProtocol(f"{self._native.origin.name} named no object store of its own for an upload")
        return policy

    async def _put(self, content: bytes, place: str, policy: Policy) -> None:
        form = Form(_fields(place, policy), PurePosixPath(place).name)
        headers = form.headers(len(content))

        def request(body: AsyncIterable[bytes]) -> Request:
            return self._store.request("POST", policy.upload_host, headers, body)

        async with sending(self._store, form.around(_pieces(content)), request) as response:
            if response.status_code >= 500:
                raise refused_status(self._store.name, response)
            if response.status_code not in (200, 204):
                text = "refused the file: its leave to upload had ended, or does not fit"
                raise UpstreamError(f"{self._store.name} answered {response.status_code} and {text}")


def _fields(place: str, policy: Policy) -> dict[str, str]:
    return {
        "OSSAccessKeyId": policy.oss_access_key_id,
        "Signature": policy.signature,
        "policy": policy.policy,
        "key": place,
        "x-oss-object-acl": policy.x_oss_object_acl,
        "x-oss-forbid-overwrite": policy.x_oss_forbid_overwrite,
        "success_action_status": "200",
    }


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), PIECE_BYTES):
        yield content[at : at + PIECE_BYTES]
