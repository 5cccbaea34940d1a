import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from media_caller import make
from simulator_caller import Caller, answer_of, calling, numbered, outline, verdict

from qwen_grpc.simulator import Behaviour, make_token
from qwen_grpc.simulator.signatures import (
    Upload,
    authorization_v1,
    authorization_v4,
    canonical_v4,
    sign_v1,
    sign_v4,
)

STS = "/api/v2/files/getstsToken"
BUCKET, REGION = "qwen-webui-prod", "ap-southeast-1"
OBJECT = f"/{BUCKET}/00000000-0000-4000-8000-000000000001/11111111-1111-4111-8111-111111111111_cat.png"
V4_HEADERS = {"x-oss-content-sha256": "UNSIGNED-PAYLOAD", "x-oss-date": "20260101T000000Z"}
V1_HEADERS = {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}
INVALID_INPUT = '{"error":{"code":"invalid_input","details":"输入或附件无效。请检查后重试。"},"response_index":0}'
INTERNAL_ERROR = '{"error":"Internal error!"}'


def test_the_v4_signature_is_that_of_the_known_vector() -> None:
    headers = {**V4_HEADERS, "content-type": "image/png", "x-oss-security-token": "demoToken", "host": "anywhere"}
    upload = Upload(OBJECT, headers)

    signature = "f750e618e002ce3bd4d316e7323e70211d7f8d5caeee5e6fe53fb56770fe2bcc"
    canonical = hashlib.sha256(canonical_v4(upload).encode()).hexdigest()
    assert canonical == "e030105ca5f426d18168eaaa6a140823a528a6882b7fc42d18e09493c0446f2f"
    assert sign_v4(upload, "demoSK", REGION) == signature
    assert authorization_v4(upload, "STS.demoAK", "demoSK", REGION) == (
        f"OSS4-HMAC-SHA256 Credential=STS.demoAK/20260101/ap-southeast-1/oss/aliyun_v4_request,Signature={signature}"
    )


def test_the_v1_signature_is_that_of_the_known_vector() -> None:
    upload = Upload(OBJECT, {**V1_HEADERS, "content-type": "image/png", "x-oss-security-token": "demoToken"})

    assert sign_v1(upload, "demoSK") == "v1NDiS4TSqYxXDB+3ogmaVE+pGw="
    assert authorization_v1(upload, "STS.demoAK", "demoSK") == "OSS STS.demoAK:v1NDiS4TSqYxXDB+3ogmaVE+pGw="


