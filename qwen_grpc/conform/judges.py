"""One judge for each thing that is expected of a gateway."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from itertools import pairwise

from qwen_grpc.conform.answers import TEXT, USAGE
from qwen_grpc.conform.asking import request_id
from qwen_grpc.conform.scripts import AGAIN, MANY_BYTES, SEPARATORS, TOOL, call_id
from qwen_grpc.conform.trials import Trial
from qwen_grpc.conform.verdicts import Judge, Verdict, counted, described, fail, judged, not_offered, ok, quoted
from qwen_grpc.conform.views import View

MAX_ATTEMPTS = 3
# Acknowledgements that are waited for come after 40 ms; what is less may be the machine's noise.
SECOND_EVENT_S = 0.025
NOT_OFFERED = (400, 401, 403, 404, 405, 501)


def _success(view: View) -> bool:
    """Whether a client takes this for a good answer."""
    return view.status == 200 and view.error is None and not view.unreadable and not view.ending


# -- good answers -----------------------------------------------------------------------------------------------------


def _complete(text: str) -> Judge:
    """The whole text, a finish reason, and no error."""

    def judge(trial: Trial) -> Verdict:
        view = trial.view
        return judged(_success(view) and (view.text, view.finish) == (text, "stop"), described(view))

    return judge


complete = _complete("".join(TEXT))
separators_kept = _complete(SEPARATORS)
characters_kept = _complete(MANY_BYTES)


def usage_told(trial: Trial) -> Verdict:
    """The upstream's own counts."""
    told = trial.view.usage or {}
    same = all(told.get(name) == count for name, count in USAGE.items())
    return judged(_success(trial.view) and same, f"usage {quoted(told or 'missing')}")


def tool_call_kept(trial: Trial) -> Verdict:
    """Id, name and arguments as they were."""
    view, wanted = trial.view, {"id": call_id(trial.marker.nonce), **TOOL}
    good = _success(view) and view.tool_calls == [wanted] and view.finish == "tool_calls"
    return judged(good, f"finish_reason {quoted(view.finish or 'missing')}, calls {quoted(view.tool_calls)}")


def request_id_kept(trial: Trial) -> Verdict:
    """The caller's id, in the headers of the answer."""
    told = trial.view.headers.get("x-request-id", "")
    if not told:
        return fail(f"status {trial.view.status} without x-request-id")
    same = told == request_id(trial.marker)
    return judged(same, f"status {trial.view.status}, {'the same id' if same else 'another id: ' + quoted(told)}")


def second_event_prompt(trial: Trial) -> Verdict:
    """The second event is there right after the first. The best of some answers counts, since noise only delays."""
    if not all(_success(view) and view.text == "".join(TEXT) for view in trial.views):
        return fail(described(trial.view))
    if len(trial.records) != len(trial.views):
        return fail(f"{counted(len(trial.records), 'request')} for {len(trial.views)} questions")
    late = min(_late(view, record.sent) for view, record in zip(trial.views, trial.records, strict=True))
    return judged(late <= SECOND_EVENT_S, f"late by {max(late, 0) * 1000:.0f} ms")


def _late(view: View, sent: list[float]) -> float:
    """By how many seconds the second event came too late, against the first one and against the third."""
    first, second, third = (_time_of(view, count) for count in (1, 2, 3))
    return max((second - first) - (sent[1] - sent[0]), (sent[2] - sent[1]) - (third - second))


def _time_of(view: View, count: int) -> float:
    """When so many of the words were there."""
    text, wanted = "", "".join(TEXT[:count])
    for at, said in view.said:
        text += said
        if text.startswith(wanted):
            return at
    return view.ended_at


def alive(trial: Trial) -> Verdict:
    """Never longer silent than allowed, and the whole answer in the end."""
    view, limit = trial.view, trial.waits.silence_s
    if not (_success(view) and (view.text, view.finish) == ("".join(TEXT), "stop")):
        return fail(described(view))
    seen = f"longest silence {view.longest_silence:.1f} s, {view.comments} comments"
    return judged(view.longest_silence <= limit, seen)


# -- who leaves -------------------------------------------------------------------------------------------------------


def upstream_left(trial: Trial) -> Verdict:
    """The gateway hangs up on the upstream soon after its client did."""
    if not trial.records:
        return fail("the question did not arrive at the upstream")
    if any(record.outcome == "open" for record in trial.records):
        return fail(f"the upstream is still working after {trial.seconds:.0f} s")
    left = all(record.outcome == "left" for record in trial.records)
    return judged(left and trial.seconds <= trial.waits.leave_s, f"upstream closed after {trial.seconds:.2f} s")


