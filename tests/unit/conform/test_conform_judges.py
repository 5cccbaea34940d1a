"""What is thought of answers that no test gateway gives."""

from email.utils import formatdate
from time import time

import pytest

from qwen_grpc.conform import judges
from qwen_grpc.conform.answers import TEXT
from qwen_grpc.conform.asking import Way
from qwen_grpc.conform.markers import Marker
from qwen_grpc.conform.records import Outcome, Record
from qwen_grpc.conform.trials import Trial, Waits
from qwen_grpc.conform.verdicts import Grade, Judge
from qwen_grpc.conform.views import Ending, View

SSE = {"content-type": "text/event-stream"}
NONCE = "0123456789abcdef" * 2
ERROR = b'{"error":{"message":"no","type":"server_error","code":null}}'
HALF = b'data: {"choices":[{"delta":{"content":"One two "}}]}\n\n'
FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"


def trial(*views: View, way: Way = "stream", records: tuple[Record, ...] = (), seconds: float = 0.0) -> Trial:
    return Trial(Marker("any", NONCE, 7.0), way, Waits(), views, records, seconds)


def stream(data: bytes, ending: Ending = "") -> View:
    return View(status=200, headers=SSE, reads=[(1.0, data)], ending=ending, ended_at=1.0)


def record(outcome: Outcome = "answered", *sent: float, at: float = 0.0) -> Record:
    return Record(NONCE, "/v1/chat/completions", True, at, outcome, [*sent])


@pytest.mark.parametrize(
    ("view", "grade"),
    [
        (View(status=502), Grade.OK),
        (stream(HALF + b"data: " + ERROR + b"\n\n"), Grade.OK),
        (stream(HALF, "broken"), Grade.OK),
        (stream(HALF + b"data: " + ERROR + b"\n\n" + DONE), Grade.FAIL),
        (stream(HALF + FINISH, "broken"), Grade.FAIL),
        (stream(HALF), Grade.FAIL),
        (stream(HALF, "late"), Grade.FAIL),
        (stream(b""), Grade.FAIL),
        (View(status=200, reads=[(1.0, ERROR)]), Grade.FAIL),
        (View(ending="unreachable"), Grade.FAIL),
    ],
)
def test_a_failure_is_told_by_a_status_an_event_or_a_break_and_by_nothing_else(view: View, grade: Grade) -> None:
    assert judges.failure_told(trial(view)).grade is grade


def test_a_stream_delivers_the_words_before_the_failure() -> None:
    told = b"data: " + ERROR + b"\n\n"
    grades = [judges.words_then_failure(trial(stream(data))).grade for data in (HALF + told, told)]
    assert grades == [Grade.OK, Grade.FAIL]


def test_a_whole_answer_may_say_that_there_is_no_finish_reason() -> None:
    body = b'{"choices":[{"message":{"content":"One"},"finish_reason":%s}]}'
    seen = [
        judges.nothing_invented(trial(View(status=200, reads=[(1.0, body % reason)]), way="whole")).grade
        for reason in (b"null", b'"stop"')
    ]
    assert seen == [Grade.OK, Grade.FAIL]


@pytest.mark.parametrize(
    ("told", "grade"),
    [
        ("7", Grade.OK),
        ("6", Grade.OK),
        ("60", Grade.FAIL),
        ("2", Grade.FAIL),
        ("soon", Grade.FAIL),
        ("", Grade.FAIL),
    ],
)
def test_the_seconds_to_wait_are_passed_on(told: str, grade: Grade) -> None:
    view = View(status=429, headers={"retry-after": told} if told else {})
    assert judges.wait_passed_on(trial(view, records=(record(),))).grade is grade


@pytest.mark.parametrize(("seconds", "grade"), [(7, Grade.OK), (0, Grade.FAIL), (70, Grade.FAIL)])
def test_the_time_to_wait_for_may_be_a_date(seconds: float, grade: Grade) -> None:
    view = View(status=429, headers={"retry-after": formatdate(time() + seconds, usegmt=True)})
    assert judges.wait_passed_on(trial(view, records=(record(),))).grade is grade


@pytest.mark.parametrize(("times", "grade"), [((0.0, 0.2), Grade.FAIL), ((0.0, 7.1, 14.2), Grade.OK)])
def test_who_tries_again_waits_for_the_time(times: tuple[float, ...], grade: Grade) -> None:
    view = View(status=429, headers={"retry-after": "7"})
    records = tuple(record(at=at) for at in times)
    assert judges.wait_passed_on(trial(view, records=records)).grade is grade


@pytest.mark.parametrize(("count", "grade"), [(0, Grade.FAIL), (1, Grade.OK), (3, Grade.OK), (4, Grade.FAIL)])
def test_attempts_are_few(count: int, grade: Grade) -> None:
    assert judges.attempts_bounded(trial(View(status=503), records=(record(),) * count)).grade is grade


