"""Uploads to DashScope: documents that stay, and media that are kept for one model for two days."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from dashscope_studio import KEY, at, studio_at, visiting
from raw_server import answer, raw_server

from qwen_grpc.errors import (
    AccessDenied,
    CredentialExpired,
    InvalidParameter,
    QwenError,
    RateLimited,
    TooLarge,
    Unsupported,
    UpstreamError,
    UpstreamProtocol,
)
from qwen_grpc.upstreams.base import Attachment, Upload

STORE = "/oss/dashscope-file-mgr"
FILES = "/compatible-mode/v1/files"


def document(*chunks: bytes, kind: str = "document", error: QwenError | None = None) -> Upload:
    async def pieces() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
        if error is not None:
            raise error

    return Upload(kind, 'say "hi".txt', "text/plain", sum(map(len, chunks)), pieces())


@pytest.mark.asyncio
async def test_a_document_is_stored_and_named_by_its_id() -> None:
    async with visiting() as visit:
        stored = await visit.studio.documents.upload(document(b"first, ", b"second"), KEY)
        [kept] = visit.memory.files.values()
    assert stored == Attachment(kept.id, "document", f"fileid://{kept.id}", 'say "hi".txt', "text/plain", 13)
    assert (kept.content, kept.purpose, kept.account) == (b"first, second", "file-extract", KEY.value)


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", ["image", "audio", "video"])
async def test_media_are_not_stored_and_the_caller_is_told_what_to_do(kind: str) -> None:
    async with visiting() as visit:
        with pytest.raises(Unsupported, match="as an address or a data URL"):
            await visit.studio.documents.upload(document(b"x", kind=kind), KEY)
        assert visit.simulator.requests == []


@pytest.mark.asyncio
async def test_an_upload_that_the_caller_breaks_off_fails_for_the_callers_reason() -> None:
    wrong = InvalidParameter("the content has another SHA-256 than the header says", field="header.sha256")
    async with visiting() as visit:
        with pytest.raises(InvalidParameter) as failure:
            await visit.studio.documents.upload(document(b"first", error=wrong), KEY)
        assert (failure.value, visit.memory.files) == (wrong, {})


@pytest.mark.asyncio
@pytest.mark.parametrize(("fault", "error"), [("rate_quota", RateLimited), ("unauthorized", CredentialExpired)])
async def test_a_refused_document_says_why(fault: str, error: type[QwenError]) -> None:
    async with visiting() as visit:
        visit.behave(fail_next=1, fail_with=fault)
        with pytest.raises(error):
            await visit.studio.documents.upload(document(b"x"), KEY)


@pytest.mark.asyncio
async def test_a_document_without_an_id_is_an_error() -> None:
    async with raw_server([answer(b"{}")]) as server, studio_at(server.url) as (studio, _):
        with pytest.raises(UpstreamProtocol, match="gave no id"):
            await studio.documents.upload(document(b"x"), KEY)


@pytest.mark.asyncio
async def test_a_medium_is_stored_by_the_rules_of_its_policy_and_without_the_key() -> None:
    async with visiting() as visit:
        place = await visit.studio.store.stored(b"a frame", "../a frame.PNG", "wan2.7-i2v", KEY)
        [(key, stored)] = visit.memory.uploads.items()
        [form] = visit.asked(STORE)
    assert (place, stored.content, stored.model) == (f"oss://{key}", b"a frame", "wan2.7-i2v")
    assert key.startswith("dashscope-instant/")
    assert (key.endswith(".PNG"), " " in key, "authorization" in form.headers) == (True, False, False)


@pytest.mark.asyncio
async def test_the_same_content_is_stored_under_another_name_each_time() -> None:
    async with visiting() as visit:
        places = await asyncio.gather(*(visit.studio.store.stored(b"x", "x.png", "wan2.7-i2v", KEY) for _ in range(3)))
    assert len(set(places)) == len(visit.memory.uploads) == 3


@pytest.mark.asyncio
async def test_a_place_is_for_the_model_that_it_was_made_for() -> None:
    async with visiting() as visit:
        place = await visit.studio.store.stored(b"x", "x.png", "wan2.7-image", KEY)
        with pytest.raises(InvalidParameter):
            await visit.draw("qwen-image-2.0", images=[at(place)])
        assert len(await visit.draw("wan2.7-image", images=[at(place)])) == 1


@pytest.mark.asyncio
async def test_a_policy_that_has_ended_is_no_fault_of_the_key() -> None:
    async with visiting() as visit:
        visit.behave(policy_ttl_s=-1.0)
        with pytest.raises(UpstreamError, match="answered 403 and refused the file") as failure:
            await visit.studio.store.stored(b"x", "x.png", "wan2.7-i2v", KEY)
    assert not isinstance(failure.value, AccessDenied)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("host", "megabytes", "error"),
    [
        ("https://example.org", 1, UpstreamProtocol),
        ("http://x.oss-cn-beijing.aliyuncs.com", 1, UpstreamProtocol),
        ("https://x.oss-cn-beijing.aliyuncs.com", 0, TooLarge),
    ],
)
async def test_a_policy_that_leads_elsewhere_or_allows_less_sends_nothing(
    host: str, megabytes: int, error: type[QwenError]
) -> None:
    names = ("policy", "signature", "upload_dir", "oss_access_key_id", "x_oss_object_acl", "x_oss_forbid_overwrite")
    values = ", ".join(f'"{name}": "x"' for name in names)
    body = f'{{"data": {{{values}, "upload_host": "{host}", "max_file_size_mb": {megabytes}}}}}'
    async with raw_server([answer(body.encode())]) as server, studio_at(server.url) as (studio, _):
        with pytest.raises(error):
            await studio.store.stored(b"x", "x.png", "wan2.7-i2v", KEY)
        assert len(server.requests) == 1
