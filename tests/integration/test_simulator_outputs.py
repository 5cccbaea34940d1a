import struct
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from media_caller import make, poll, submit, url_of
from simulator_caller import calling

from qwen_grpc.simulator import Behaviour
from qwen_grpc.simulator.renderings import video


@pytest_asyncio.fixture
async def stranger() -> AsyncIterator[httpx.AsyncClient]:
    """A client without a session, as whoever downloads a result should be."""
    async with httpx.AsyncClient() as client:
        yield client


@pytest.mark.asyncio
async def test_a_film_is_a_row_of_boxes_of_the_wanted_size(stranger: httpx.AsyncClient) -> None:
    async with calling(Behaviour(video_bytes=300_001, video_polls=0)) as caller:
        film = (await stranger.get((await poll(caller, await submit(caller))).json()["data"]["content"])).content

    boxes, rest = [], film
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        boxes.append((rest[4:8], length))
        rest = rest[length:]
    assert [kind for kind, _ in boxes] == [b"ftyp", b"moov", b"mdat"]
    assert sum(length for _, length in boxes) == len(film) == 300_001


# The range that is asked for, and the status, the part that comes and its `Content-Range`.
RANGES: dict[str, tuple[int, slice, str | None]] = {
    "": (200, slice(None), None),
    "bytes=0-": (206, slice(0, None), "bytes 0-199999/200000"),
    "bytes=0-0": (206, slice(0, 1), "bytes 0-0/200000"),
    "bytes=70-130": (206, slice(70, 131), "bytes 70-130/200000"),
    "bytes=65535-131072": (206, slice(65535, 131073), "bytes 65535-131072/200000"),
    "bytes=199990-900000": (206, slice(199990, None), "bytes 199990-199999/200000"),
    "bytes=-7": (206, slice(-7, None), "bytes 199993-199999/200000"),
    "bytes=200000-": (416, slice(0, 0), "bytes */200000"),
    "bytes=-0": (416, slice(0, 0), "bytes */200000"),
    "bytes=0-1,5-6": (200, slice(None), None),
    "pages=1-2": (200, slice(None), None),
}


@pytest.mark.asyncio
async def test_a_film_is_delivered_in_any_range(stranger: httpx.AsyncClient) -> None:
    async with calling(Behaviour(video_bytes=200_000, video_polls=0)) as caller:
        url = (await poll(caller, await submit(caller))).json()["data"]["content"]
        seen = {text: await stranger.get(url, headers={"range": text} if text else {}) for text in RANGES}
        head = await stranger.head(url)
        heads = [request.headers for request in caller.simulator.requests if request.path.startswith("/output/")]

    whole = seen[""].content
    assert {
        text: (reply.status_code, reply.content, reply.headers.get("content-range")) for text, reply in seen.items()
    } == {text: (status, whole[part], told) for text, (status, part, told) in RANGES.items()}
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "200000", b"")
    assert {reply.headers["etag"] for reply in (*seen.values(), head)} == {seen[""].headers["etag"]}
    assert {reply.headers["accept-ranges"] for reply in (*seen.values(), head)} == {"bytes"}
    assert [name for sent in heads for name in ("authorization", "cookie") if name in sent] == []


@pytest.mark.asyncio
async def test_a_range_of_another_version_is_the_whole_file(stranger: httpx.AsyncClient) -> None:
    async with calling() as caller:
        url = url_of(await make(caller, "a fox", "t2i"))
        etag = (await stranger.head(url)).headers["etag"]
        statuses = [
            (await stranger.get(url, headers={"range": "bytes=5-9", "if-range": tag})).status_code
            for tag in (etag, '"another"')
        ]

    assert statuses == [206, 200]


@pytest.mark.asyncio
async def test_a_made_file_needs_a_fresh_key_of_its_own(stranger: httpx.AsyncClient) -> None:
    async with calling() as caller:
        first, second = [url_of(await make(caller, "a fox", "t2i")) for _ in range(2)]
        caller.simulator.behaviour.output_key_ttl_s = -1
        expired = url_of(await make(caller, "a fox", "t2i"))
        bare, key = first.partition("?")[0], second.partition("?")[2]
        replies = [await stranger.get(url) for url in (bare, f"{bare}?{key}", expired)]
        head = await stranger.head(expired)

    texts = ["The key is missing or belongs to another file."] * 2 + ["The key has expired."]
    assert [reply.status_code for reply in (*replies, head)] == [403] * 4
    assert [reply.text for reply in replies] == [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>{text}</Message></Error>'
        for text in texts
    ]
    assert {reply.headers["content-type"] for reply in replies} == {"application/xml"}


@pytest.mark.asyncio
async def test_the_key_of_a_made_file_does_not_sign_anybody_in() -> None:
    async with calling() as caller:
        key = url_of(await make(caller, "a fox", "t2i")).partition("?key=")[2]
        reply = await caller.http.get("/api/v2/chats/", headers={"authorization": f"Bearer {key}"})

    assert reply.json()["data"]["code"] == "Unauthorized"


async def download(client: httpx.AsyncClient, url: str, taken: bytearray) -> None:
    async with client.stream("GET", url) as reply:
        async for piece in reply.aiter_raw():
            taken += piece


@pytest.mark.asyncio
async def test_a_download_can_be_cut_and_taken_up_again(stranger: httpx.AsyncClient) -> None:
    async with calling(Behaviour(video_polls=0, output_cut_bytes=70_000)) as caller:
        url = (await poll(caller, await submit(caller))).json()["data"]["content"]
        taken = bytearray()
        with pytest.raises(httpx.RemoteProtocolError):
            await download(stranger, url, taken)
        rest = await stranger.get(url, headers={"range": f"bytes={len(taken)}-"})

    whole = video("user-1/t2v/" + url.partition("/t2v/")[2].partition("?")[0], 100_000)
    assert (len(taken), rest.status_code) == (70_000, 206)
    assert bytes(taken) + rest.content == whole.piece(0, 100_000)


@pytest.mark.asyncio
async def test_a_download_can_be_slow(stranger: httpx.AsyncClient) -> None:
    async with calling(Behaviour(video_polls=0, output_pace_s=0.1)) as caller:
        url = (await poll(caller, await submit(caller))).json()["data"]["content"]
        began = time.monotonic()
        film = await stranger.get(url)

    # Two pieces of 64 KiB hold its 100,000 bytes; nothing follows the pause after the last one.
    assert (len(film.content), time.monotonic() - began >= 0.1) == (100_000, True)
