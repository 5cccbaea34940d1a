"""How a server-sent event is spelled."""

from rest_shim import sse


def test_a_frame_is_one_data_line_and_a_blank_one() -> None:
    assert sse.frame(b'{"a":1}') == b'data: {"a":1}\n\n'


def test_the_stream_ends_with_done() -> None:
    assert sse.DONE == b"data: [DONE]\n\n"


def test_a_heartbeat_is_a_comment() -> None:
    assert sse.HEARTBEAT == b": keep-alive\n\n"


def test_an_error_is_wrapped_as_openai_wraps_it() -> None:
    error = {"message": "gone\n\nmad \ud83d", "type": "server_error", "param": None, "code": None}
    assert sse.error_frame(error) == (
        b'data: {"error":{"message":"gone\\n\\nmad \\ud83d","type":"server_error","param":null,"code":null}}\n\n'
    )


def test_proxies_are_told_not_to_collect_the_stream() -> None:
    assert sse.HEADERS == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
    }