@dataclass
class Store:
    """A caller who uploads: the session for the site, and a client without one for the store."""

    caller: Caller
    http: httpx.AsyncClient

    async def announce(self, name: str = "cat.png", size: int = 3, kind: str = "image") -> dict[str, Any]:
        body = {"filename": name, "filesize": str(size), "filetype": kind}
        data: dict[str, Any] = (await self.caller.http.post(STS, json=body)).json()["data"]
        return data

    def signed(self, sts: dict[str, Any], scheme: str = "v4", **changes: str) -> dict[str, str]:
        token = {"content-type": "image/png", "x-oss-security-token": sts["security_token"]}
        headers = {**(V4_HEADERS if scheme == "v4" else V1_HEADERS), **token, **changes}
        upload = Upload(f"/{sts['bucketname']}/{sts['file_path']}", headers)
        keys = (sts["access_key_id"], sts["access_key_secret"])
        v4 = scheme == "v4"
        return {
            **headers,
            "authorization": authorization_v4(upload, *keys, REGION) if v4 else authorization_v1(upload, *keys),
        }

    async def put(
        self, sts: dict[str, Any], content: Any = b"cat", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        url = f"{self.caller.simulator.url}/{sts['bucketname']}/{sts['file_path']}"
        return await self.http.put(url, content=content, headers=headers or self.signed(sts))

    async def uploaded(self, name: str = "cat.png", kind: str = "image") -> dict[str, Any]:
        """A file that is in the store, as an entry of a message."""
        sts = await self.announce(name, kind=kind)
        await self.put(sts)
        return {"type": kind, "id": sts["file_id"], "url": sts["file_url"], "name": name}

    async def parse(self, *ids: str) -> list[str]:
        """Ask once how far some documents are."""
        reply = await self.caller.http.post("/api/v2/files/parse/status", json={"file_id_list": list(ids)})
        return [row["status"] for row in reply.json()["data"]]


@pytest_asyncio.fixture
async def store() -> AsyncIterator[Store]:
    async with (
        calling(Behaviour(), new_id=numbered(), now=lambda: 1_790_000_000) as caller,
        httpx.AsyncClient() as http,
    ):
        yield Store(caller, http)


@pytest.mark.asyncio
async def test_an_announced_file_gets_keys_a_place_and_an_address(store: Store) -> None:
    data = await store.announce("my cat.png")

    secrets = {name: data.pop(name) for name in ("access_key_id", "access_key_secret", "security_token")}
    url, _, query = data.pop("file_url").partition("?")
    assert data == {
        "file_path": "user-1/id-1_my cat.png",
        "file_id": "id-1",
        "bucketname": "qwen-webui-prod",
        "region": "oss-ap-southeast-1",
        "endpoint": "oss-accelerate.aliyuncs.com",
    }
    assert url == "https://qwen-webui-prod.oss-ap-southeast-1.aliyuncs.com/user-1/id-1_my%20cat.png"
    assert [part.partition("=")[0] for part in query.split("&")] == [
        "x-oss-security-token",
        "x-oss-date",
        "x-oss-expires",
        "x-oss-signature-version",
        "x-oss-credential",
        "x-oss-signature",
    ]
    assert f"x-oss-security-token={secrets['security_token']}&x-oss-date=20260921T141320Z&x-oss-expires=300&" in query
    assert secrets["access_key_id"].startswith("STS.")


ANNOUNCED: dict[str, tuple[dict[str, Any], str]] = {
    "the site's spelling": ({"filename": "a.png", "filesize": "3", "filetype": "image"}, "success"),
    "the other spelling": ({"file_name": "a.png", "file_size": 3, "file_type": "image"}, "success"),
    "a MIME type": ({"filename": "a.png", "filesize": 3, "filetype": "image/png"}, "success"),
    "no type": ({"filename": "a.png", "filesize": 3}, "Bad_Request: Invalid file information!"),
    "a strange type": (
        {"filename": "a.png", "filesize": 3, "filetype": "photo"},
        "Bad_Request: Invalid file information!",
    ),
    "no name": ({"filesize": 3, "filetype": "image"}, "Bad_Request: Invalid file information!"),
    "no size": ({"filename": "a.png", "filetype": "image"}, "Bad_Request: Invalid file information!"),
    "no number": (
        {"filename": "a.png", "filesize": "3 KB", "filetype": "image"},
        "Bad_Request: Invalid file information!",
    ),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", ANNOUNCED)
async def test_an_announcement_needs_a_name_a_size_and_a_type(store: Store, case: str) -> None:
    body, expected = ANNOUNCED[case]

    assert verdict(await store.caller.http.post(STS, json=body)) == expected


@pytest.mark.asyncio
@pytest.mark.parametrize("scheme", ["v4", "v1"])
@pytest.mark.parametrize("place", ["path", "host"])
async def test_an_upload_is_taken_by_both_signatures_and_both_addresses(store: Store, scheme: str, place: str) -> None:
    sts = await store.announce("my cat.png")
    headers = store.signed(sts, scheme)
    if place == "path":
        reply = await store.put(sts, headers=headers)
    else:
        own = {**headers, "host": f"{BUCKET}.oss-accelerate.aliyuncs.com"}
        reply = await store.http.put(f"{store.caller.simulator.url}/{sts['file_path']}", content=b"cat", headers=own)
    kept = store.caller.simulator.files["id-1"]
    sent = store.caller.simulator.requests[-1]

    assert (reply.status_code, reply.content, reply.headers["etag"]) == (200, b"", '"D077F244DEF8A70E5EA758BD8352FCD8"')
    assert (kept.content, kept.size, kept.content_type, kept.uploads) == (b"cat", 3, "image/png", 1)
    assert (sent.method, sent.headers["authorization"], "cookie" in sent.headers) == (
        "PUT",
        headers["authorization"],
        False,
    )


SIGNED = "The request signature we calculated does not match the signature you provided."
TOKEN = "The header x-oss-security-token is missing or not the one that came with the keys."
TYPE = "The Content-Type is missing or not the announced one."
# What is changed after signing.
FAULTY: dict[str, tuple[dict[str, str], str]] = {
    "another content type": ({"content-type": "image/jpeg"}, SIGNED),
    "no content type": ({"content-type": ""}, TYPE),
    "another token": ({"x-oss-security-token": "demoToken"}, TOKEN),
    "another moment": ({"x-oss-date": "20260102T000000Z"}, SIGNED),
    "a header that was not signed": ({"x-oss-user-agent": "someone"}, SIGNED),
    "another digest": ({"x-oss-content-sha256": "0" * 64}, SIGNED),
    "no signature": ({"authorization": ""}, SIGNED),
    "a session": ({"authorization": "Bearer token"}, SIGNED),
    "another V1 signature": ({"authorization": "OSS STS.demoAK:v1NDiS4TSqYxXDB+3ogmaVE+pGw="}, SIGNED),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", FAULTY)
async def test_a_faulty_upload_is_refused_in_xml(store: Store, case: str) -> None:
    changes, message = FAULTY[case]
    sts = await store.announce()
    reply = await store.put(sts, headers={**store.signed(sts), **changes})

    assert (reply.status_code, reply.headers["content-type"]) == (403, "application/xml")
    assert reply.text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>SignatureDoesNotMatch</Code><Message>{message}</Message></Error>"
    )
    assert store.caller.simulator.files["id-1"].uploads == 0


@pytest.mark.asyncio
async def test_an_upload_has_the_announced_size_type_and_place(store: Store) -> None:
    sts = await store.announce(kind="image/jpeg")
    other_type = await store.put(sts)
    too_long = await store.put(await store.announce(), b"cats")
    other_place = await store.put({**sts, "file_path": "user-2/id-1_cat.png"})
    presigned = await store.http.put(
        f"{store.caller.simulator.url}/{BUCKET}/{sts['file_path']}?{sts['file_url'].partition('?')[2]}", content=b"cat"
    )

    replies = (other_type, too_long, other_place, presigned)
    texts = (TYPE, "4 bytes came, 3 were announced.", "No upload was announced for this object.", TOKEN)
    assert [reply.status_code for reply in replies] == [403] * 4
    assert [reply.text.partition("<Message>")[2].partition("<")[0] for reply in replies] == list(texts)


@pytest.mark.asyncio
async def test_a_large_upload_is_remembered_by_its_digest_only(store: Store) -> None:
    piece, pieces = b"0123456789abcdef" * 4096, 40

    async def body() -> AsyncIterator[bytes]:
        for _ in range(pieces):
            yield piece

    sts = await store.announce("film.mp4", len(piece) * pieces, "video")
    reply = await store.put(sts, body())
    kept = store.caller.simulator.files["id-1"]
    record = (await store.caller.http.get("/_sim/record")).json()

    assert reply.status_code == 200
    assert (kept.size, kept.content) == (len(piece) * pieces, None)
    assert kept.sha256 == hashlib.sha256(piece * pieces).hexdigest()
    assert store.caller.simulator.requests[-1].body == b""
    assert sts["access_key_secret"] not in str(record)
    assert sts["security_token"] not in str(record["requests"])
    assert [(row["id"], row["size"], row["uploads"]) for row in record["files"]] == [("id-1", 2_621_440, 1)]


@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "last"), [("notes.pdf", "success"), ("parsefail.pdf", "failed")])
async def test_a_document_is_parsed_after_a_while_or_never(store: Store, name: str, last: str) -> None:
    store.caller.simulator.behaviour.parse_polls = 2
    sts = await store.announce(name, kind="file")
    early = await store.caller.http.post("/api/v2/files/parse", json={"file_id": "id-1"})
    await store.put(sts)
    before = await store.parse("id-1")
    begun = await store.caller.http.post("/api/v2/files/parse", json={"file_id": "id-1"})
    states = [await store.parse("id-1") for _ in range(4)]

    assert verdict(early) == "Bad_Request: Invalid file information!"
    assert (before, begun.json()["data"]) == (["pending"], {"file_id": "id-1"})
    assert states == [["running"], ["running"], [last], [last]]


