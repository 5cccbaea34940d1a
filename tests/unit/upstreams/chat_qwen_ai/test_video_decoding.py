"""What the site says of a clip's task, and what goes out for one."""

from typing import Any

import msgspec
import pytest

from qwen_grpc.errors import InvalidParameter, UpstreamEmpty, UpstreamError, UpstreamProtocol
from qwen_grpc.upstreams.base import Attachment
from qwen_grpc.upstreams.chat_qwen_ai.encode import Place, Said, Turn
from qwen_grpc.upstreams.chat_qwen_ai.videos import check_images, decode_status, encode_video
from qwen_grpc.v1 import videos_pb2 as pb

URL = "https://cdn.qwenlm.ai/output/u/t2v/c/t.mp4"
PICTURE = Attachment("f-1", "image", "https://store/cat.png", "cat.png", "image/png", 3)


@pytest.mark.parametrize("word", ["success", "succeeded", "completed", "finished", "SUCCESS"])
def test_a_finished_task_has_an_address(word: str) -> None:
    task = decode_status({"task_status": word, "content": URL})
    assert (task.state, task.url, task.expires_at) == (pb.VIDEO_STATE_SUCCEEDED, URL, None)


def test_the_key_of_an_address_tells_when_it_ends() -> None:
    # The payload of this key is {"exp":1790000000}.
    task = decode_status({"task_status": "success", "content": f"{URL}?key=eyJhIjoxfQ.eyJleHAiOjE3OTAwMDAwMDB9.c2ln"})
    assert task.expires_at == 1_790_000_000.0


@pytest.mark.parametrize("word", ["running", "pending", "queued", "processing", "levitating", ""])
def test_any_other_word_counts_as_running(word: str) -> None:
    assert decode_status({"task_status": word, "content": None}).state == pb.VIDEO_STATE_RUNNING


@pytest.mark.parametrize("word", ["failed", "error", "cancelled"])
def test_a_failed_task_says_so_in_our_words(word: str) -> None:
    task = decode_status({"task_status": word, "message": "secret words of theirs"})
    assert (task.state, type(task.error)) == (pb.VIDEO_STATE_FAILED, UpstreamError)
    assert task.error is not None
    assert "secret" not in task.error.message


@pytest.mark.parametrize("url", ["", "/relative.mp4", "https://chat.qwen.ai/_____tmd_____/punish?x5secdata=1"])
def test_a_finished_task_without_a_real_address_has_failed(url: str) -> None:
    task = decode_status({"task_status": "success", "content": url})
    assert (task.state, task.url, type(task.error)) == (pb.VIDEO_STATE_FAILED, "", UpstreamEmpty)


@pytest.mark.parametrize("found", [None, [], "running", {"task_status": 5}])
def test_an_unknown_form_is_no_state(found: Any) -> None:
    with pytest.raises(UpstreamProtocol):
        decode_status(found)


@pytest.mark.parametrize("kind", ["t2v", "i2v"])
def test_a_clip_is_marked_three_times_and_sized_twice(kind: str) -> None:
    turn = Turn("qwen3.7-plus", kind, {"output_schema": "phase"})
    said = Said("a fox", [PICTURE] if kind == "i2v" else [])
    body = msgspec.json.decode(encode_video(said, turn, Place("c-1"), ratio="9:16", now=1.5))
    [message] = body["messages"]
    assert [message["chat_type"], message["sub_chat_type"], message["extra"]["meta"]["subChatType"]] == [kind] * 3
    assert (body["size"], message["extra"]["meta"]["size"], body["stream"], body["incremental_output"]) == (
        "9:16",
        "9:16",
        False,
        True,
    )
    assert [(file["type"], file["url"]) for file in message["files"]] == (
        [("image", "https://store/cat.png")] if kind == "i2v" else []
    )


def test_a_clip_begins_with_one_picture_at_most() -> None:
    with pytest.raises(InvalidParameter) as two:
        check_images([PICTURE, PICTURE])
    with pytest.raises(InvalidParameter) as sound:
        check_images([Attachment("f-2", "audio", "https://store/a.wav", "a.wav", "audio/wav", 3)])
    assert (two.value.field, sound.value.field) == ("images", "images[0]")
