"""The load proofs in short: what `make load` measures at length, with fewer clients and the same bars.

Times are the machine's as much as ours, so a neighbour must not fail a test:
bars of time are wide here, or measured anew when the machine stood still.
"""

import pytest

from benchmarks.compiled import compiler
from load.figures import Figure, table
from load.leaving import leave
from load.pace import keep_pace
from load.readers import never_read
from load.second_write import step
from load.soak import soak
from load.storm import storm
from load.streams import Bars, open_streams

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("load"), pytest.mark.timeout(180), pytest.mark.asyncio]


def met(figures: list[Figure]) -> None:
    missed = [one for one in figures if not one.good]
    assert missed == [], f"\n{table(figures)}"


async def test_open_streams_cost_little_memory_and_all_are_served() -> None:
    # What the first calls of a process need once is shared by fewer streams here, and the bars are not met yet.
    met(await open_streams(300, 3.0, Bars(idle_mb=105, stream_kib=85)))


@pytest.mark.skipif(compiler() is None, reason="the upstream that keeps this pace is a program in C")
async def test_many_fast_streams_arrive_in_time_and_in_few_messages() -> None:
    # Deltas gather where the loop is late: on a machine that is fast enough, few have to.
    met(await keep_pace(3.0, per_message=1.2))


async def test_the_upstream_learns_within_a_second_that_a_caller_has_left() -> None:
    met(await leave(30))


async def test_clients_that_never_read_hold_little_memory_and_the_upstream_back() -> None:
    met(await never_read(30))


async def test_streams_cut_at_any_moment_leave_nothing_and_disturb_nobody() -> None:
    met(await storm(1_000))


async def test_no_write_waits_for_the_acknowledgement_of_the_one_before() -> None:
    met(await step(15))


async def test_mixed_traffic_with_faults_leaves_memory_flat_and_nothing_behind() -> None:
    # A process still takes what it wants of memory in these seconds; only the long form can tell that from a leak.
    met(await soak(15.0, growth_percent=20.0))
