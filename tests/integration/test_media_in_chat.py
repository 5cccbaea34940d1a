"""Pictures, sound, films and documents in messages, and texts that are too long to be one."""

import base64
from typing import Any

import httpcore
import pytest
from files_caller import OTHER, failed, metadata, uploaded
from raw_server import answer, raw_server
from routed import router_of
from support import House, bearer, body, open_house, session
from upstream_record import NEW, calls, contents, sent

from qwen_grpc.credentials import WebSession
from qwen_grpc.ledger import Files, Ledger
from qwen_grpc.services.media import Media
from qwen_grpc.services.owners import Owners
from qwen_grpc.simulator import running
from qwen_grpc.upstreams.base import Attachment
from qwen_grpc.upstreams.chat_qwen_ai import ChatQwenAi, ObjectStore, Site
from qwen_grpc.upstreams.fetcher import Fetcher, plain_connection
from qwen_grpc.v1.chat_pb2 import ROLE_USER, AudioPart, ChatMessage, CompleteChatRequest, ContentPart, ImagePart
from qwen_grpc.v1.common_pb2 import Media as Medium

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100
WAV = b"RIFF\x10\0\0\0WAVEfmt " + b"w" * 100
MP4 = b"\0\0\0\x20ftypisom" + b"m" * 100
PDF = b"%PDF-1.7" + b"d" * 100


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def image(content: bytes = PNG, mime_type: str = "image/png") -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:{mime_type};base64,{b64(content)}"}}


AUDIO = {"type": "input_audio", "input_audio": {"data": b64(WAV), "format": "wav"}}
VIDEO = {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{b64(MP4)}"}}
TEXT = {"type": "text", "text": "look"}


def document(content: bytes = PDF, name: str = "paper.pdf") -> dict[str, Any]:
    url = f"data:application/pdf;base64,{b64(content)}"
    return {"type": "file", "file": {"file_data": url, "filename": name}}


def files_of(request: dict[str, Any]) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = request["messages"][0]["files"]
    return files


def text_of(reply: Any) -> str:
    text: str = reply.json()["choices"][0]["message"]["content"]
    return text


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("part", "content", "words"),
    [
        (image(), PNG, ("image", "image.png", "image/png", "vision")),
        (AUDIO, WAV, ("audio", "audio.wav", "audio/wav", "audio")),
        (VIDEO, MP4, ("video", "video.mp4", "video/mp4", "video")),
        (document(), PDF, ("file", "paper.pdf", "application/pdf", "document")),
    ],
)
async def test_media_go_along_as_files_of_their_kind(
    house: House, part: dict[str, Any], content: bytes, words: tuple[str, str, str, str]
) -> None:
    kind, name, mime_type, file_class = words
    reply = await house.complete([TEXT, part])  # type: ignore[arg-type]
    ((entry,),) = [files_of(request) for request in sent(house.simulator)]
    (stored,) = house.simulator.files.values()
    entry |= {"itemId": "?", "uploadTaskId": "?"}
    entry["file"] |= {"created_at": 0, "update_at": 0}
    parsed = {"parse_meta": {"parse_status": "success"}} if kind == "file" else {}

    assert text_of(reply) == f"You sent: {name} ({kind})\nYou said: look"
    assert (stored.content, stored.kind, stored.content_type) == (content, kind, mime_type)
    assert entry == {
        "type": kind,
        "file": {
            "created_at": 0,
            "data": {},
            "filename": name,
            "hash": None,
            "id": stored.id,
            "user_id": stored.user_id,
            "meta": {"name": name, "size": len(content), "content_type": mime_type, **parsed},
            "update_at": 0,
        },
        "id": stored.id,
        "url": stored.url,
        "name": name,
        "collection_name": "",
        "progress": 0,
        "status": "uploaded",
        "greenNet": "success",
        "size": len(content),
        "error": "",
        "itemId": "?",
        "file_type": mime_type,
        "showType": kind,
        "file_class": file_class,
        "uploadTaskId": "?",
    }


@pytest.mark.asyncio
async def test_an_uploaded_file_is_named_by_its_id(house: House) -> None:
    file = await uploaded(house, PNG, name="cat.png")
    parts = [TEXT, {"type": "file", "file": {"file_id": file.id}}]
    whole = await house.complete(parts)  # type: ignore[arg-type]
    streamed = await house.stream(parts)  # type: ignore[arg-type]

    assert text_of(whole) == "You sent: cat.png (image)\nYou said: look"
    assert "cat.png" in "".join(record["choices"][0]["delta"].get("content") or "" for record in streamed[:-1])
    assert [stored.uploads for stored in house.simulator.files.values()] == [1]


