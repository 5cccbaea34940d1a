"""What is read out of an answer's bytes, and when."""

from qwen_grpc.conform.views import View

SSE = {"content-type": "text/event-stream; charset=utf-8"}


def stream(*reads: tuple[float, bytes]) -> View:
    return View(asked_at=0.0, status=200, headers=SSE, opened_at=0.0, reads=[*reads], ended_at=reads[-1][0])


def whole(body: bytes) -> View:
    return View(status=200, headers={"content-type": "application/json"}, reads=[(1.0, body)], ended_at=1.0)


def test_an_event_is_there_with_its_last_byte() -> None:
    view = stream(
        (1.0, b'data: {"choices":[{"delta":{"content":"On'),
        (2.0, b'e "}}]}\n\ndata: {"choices":[{"delta":{"content":"two"}}]}\r'),
        (3.0, b"\n\r\n"),
    )
    assert view.said == [(2.0, "One "), (3.0, "two")]
    assert (view.text, view.finish, view.done, view.error) == ("One two", "", False, None)


def test_comments_are_counted_and_say_nothing() -> None:
    view = stream((1.0, b": ping\n\n"), (2.0, b": ping\n\ndata: [DONE]\n\n"))
    assert (view.comments, view.data, view.done) == (2, [(2.0, b"[DONE]")], True)


def test_what_no_client_can_read_is_kept_apart() -> None:
    view = stream((1.0, b'data: {not json\n\ndata: {"a":"\xff"}\n\ndata: {"choices":[]}\n\ndata: [DONE]\n\n'))
    assert view.unreadable == [b"{not json", b'{"a":"\xff"}']


def test_separators_of_unicode_end_no_line() -> None:
    said = '{"choices":[{"delta":{"content":"a\u2028b\u0085c"}}]}'.encode()
    assert stream((1.0, b"data: " + said + b"\n\n")).text == "a\u2028b\u0085c"


def test_a_tool_call_is_put_together_from_its_steps() -> None:
    first = b'{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"call_1","function":{"name":"f","arguments":""}}]}}]}'
    last = b'{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{}"}}]},"finish_reason":"tool_calls"}]}'
    view = stream((1.0, b"data: " + first + b"\n\ndata: " + last + b"\n\n"))
    assert view.tool_calls == [{"id": "call_1", "name": "f", "arguments": "{}"}]
    assert view.finish == "tool_calls"


def test_a_whole_answer_says_the_same() -> None:
    view = whole(
        b'{"choices":[{"message":{"content":"Hi","tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]},'
        b'"finish_reason":"stop"}],"usage":{"total_tokens":3}}'
    )
    assert (view.text, view.finish, view.usage, view.done) == ("Hi", "stop", {"total_tokens": 3}, False)
    assert view.tool_calls == [{"id": "c", "name": "f", "arguments": "{}"}]


def test_an_error_is_told_by_a_body_or_by_an_event() -> None:
    body = b'{"error":{"message":"no","type":"t","code":null}}'
    assert (
        whole(body).error
        == stream((1.0, b"data: " + body + b"\n\n")).error
        == {
            "message": "no",
            "type": "t",
            "code": None,
        }
    )
    assert whole(b'{"error":"no"}').error is None


def test_a_body_that_is_no_json_says_nothing() -> None:
    assert (whole(b"<html>").objects, whole(b"<html>").text) == ([], "")


def test_the_longest_silence_may_be_before_the_head_between_reads_or_before_the_end() -> None:
    view = View(asked_at=0.0, status=200, headers=SSE, opened_at=1.0, reads=[(2.0, b"a"), (6.0, b"b")], ended_at=7.0)
    assert view.longest_silence == 4.0
    view.opened_at, view.reads, view.ended_at = 5.0, [], 7.0
    assert view.longest_silence == 5.0
    view.ended_at = 11.0
    assert view.longest_silence == 6.0
