import base64
from collections.abc import Mapping
from typing import Any

import pytest
from engine_paths import Paths, chunks, engine_of, upstream
from fetch_wire import PNG, PUBLIC, Wire
from raw_server import Script, answer, raw_server

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.errors import InvalidParameter, MediaUrlBlocked, NotFound, QwenError, Unsupported
from qwen_grpc.openai_json.codec import REQUESTS
from qwen_grpc.upstreams.base import NO_ATTACHMENTS, NO_KEY, Attachment
from qwen_grpc.upstreams.fetcher import Fetcher
from qwen_grpc.upstreams.kinds import IMAGE
from qwen_grpc.upstreams.openai_engine.models import described
from qwen_grpc.v1.chat_pb2 import CompleteChatRequest, ContentPart

COMPLETIONS = "/v1/chat/completions"
ANSWERS = {COMPLETIONS: chunks({"content": "A picture"})}
INLINE = "data:image/png;base64," + base64.b64encode(PNG).decode()
SOUND = {"type": "input_audio", "input_audio": {"data": base64.b64encode(b"RIFF....WAVE").decode(), "format": "wav"}}
ADDRESS = "http://pictures.example/cat.png"
WORDS = {"type": "text", "text": "What is it?"}
PUBLIC_WIRE = {"pictures_example": [PUBLIC]}
PRIVATE_WIRE = {"pictures_example": ["10.0.0.7"]}


def image(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def looked_at(*parts: Any) -> CompleteChatRequest:
    said = {"model": "qwen3-vl", "messages": [{"role": "user", "content": [WORDS, *parts]}]}
    return REQUESTS.read(CompleteChatRequest, said)


async def sent(
    engine: Paths,
    dialect: str,
    request: CompleteChatRequest,
    fetcher: Fetcher | None = None,
    attachments: Mapping[str, Attachment] = NO_ATTACHMENTS,
) -> list[Any]:
    """The parts that reach the engine."""
    async with upstream(engine.url + "/v1", dialect=dialect, more={"fetcher": fetcher}) as gpu:
        model = ResolvedModel("qwen3-vl", described("qwen3-vl"), Mode.CHAT)
        async for _message in gpu.chat(request, model, NO_KEY, attachments):
            pass
    parts: list[Any] = engine.last(COMPLETIONS).json["messages"][0]["content"]
    return parts


async def refusal(dialect: str, request: CompleteChatRequest, wire: Wire | None = None) -> tuple[type[QwenError], str]:
    async with engine_of(ANSWERS) as engine:
        with pytest.raises(QwenError) as caught:
            await sent(engine, dialect, request, wire.fetcher() if wire else None)
        assert engine.asked == []
    return type(caught.value), caught.value.field


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", ["vllm", "sglang", "ollama", "llamacpp", "generic"])
async def test_content_goes_along_as_it_came(dialect: str) -> None:
    async with engine_of(ANSWERS) as engine:
        assert await sent(engine, dialect, looked_at(image(INLINE))) == [WORDS, image(INLINE)]


@pytest.mark.asyncio
async def test_content_without_a_type_gets_the_one_that_it_looks_like() -> None:
    request = looked_at()
    request.messages[0].parts.append(ContentPart(image={"media": {"data": PNG}}))
    async with engine_of(ANSWERS) as engine:
        assert await sent(engine, "vllm", request) == [WORDS, image(INLINE)]


@pytest.mark.asyncio
async def test_an_address_goes_to_an_engine_that_fetches() -> None:
    async with engine_of(ANSWERS) as engine:
        wire = Wire(**PUBLIC_WIRE)

        assert await sent(engine, "vllm", looked_at(image(ADDRESS)), wire.fetcher()) == [WORDS, image(ADDRESS)]
        assert (wire.asked, wire.connected) == (["pictures.example"], [])


@pytest.mark.asyncio
async def test_a_picture_is_fetched_for_an_engine_that_does_not() -> None:
    script: Script = [answer(PNG, b"Content-Type: image/png")]
    async with engine_of(ANSWERS) as engine, raw_server(script) as server:
        wire = Wire(server, **PUBLIC_WIRE)

        assert await sent(engine, "ollama", looked_at(image(ADDRESS)), wire.fetcher()) == [WORDS, image(INLINE)]
        assert len(server.requests) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", ["vllm", "ollama"])
@pytest.mark.parametrize("url", [ADDRESS, "http://169.254.169.254/latest", "file:///etc/passwd", "http://localhost/x"])
async def test_no_address_in_a_private_network_reaches_an_engine(dialect: str, url: str) -> None:
    wire = Wire(**PRIVATE_WIRE)

    assert await refusal(dialect, looked_at(image(url)), wire) == (MediaUrlBlocked, "messages[0].content[1].image_url")
    assert wire.connected == []


@pytest.mark.asyncio
@pytest.mark.parametrize("dialect", ["vllm", "ollama"])
async def test_no_address_is_fetched_where_the_operator_does_not_let_it(dialect: str) -> None:
    assert await refusal(dialect, looked_at(image(ADDRESS))) == (MediaUrlBlocked, "messages[0].content[1].image_url")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "part",
    [
        {"type": "audio_url", "audio_url": {"url": "http://10.0.0.7/a.wav"}},
        {"type": "image_url", "image_url": "http://10.0.0.7/a.png"},
        {"type": "new", "deep": [{"er": {"src": " HTTP://10.0.0.7/a"}}]},
        {"type": "text", "text": "a", "also": "gopher://10.0.0.7/"},
    ],
)
async def test_an_address_in_a_part_that_is_not_known_here_is_looked_at_as_well(part: dict[str, Any]) -> None:
    assert await refusal("vllm", looked_at(part), Wire()) == (MediaUrlBlocked, "messages[0].content[1]")