@pytest.mark.parametrize(
    ("outcomes", "seconds", "grade"),
    [
        (["left"], 0.2, Grade.OK),
        (["left"], 1.2, Grade.FAIL),
        (["open"], 3.0, Grade.FAIL),
        (["left", "open"], 3.0, Grade.FAIL),
        (["answered"], 0.2, Grade.FAIL),
        ([], 0.2, Grade.FAIL),
    ],
)
def test_the_upstream_is_left_soon(outcomes: list[Outcome], seconds: float, grade: Grade) -> None:
    records = tuple(record(outcome) for outcome in outcomes)
    assert judges.upstream_left(trial(View(), records=records, seconds=seconds)).grade is grade


def words(*times: float) -> View:
    """An answer whose words came at these times."""
    said = [b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % text.encode() for text in TEXT]
    reads = [*zip(times, said, strict=True), (times[-1], FINISH + DONE)]
    return View(status=200, headers=SSE, reads=reads, ended_at=times[-1])


SENT = (10.0, 10.005, 10.4)


@pytest.mark.parametrize(
    ("views", "grade"),
    [
        ([words(1.0, 1.006, 1.4)], Grade.OK),
        # Held back until an acknowledgement.
        ([words(1.0, 1.045, 1.4)], Grade.FAIL),
        # Both held back until the third one.
        ([words(1.4, 1.4, 1.4)], Grade.FAIL),
        # Noise hits some, a fault all.
        ([words(1.0, 1.045, 1.4), words(2.0, 2.006, 2.4)], Grade.OK),
        ([words(1.0, 1.045, 1.4), words(2.0, 2.046, 2.4)], Grade.FAIL),
    ],
)
def test_a_second_event_that_is_always_late_is_found(views: list[View], grade: Grade) -> None:
    records = tuple(record("answered", *SENT) for _ in views)
    assert judges.second_event_prompt(trial(*views, records=records)).grade is grade


@pytest.mark.parametrize(
    ("status", "body", "seen"),
    [
        (400, ERROR, "status 400, error server_error"),
        (422, ERROR, "status 422, error server_error"),
        (400, b'{"error":{"message":"no"}}', "status 400, error no, without type, code"),
        (400, b'{"detail":"no"}', "status 400, no error object"),
    ],
)
def test_an_error_has_a_status_and_a_form(status: int, body: bytes, seen: str) -> None:
    verdict = judges.shaped(400)(trial(View(status=status, reads=[(1.0, body)]), way="whole"))
    assert (verdict.seen, verdict.grade) == (seen, Grade.OK if (status, body) == (400, ERROR) else Grade.FAIL)


@pytest.mark.parametrize(("status", "grade"), [(200, Grade.NA), (401, Grade.OK), (403, Grade.FAIL)])
def test_a_key_is_demanded_where_there_are_keys(status: int, grade: Grade) -> None:
    assert judges.key_demanded(trial(View(status=status, reads=[(1.0, ERROR)]))).grade is grade


PICTURES = tuple(b'{"data":[{"b64_json":"%s"}]}' % data for data in (b"AA", b"BB"))


@pytest.mark.parametrize(
    ("statuses", "bodies", "orders", "grade"),
    [
        ((200, 200), (PICTURES[0], PICTURES[0]), 1, Grade.OK),
        ((200, 200), (PICTURES[0], PICTURES[1]), 1, Grade.FAIL),
        ((200, 200), (PICTURES[0], PICTURES[0]), 2, Grade.FAIL),
        ((200, 409), (PICTURES[0], ERROR), 1, Grade.FAIL),
        ((404, 404), (ERROR, ERROR), 0, Grade.NA),
        ((401, 401), (ERROR, ERROR), 0, Grade.NA),
        ((500, 500), (ERROR, ERROR), 0, Grade.FAIL),
    ],
)
def test_an_order_is_made_once_where_there_are_orders(
    statuses: tuple[int, int], bodies: tuple[bytes, bytes], orders: int, grade: Grade
) -> None:
    views = [View(status=status, reads=[(1.0, body)]) for status, body in zip(statuses, bodies, strict=True)]
    assert judges.ordered_once(trial(*views, records=(record(),) * orders)).grade is grade


@pytest.mark.parametrize("judge", [judges.complete, judges.alive])
def test_an_answer_that_no_client_can_read_is_not_complete(judge: Judge) -> None:
    good = words(1.0, 1.0, 1.0)
    spoilt = stream(b"data: {not json\n\n" + good.body)
    assert [judge(trial(view)).grade for view in (good, spoilt)] == [Grade.OK, Grade.FAIL]
