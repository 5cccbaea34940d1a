"""The fault matrix against a gateway that means well: every row can fail, and says of what."""

from collections.abc import Sequence

import pytest
from careless_gateway import KEY, careless
from conform_runs import GROUPS, Row, matrix, rows, target

from qwen_grpc.conform.behaviours import SCRIPTS, Behaviour
from qwen_grpc.conform.trials import Waits
from qwen_grpc.conform.upstream import running

WAITS = Waits(silence_s=0.5, retry_after_s=2.0, answer_s=15.0)
LEFT = "the upstream is still working after 3 s"
FAKED = "finish_reason stop"

# What is seen of it, in part.
SEEN: dict[Row, str] = {
    ("answer", "stream"): "text 'Onetwothree.'",
    ("answer", "whole"): "text 'Onetwothree.'",
    ("usage", "stream"): "usage missing",
    ("usage", "whole"): "usage {'total_tokens': 0}",
    ("tool-call-ids", "stream"): "finish_reason stop, calls []",
    ("tool-call-ids", "whole"): "finish_reason stop, calls []",
    ("request-id", "stream"): "status 200 without x-request-id",
    ("request-id", "whole"): "status 200 without x-request-id",
    ("line-separators", "stream"): "status 200, finish_reason stop, [DONE]",
    ("line-separators", "whole"): "text 'beforeafterthenend'",
    ("split-utf8", "stream"): "\ufffd",
    ("split-utf8", "whole"): "text 'Größe漢字🙂ends'",
    ("second-event", "stream"): "text 'Onetwothree.'",
    ("silent-start", "stream"): "text 'Onetwothree.'",
    ("silent-middle", "stream"): "text 'Onetwothree.'",
    ("cancel-before-first-byte", "stream"): LEFT,
    ("cancel-mid-stream", "stream"): LEFT,
    ("cancel-whole", "whole"): LEFT,
    ("error-body", "stream"): "status 500, no error object",
    ("error-body", "whole"): "status 500, no error object",
    ("request-id-of-failure", "whole"): "status 500 without x-request-id",
    ("invalid-json", "whole"): "status 500, no error object",
    ("unknown-model", "whole"): "status 500, no error object",
    ("no-key", "whole"): "status 403, no error object",
    ("unavailable", "stream"): "5 requests upstream",
    ("unavailable", "whole"): "5 requests upstream",
    ("rate-limited", "stream"): "status 500, Retry-After missing, 5 requests upstream, 4 of them too early",
    ("rate-limited", "whole"): "status 500, Retry-After missing, 5 requests upstream, 4 of them too early",
    ("rate-limited-date", "stream"): "status 500, Retry-After missing, 5 requests upstream, 4 of them too early",
    ("rate-limited-date", "whole"): "status 500, Retry-After missing, 5 requests upstream, 4 of them too early",
    ("cut", "stream"): "text 'OnetwoOnetwo",
    ("reset", "stream"): "text 'OnetwoOnetwo",
    ("no-second-attempt", "stream"): "2 requests upstream",
    ("idempotency-key", "whole"): "2 orders upstream, answers 200 and 200",
}


@pytest.mark.asyncio
@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
async def test_a_careless_gateway_fails_in_every_row(group: Sequence[Behaviour]) -> None:
    only = [behaviour.name for behaviour in group]
    async with running(SCRIPTS, "127.0.0.1", 0) as upstream, careless(upstream.url) as url:
        results = await matrix(target(url, KEY), upstream.url, WAITS, only)

    grades = {row: verdict.grade.value for row, verdict in results.items()}
    assert grades == dict.fromkeys(rows(only), "FAIL"), {row: results[row].seen for row in results}
    wrong = {row: verdict.seen for row, verdict in results.items() if SEEN.get(row, FAKED) not in verdict.seen}
    assert wrong == {}


@pytest.mark.asyncio
async def test_a_gateway_that_insists_on_done_fails_without_it() -> None:
    async with running(SCRIPTS, "127.0.0.1", 0) as upstream, careless(upstream.url, pedantic=True) as url:
        results = await matrix(target(url, KEY), upstream.url, WAITS, ["finish-without-done"])

    verdict = results["finish-without-done", "stream"]
    assert (verdict.grade.value, "error server_error" in verdict.seen) == ("FAIL", True)