@pytest.mark.asyncio
async def test_a_file_gets_fresh_addresses_for_its_owner_only(store: Store) -> None:
    sts = await store.announce()
    fresh = (await store.caller.http.post("/api/v2/files/getfilelink", json={"file_id": "id-1"})).json()["data"]
    unknown = await store.caller.http.post("/api/v2/files/parse", json={"file_id": "id-9"})
    store.caller.http.headers["authorization"] = f"Bearer {make_token('user-2', now=lambda: 1_790_000_000)}"
    paths = ("getfilelink", "parse", "parse/status")
    foreign = [await store.caller.http.post(f"/api/v2/files/{path}", json={"file_id": "id-1"}) for path in paths]
    store.caller.http.headers["authorization"] = ""
    nobody = [await store.caller.http.post(f"/api/v2/files/{path}", json={}) for path in ("getstsToken", *paths)]

    assert fresh == {"file_id": "id-1", "file_url": sts["file_url"]}
    assert [verdict(reply) for reply in (unknown, *foreign)] == ["Not_Found: File not found"] * 4
    assert [reply.json()["data"]["code"] for reply in nobody] == ["Unauthorized"] * 4


@pytest.mark.asyncio
async def test_an_answer_names_the_files_of_the_question_and_the_chat_keeps_them(store: Store) -> None:
    picture, notes = await store.uploaded(), await store.uploaded("notes.pdf", "file")
    await store.caller.http.post("/api/v2/files/parse", json={"file_id": notes["id"]})
    await store.parse(notes["id"])
    await store.parse(notes["id"])
    bare = {**picture, "url": picture["url"].partition("?")[0]}
    chat_id = await store.caller.new_chat()
    reply = await store.caller.http.send(store.caller.asking(chat_id, "look", files=[bare, notes]))
    question = (await store.caller.get(f"/api/v2/chats/{chat_id}"))["chat"]["messages"][0]

    assert answer_of(reply.content) == "You sent: cat.png (image), notes.pdf (file)\nYou said: look"
    assert question["files"] == [bare, notes]