@pytest.mark.asyncio
async def test_somebody_elses_file_cannot_be_named(house: House) -> None:
    file = await uploaded(house, PNG, name="cat.png")
    parts: Any = [{"type": "file", "file": {"file_id": file.id}}]
    replies = [
        await house.complete(parts, credential=OTHER),
        await house.complete([{"type": "file", "file": {"file_id": "file-0"}}]),  # type: ignore[arg-type]
    ]

    assert [(reply.status_code, reply.json()["error"]["param"]) for reply in replies] == [
        (404, "messages[0].content[0].file")
    ] * 2
    assert calls(house.simulator, NEW) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("parts", "at"),
    [
        ([image(PNG + bytes([number])) for number in range(6)], "5].image_url"),
        ([document(PDF + bytes([number])) for number in range(6)], "5].file"),
        ([AUDIO, AUDIO], "1].input_audio"),
        ([VIDEO, VIDEO], "1].video_url"),
        ([image(), AUDIO], "1].input_audio"),
        ([VIDEO, document()], "1].file"),
        ([image(WAV)], "0].image_url"),
        ([image(PNG, "application/pdf")], "0].image_url"),
        ([image(b"")], "0].image_url"),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,%%%"}}], "0].image_url"),
        ([{"type": "image_url", "image_url": {"url": "data:;base64,AAAA"}}], "0].image_url"),
        ([{"type": "input_audio", "input_audio": {"data": b64(PNG), "format": "wav"}}], "0].input_audio"),
    ],
)
async def test_what_does_not_go_together_is_refused_before_anything_is_sent(
    house: House, parts: list[dict[str, Any]], at: str
) -> None:
    reply = await house.complete(parts)  # type: ignore[arg-type]

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, f"messages[0].content[{at}")
    assert [request.method for request in house.simulator.requests if request.method != "GET"] == []


@pytest.mark.asyncio
async def test_a_file_over_the_limit_of_its_kind_is_refused(house: House) -> None:
    part = ContentPart(image=ImagePart(media=Medium(data=PNG + bytes(20 << 20), mime_type="image/png")))
    request = CompleteChatRequest(model="qwen-max", messages=[ChatMessage(role=ROLE_USER, parts=[part])])

    assert await failed(house.chat.CompleteChat(request, metadata=metadata())) == (
        "RESOURCE_EXHAUSTED",
        "TOO_LARGE",
        "messages[0].content[0].image_url",
    )


@pytest.mark.asyncio
async def test_a_conversation_with_a_picture_goes_on_in_its_chat(house: House) -> None:
    first: list[dict[str, Any]] = [{"role": "user", "content": [TEXT, image()]}]
    credential = session()
    said = text_of(await turn(house, first, credential))
    again = [*first, {"role": "assistant", "content": said}, {"role": "user", "content": "and now?"}]
    reply = await turn(house, again, credential)

    assert text_of(reply) == "You said: and now?"
    assert [len(files_of(request)) for request in sent(house.simulator)] == [1, 0]
    assert (len(house.simulator.chats), len(house.simulator.files)) == (1, 1)


@pytest.mark.asyncio
async def test_the_same_words_with_another_picture_are_another_conversation(house: House) -> None:
    credential = session()
    said = text_of(await turn(house, [{"role": "user", "content": [TEXT, image()]}], credential))
    other: list[dict[str, Any]] = [{"role": "user", "content": [TEXT, image(PNG + b"!")]}]
    await turn(house, [*other, {"role": "assistant", "content": said}, {"role": "user", "content": "so?"}], credential)

    assert [len(files_of(request)) for request in sent(house.simulator)] == [1, 1]
    assert len(house.simulator.chats) == 2


