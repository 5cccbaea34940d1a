"""Streams of pictures that no healthy service sends, byte by byte: what is cut, and what is foreign."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from raw_server import LAST_CHUNK, STREAM_HEAD, RawServer, Script, Step, answer, chunk, raw_server
from support import session
from upstream_record import until

from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.errors import QwenError, UpstreamEmpty, UpstreamTruncated
from qwen_grpc.upstreams.base import Attachment, Scene
from qwen_grpc.upstreams.chat_qwen_ai import ChatQwenAi, Site
from qwen_grpc.upstreams.chat_qwen_ai.pictures import Patience, Pictures
from qwen_grpc.upstreams.chat_qwen_ai.sessions import Sessions
from qwen_grpc.upstreams.chat_qwen_ai.tidying import Tidying
from qwen_grpc.v1.chat_pb2 import ROLE_USER, ChatMessage, CompleteChatRequest
from qwen_grpc.v1.models_pb2 import Model

MODEL = Model(id="qwen3.7-plus")
PICTURE = "https://cdn.qwenlm.ai/output/u/t2i/c/1.png?key=k"
FOREIGN = "https://example.org/1.png"
SENT = Attachment("f1", "image", "https://b.oss-accelerate.aliyuncs.com/u/f1_cat.png", "cat.png", "image/png", 9)


def reply(value: Any) -> Script:
    return [answer(json.dumps(value).encode(), b"Content-Type: application/json")]


def record(value: Any) -> bytes:
    return chunk(b"data: " + json.dumps(value).encode() + b"\n\n")


def step(phase: str, content: str = "", status: str = "typing", **more: Any) -> bytes:
    return record({"choices": [{"delta": {"content": content, "phase": phase, "status": status, **more}}]})


NEW_CHAT = reply({"success": True, "data": {"id": "c1"}})
GOODBYE = reply({"success": True, "data": {"status": True}})
CREATED = STREAM_HEAD + record({"response.created": {"chat_id": "c1", "parent_id": "u1", "response_id": "a1"}})
DONE = step("image_gen", status="finished")


def stored(content: str = "", extra: Any = None, answer_id: str = "a1") -> Script:
    """The chat as the site stores it."""
    part = {"phase": "image_gen", "content": content, "extra": {}}
    messages = {answer_id: {"content_list": [part], "extra": extra}, "u1": {"content": "a fox"}}
    return reply({"success": True, "data": {"chat": {"history": {"currentId": answer_id, "messages": messages}}}})


@asynccontextmanager
async def pictures_at(*scripts: Script) -> AsyncIterator[tuple[RawServer, Pictures]]:
    """Pictures that look at most twice into the stored chat, at a server that follows the scripts."""
    async with raw_server(NEW_CHAT, *scripts, GOODBYE) as server, Site(server.url, server.url) as site:
        sessions = Sessions(site.renew)
        tidying = Tidying(site, sessions, keep_chats=False)
        yield server, Pictures(site, sessions, tidying, patience=Patience(tries=2, pause_s=0.0))
        await tidying.close()


async def drawn(pictures: Pictures) -> str:
    return await pictures.make(Scene("a fox"), ResolvedModel("m", MODEL, Mode.IMAGE), session(refresh=False))


def verbs(server: RawServer) -> list[str]:
    """What was called after the completion."""
    lines = [request.split(b"\r\n")[0].decode().split(" ") for request in server.requests[2:]]
    return [f"{method} {path.partition('?')[0].rpartition('/')[2]}" for method, path, _ in lines]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "stream",
    [
        [CREATED, LAST_CHUNK],
        [CREATED, Step.CLOSE],
        [CREATED, Step.RESET],
        [CREATED, step("image_gen"), Step.RESET],
        [CREATED, step("image_gen"), LAST_CHUNK],
        [CREATED, step("image_gen", FOREIGN), DONE, LAST_CHUNK],
    ],
)
@pytest.mark.parametrize(
    "found", [stored(PICTURE), stored(extra={"image_list": [PICTURE]}), stored(PICTURE, answer_id="other")]
)
async def test_what_a_stream_does_not_show_the_stored_chat_tells(stream: Script, found: Script) -> None:
    async with pictures_at(stream, stored(), found) as (server, pictures):
        assert await drawn(pictures) == PICTURE
        await until(lambda: verbs(server)[-1:] == ["DELETE c1"])
        assert [verb for verb in verbs(server) if verb != "POST stop"] == ["GET c1", "GET c1", "DELETE c1"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "stream", [[CREATED, step("image_gen", PICTURE), Step.RESET], [CREATED, step("image_gen", PICTURE), LAST_CHUNK]]
)
async def test_a_picture_that_was_shown_counts_however_the_stream_ends(stream: Script) -> None:
    async with pictures_at(stream) as (server, pictures):
        assert await drawn(pictures) == PICTURE
        await until(lambda: verbs(server)[-1:] == ["DELETE c1"])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("stream", "error"),
    [
        ([CREATED, step("image_gen", FOREIGN), DONE, LAST_CHUNK], UpstreamEmpty),
        ([CREATED, LAST_CHUNK], UpstreamEmpty),
        ([CREATED, Step.RESET], UpstreamTruncated),
    ],
)
async def test_a_picture_that_is_nowhere_or_foreign_is_none(stream: Script, error: type[QwenError]) -> None:
    async with pictures_at(stream, stored(FOREIGN), stored(extra={"image_list": [FOREIGN]})) as (server, pictures):
        with pytest.raises(error):
            await drawn(pictures)
        await until(lambda: verbs(server)[-1:] == ["DELETE c1"])
        assert not any(b"example.org" in request for request in server.requests)


@pytest.mark.asyncio
async def test_a_stored_chat_that_cannot_be_read_is_asked_once_more() -> None:
    async with pictures_at([CREATED, LAST_CHUNK], [answer(b"", status=b"502 Bad Gateway")], stored(PICTURE)) as (
        _,
        found,
    ):
        assert await drawn(found) == PICTURE


@pytest.mark.asyncio
async def test_a_tool_in_a_chat_that_repeats_an_image_that_was_sent_made_none() -> None:
    told = step("image_edit_tool", extra={"image_list": [SENT.url + "?signed", PICTURE]})
    stream = [CREATED, told, step("answer", "Done."), step("answer", status="finished"), LAST_CHUNK]
    models = reply({"data": [{"id": "qwen3.7-plus"}]})
    question = ChatMessage(role=ROLE_USER)
    question.parts.add(text="make it blue")
    question.parts.add().image.media.file_id = SENT.id
    request = CompleteChatRequest(model="qwen3.7-plus", messages=[question])
    async with (
        raw_server(models, NEW_CHAT, stream, GOODBYE) as server,
        ChatQwenAi(Site(server.url, server.url)) as upstream,
    ):
        model = await upstream.resolve(request.model, None)
        answers = upstream.chat(request, model, session(refresh=False), {SENT.id: SENT})
        deltas = [delta async for message in answers for delta in message.deltas]
    assert "".join(delta.content for delta in deltas) == f"Done.\n\n![image]({PICTURE})"