FOREIGN = "https://example.org/x"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("kind", "expected"),
    [("file", INTERNAL_ERROR), ("audio", INVALID_INPUT), ("video", INVALID_INPUT), ("image", INVALID_INPUT)],
)
async def test_a_foreign_file_fails_inside_the_stream(store: Store, kind: str, expected: str) -> None:
    reply = await store.caller.ask("look", files=[{"type": kind, "url": FOREIGN, "name": "x"}])

    assert outline(reply.content) == ["created", expected]


@pytest.mark.asyncio
async def test_a_file_that_is_not_ready_is_invalid_input(store: Store) -> None:
    announced = await store.announce()
    missing = {"type": "image", "id": announced["file_id"], "url": announced["file_url"]}
    unparsed = await store.uploaded("notes.pdf", "file")
    mixed = {**await store.uploaded(), "id": unparsed["id"]}
    replies = [await store.caller.ask("look", files=[entry]) for entry in (missing, unparsed, mixed)]
    picture = await store.uploaded()
    store.caller.http.headers["authorization"] = f"Bearer {make_token('user-2', now=lambda: 1_790_000_000)}"
    foreign = await store.caller.ask("look", files=[picture])

    assert [outline(reply.content) for reply in (*replies, foreign)] == [["created", INVALID_INPUT]] * 4


@pytest.mark.asyncio
async def test_an_uploaded_picture_can_be_edited_and_filmed(store: Store) -> None:
    picture = await store.uploaded()
    edited = await make(store.caller, "blue", "image_edit", files=[picture])
    filmed = await make(store.caller, "run", "i2v", files=[picture])

    assert (outline(edited.content)[-1], verdict(filmed)) == ("image_edit:finished:", "success")
    assert [task.kind for task in store.caller.simulator.tasks.values()] == ["i2v"]


@pytest.mark.asyncio
async def test_files_that_are_no_objects_are_refused(store: Store) -> None:
    reply = await store.caller.ask("look", files=["cat.png"])

    assert verdict(reply) == "RequestValidationError: Expected `object`, got `str` - at `$.messages[0].files[0]`"


@pytest.mark.asyncio
async def test_the_store_may_be_another_one(store: Store) -> None:
    own = {"store_bucket": "drawer", "store_region": "oss-moon-1", "store_endpoint": "https://store.example"}
    store.caller.simulator.behaviour.change(own)
    sts = await store.announce()
    elsewhere = await store.put(sts)
    key_id, secret = sts["access_key_id"], sts["access_key_secret"]
    headers = {name: value for name, value in store.signed(sts).items() if name != "authorization"}
    upload = Upload("/drawer/user-1/id-1_cat.png", headers)
    right = await store.put(
        sts, headers={**headers, "authorization": authorization_v4(upload, key_id, secret, "moon-1")}
    )

    assert (sts["bucketname"], sts["region"], sts["endpoint"]) == tuple(own.values())
    assert sts["file_url"].startswith("https://drawer.oss-moon-1.aliyuncs.com/user-1/id-1_cat.png?")
    assert (elsewhere.status_code, right.status_code) == (403, 200)
