"""The fault matrix against our own gateway: every row is as expected."""

from collections.abc import Sequence
from itertools import chain

import pytest
from conform_runs import GROUPS, SHORT, conform_gateway, matrix, rows, target
from operated import TEAM_A

from qwen_grpc.conform.behaviours import BEHAVIOURS, SCRIPTS, Behaviour
from qwen_grpc.conform.upstream import running


@pytest.mark.asyncio
@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
async def test_our_own_gateway_is_as_expected_in_every_row(group: Sequence[Behaviour]) -> None:
    only = [behaviour.name for behaviour in group]
    async with running(SCRIPTS, "127.0.0.1", 0) as upstream, conform_gateway(upstream.url) as url:
        results = await matrix(target(url, TEAM_A), upstream.url, SHORT, only)

    grades = {row: verdict.grade.value for row, verdict in results.items()}
    assert grades == dict.fromkeys(rows(only), "ok"), {row: results[row].seen for row in results}


def test_the_groups_are_the_whole_matrix() -> None:
    assert [*chain.from_iterable(GROUPS.values())] == [*BEHAVIOURS]