# -- failures ---------------------------------------------------------------------------------------------------------


def failure_told(trial: Trial) -> Verdict:
    """An error status, an error event, or at least a broken connection; nothing that looks complete."""
    view = trial.view
    if view.ending in ("late", "unreachable") or not view.status:
        return fail(described(view))
    if view.status >= 400:
        return ok(described(view))
    looks_complete = bool(view.finish or view.done)
    told = view.error is not None and view.streamed
    return judged((told or view.ending == "broken") and not looks_complete, described(view))


def words_then_failure(trial: Trial) -> Verdict:
    """The same, and a stream that has begun delivers first what had come."""
    verdict, view = failure_told(trial), trial.view
    if view.status == 200 and trial.way == "stream" and view.text != "".join(TEXT[:2]):
        return fail(described(view))
    return verdict


def nothing_invented(trial: Trial) -> Verdict:
    """The same; a whole answer may also say, as the upstream did, that there is no finish reason."""
    view = trial.view
    if trial.way == "whole" and view.status == 200 and view.objects and not view.finish:
        return ok(f"{described(view)}, finish_reason null")
    return failure_told(trial)


def asked_once(trial: Trial) -> Verdict:
    """No second attempt once words have been delivered."""
    count = len(trial.records)
    return judged(count == 1 and AGAIN not in trial.view.text, f"{counted(count, 'request')}, {described(trial.view)}")


def attempts_bounded(trial: Trial) -> Verdict:
    """An error status after few attempts."""
    count = len(trial.records)
    good = 1 <= count <= MAX_ATTEMPTS and trial.view.status >= 500
    return judged(good, f"{counted(count, 'request')}, {described(trial.view)}")


def wait_passed_on(trial: Trial) -> Verdict:
    """429 with the time to wait, and no further attempt before that time."""
    view, told = trial.view, trial.view.headers.get("retry-after", "")
    early, count = _early(trial), len(trial.records)
    good = view.status == 429 and count and not early and _same_wait(told, trial.marker.seconds)
    times = "" if count == 1 else f", {counted(count, 'request')}, {early or 'none'} of them too early"
    return judged(good, f"status {view.status}, Retry-After {quoted(told or 'missing')}{times}")


def _early(trial: Trial) -> int:
    """How many further attempts came before the time that the attempt before was told to wait for."""
    gaps = (later.at - record.at for record, later in pairwise(trial.records))
    return sum(gap < trial.marker.seconds - 1.5 for gap in gaps)


def _same_wait(told: str, seconds: float) -> bool:
    """Whether a Retry-After means so many seconds. A date has whole seconds, and some may have passed."""
    if told.replace(".", "", 1).isdecimal():
        return seconds - 1.5 <= float(told) <= seconds + 0.5
    try:
        return seconds - 3.0 <= parsedate_to_datetime(told).timestamp() - time.time() <= seconds + 0.5
    except ValueError:
        return False


def shaped(status: int) -> Judge:
    """A status, with OpenAI's error object."""

    def judge(trial: Trial) -> Verdict:
        view = trial.view
        return judged(view.status == status and not _missing(view), f"{described(view)}{_missing(view)}")

    return judge


def _missing(view: View) -> str:
    if view.error is None:
        return ", no error object"
    missing = [name for name in ("message", "type", "code") if name not in view.error]
    if not isinstance(view.error.get("message"), str) and "message" not in missing:
        missing.append("message as a text")
    return f", without {', '.join(missing)}" if missing else ""


def key_demanded(trial: Trial) -> Verdict:
    """401 for nobody, where the gateway has keys at all."""
    if trial.view.status == 200:
        return not_offered("the gateway answers without a key")
    return shaped(401)(trial)


def ordered_once(trial: Trial) -> Verdict:
    """One order upstream, and the same answer twice."""
    first, second = trial.views
    if not trial.records and first.status in NOT_OFFERED:
        return not_offered(f"no such orders here: {described(first)}")
    same = first.status == 200 and _pictures(first) == _pictures(second) != []
    seen = f"{counted(len(trial.records), 'order')}, answers {first.status} and {second.status}"
    return judged(same and len(trial.records) == 1, seen)


def _pictures(view: View) -> list[object]:
    return [row for _, one in view.objects for row in one.get("data") or ()]
