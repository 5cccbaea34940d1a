"""Videos in OpenAI's JSON."""

from typing import Any

import pytest

from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES, InvalidBody
from qwen_grpc.v1 import videos_pb2 as pb
from rest_shim.video_content import Span, span_of

STATUSES = {
    pb.VIDEO_STATE_QUEUED: "queued",
    pb.VIDEO_STATE_RUNNING: "in_progress",
    pb.VIDEO_STATE_WAITING_FOR_OWNER: "in_progress",
    pb.VIDEO_STATE_SUCCEEDED: "completed",
    pb.VIDEO_STATE_FAILED: "failed",
    pb.VIDEO_STATE_CANCELLED: "failed",
    pb.VIDEO_STATE_EXPIRED: "failed",
    pb.VIDEO_STATE_UNKNOWN_OUTCOME: "failed",
}


def test_every_state_has_a_word_of_openai() -> None:
    assert STATUSES.keys() == set(pb.VideoState.values()) - {pb.VIDEO_STATE_UNSPECIFIED}
    assert {state: RESPONSES.write(pb.Video(state=state))["status"] for state in STATUSES} == STATUSES


def test_a_video_always_has_all_members() -> None:
    assert RESPONSES.write(pb.Video(state=pb.VIDEO_STATE_QUEUED)) == {
        "id": "",
        "object": "video",
        "model": "",
        "status": "queued",
        "progress": 0,
        "created_at": 0,
        "completed_at": None,
        "expires_at": None,
        "prompt": None,
        "size": "",
        "seconds": "",
        "remixed_from_video_id": None,
        "error": None,
    }


def test_a_failed_video_tells_code_and_message() -> None:
    video = pb.Video(state=pb.VIDEO_STATE_FAILED, error=pb.VideoError(reason="UPSTREAM_ERROR", message="no"))
    assert RESPONSES.write(video)["error"] == {"code": "UPSTREAM_ERROR", "message": "no"}


@pytest.mark.parametrize(("given", "seconds"), [("4", 4.0), ("5.042", 5.042), (8, 8.0), (2.5, 2.5)])
def test_seconds_are_a_text_or_a_number(given: Any, seconds: float) -> None:
    body = {"prompt": "a fox", "seconds": given, "size": "720x1280"}
    REQUESTS.check(pb.CreateVideoRequest, body)
    message = REQUESTS.read(pb.CreateVideoRequest, body)
    assert (message.seconds, message.size, message.prompt) == (seconds, "720x1280", "a fox")
    assert REQUESTS.write(message) == body


@pytest.mark.parametrize(
    ("given", "code"),
    [("four", "invalid_value"), ("-1", "invalid_value"), ("", "invalid_value"), (1e300, "invalid_value")]
    + [(True, "invalid_type"), ([], "invalid_type")],
)
def test_other_seconds_are_refused(given: Any, code: str) -> None:
    with pytest.raises(InvalidBody) as failure:
        REQUESTS.check(pb.CreateVideoRequest, {"prompt": "a fox", "seconds": given})
    assert (failure.value.param, failure.value.code) == ("seconds", code)


@pytest.mark.parametrize(
    ("first", "last", "span"),
    [
        ("0", "", Span(0, 100, 100)),
        ("10", "19", Span(10, 20, 100)),
        ("10", "5000", Span(10, 100, 100)),
        ("", "30", Span(70, 100, 100)),
        ("", "500", Span(0, 100, 100)),
        ("99", "99", Span(99, 100, 100)),
        ("100", "", None),
        ("", "0", None),
        ("20", "10", None),
    ],
)
def test_a_range_is_cut_to_the_content(first: str, last: str, span: Span | None) -> None:
    assert span_of(first, last, size=100) == span