@pytest.mark.asyncio
async def test_a_part_that_is_not_known_here_passes_otherwise() -> None:
    part = {"type": "image_embeds", "image_embeds": {"data": "AAAA"}, "uuid": "7"}
    async with engine_of(ANSWERS) as engine:
        assert await sent(engine, "vllm", looked_at(part)) == [WORDS, part]


@pytest.mark.asyncio
async def test_sound_goes_as_bare_base64_beside_its_format() -> None:
    wrapped = {**SOUND, "input_audio": {**SOUND["input_audio"], "data": "data:audio/wav;base64,UklGRi4uLi5XQVZF"}}  # type: ignore[dict-item]
    async with engine_of(ANSWERS) as engine:
        assert await sent(engine, "vllm", looked_at(SOUND)) == [WORDS, SOUND]
        assert await sent(engine, "vllm", looked_at(wrapped)) == [WORDS, SOUND]


@pytest.mark.asyncio
async def test_sound_at_an_address_is_fetched_since_no_engine_does_it() -> None:
    wave = b"RIFF....WAVE"
    part = {"type": "input_audio", "input_audio": {"data": "http://pictures.example/a.wav", "format": "wav"}}
    async with engine_of(ANSWERS) as engine, raw_server([answer(wave, b"Content-Type: audio/wav")]) as server:
        wire = Wire(server, **PUBLIC_WIRE)

        assert await sent(engine, "vllm", looked_at(part), wire.fetcher()) == [WORDS, SOUND]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("dialect", "part", "member"),
    [
        ("ollama", SOUND, "input_audio"),
        ("ollama", {"type": "video_url", "video_url": {"url": ADDRESS}}, "video_url"),
        ("vllm", {"type": "video", "video": [INLINE, INLINE]}, "video"),
        ("vllm", {"type": "file", "file": {"file_data": "aGk=", "filename": "a.txt"}}, "file"),
    ],
)
async def test_what_an_engine_cannot_take_is_refused_by_its_path(dialect: str, part: Any, member: str) -> None:
    assert await refusal(dialect, looked_at(part)) == (Unsupported, f"messages[0].content[1].{member}")


@pytest.mark.asyncio
async def test_a_file_that_nobody_stored_is_not_found() -> None:
    request = looked_at()
    request.messages[0].parts.append(ContentPart(image={"media": {"file_id": "file-1"}}))

    assert await refusal("vllm", request) == (NotFound, "messages[0].content[1].image_url")


@pytest.mark.asyncio
async def test_an_attachment_goes_as_what_it_says() -> None:
    request = looked_at()
    request.messages[0].parts.append(ContentPart(image={"media": {"file_id": "file-1"}}))
    stored = Attachment("file-1", IMAGE, INLINE, "cat.png", "image/png", len(PNG))
    async with engine_of(ANSWERS) as engine:
        assert await sent(engine, "vllm", request, attachments={"file-1": stored}) == [WORDS, image(INLINE)]
    assert request.messages[0].parts[1].image.media.file_id == "file-1"


@pytest.mark.asyncio
async def test_an_empty_picture_is_refused() -> None:
    request = looked_at()
    request.messages[0].parts.append(ContentPart(image={"media": {"data": b""}}))

    assert await refusal("vllm", request) == (InvalidParameter, "messages[0].content[1].image_url")