async def turn(house: House, messages: list[dict[str, Any]], credential: WebSession) -> Any:
    return await house.http.post(
        "/v1/chat/completions", json=body("") | {"messages": messages}, headers=bearer(credential)
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ["x" * 111 * 1024, "水" * 37 * 1024, '"' * 60 * 1024])
async def test_a_text_that_is_too_long_goes_along_as_a_document(house: House, text: str) -> None:
    reply = await house.complete(text)
    (stored,) = house.simulator.files.values()

    assert text_of(reply).startswith("You sent: context.txt (file)\nYou said: My message is too long")
    assert (stored.name, stored.content) == ("context.txt", text.encode())
    assert "context.txt" in contents(house.simulator)[0]


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ["x" * 101 * 1024, "水" * 33 * 1024])
async def test_a_text_that_fits_goes_as_it_is(house: House, text: str) -> None:
    await house.complete(text)

    assert (contents(house.simulator), house.simulator.files) == ([text], {})


@pytest.mark.asyncio
async def test_a_long_text_beside_sound_is_too_long_after_all(house: House) -> None:
    parts = [ContentPart(text="x" * 120_000), ContentPart(audio=AudioPart(media=Medium(data=WAV), format="wav"))]
    request = CompleteChatRequest(model="qwen-max", messages=[ChatMessage(role=ROLE_USER, parts=parts)])

    assert await failed(house.chat.CompleteChat(request, metadata=metadata())) == (
        "INVALID_ARGUMENT",
        "CONTEXT_LENGTH",
        "messages",
    )
    assert calls(house.simulator, "/api/v2/chat/completions") == []


@pytest.mark.asyncio
async def test_a_conversation_of_long_texts_goes_on_in_its_chat(house: House) -> None:
    first, credential = [{"role": "user", "content": "x" * 120_000}], session()
    said = text_of(await turn(house, first, credential))
    again = [*first, {"role": "assistant", "content": said}, {"role": "user", "content": "and now?"}]

    assert text_of(await turn(house, again, credential)) == "You said: and now?"
    assert len(house.simulator.chats) == 1


# -- addresses ----------------------------------------------------------------------------------------------------

REMOTE = {"type": "image_url", "image_url": {"url": "http://media.test/cat.png"}}


@pytest.mark.asyncio
async def test_an_address_is_not_fetched_unless_the_operator_says_so(house: House) -> None:
    error = (await house.complete([REMOTE])).json()["error"]  # type: ignore[arg-type]

    assert (error["code"], error["param"]) == ("invalid_image_url", "messages[0].content[0].image_url")
    assert "QWEN_FETCH_MEDIA=1" in error["message"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/cat.png", "http://2130706433/", "http://[::1]/", "file:///etc/passwd"]
)
async def test_a_private_address_is_never_fetched(url: str) -> None:
    async with open_house(qwen_fetch_media=True) as house:
        reply = await house.complete([{"type": "image_url", "image_url": {"url": url}}])  # type: ignore[arg-type]

        error = reply.json()["error"]
        assert (reply.status_code, error["code"], error["param"]) == (
            400,
            "invalid_image_url",
            "messages[0].content[0].image_url",
        )
        assert house.simulator.files == {}


class Renamed(httpcore.AsyncNetworkStream):
    """A connection to the server of the test that says the public address."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self.read, self.write, self.aclose = stream.read, stream.write, stream.aclose  # type: ignore[method-assign]

    def get_extra_info(self, info: str) -> Any:
        return ("93.184.215.14", 80) if info == "server_addr" else None


@pytest.mark.asyncio
async def test_a_public_address_is_fetched_once_and_uploaded() -> None:
    async with raw_server([answer(PNG)]) as server, running() as simulator, Ledger("/proc/unused") as ledger:

        async def connect(_: str, __: int) -> httpcore.AsyncNetworkStream:
            return Renamed(await plain_connection("127.0.0.1", int(server.url.rpartition(":")[2])))

        async def resolve(_: str, __: int) -> list[str]:
            return ["93.184.215.14"]

        media = Media(Owners(ledger), Files(ledger), Fetcher(resolve=resolve, connect=connect))
        async with ChatQwenAi(Site(simulator.url, simulator.url), None, ObjectStore(simulator.url)) as upstream:
            items = [("images[0]", Medium(url="http://media.test/cat.png"))]
            who = router_of(upstream).caller(session())
            found = [await media.attach(items, who.own_lane(), who, kind="image") for _ in range(2)]
        (stored,) = simulator.files.values()

    attachment = Attachment(stored.id, "image", stored.url, "cat.png", "image/png", len(PNG))
    assert (found, stored.content, len(server.requests)) == ([[attachment], [attachment]], PNG, 1)
