"""The faults of the list, all of them: what is played, what is shown elsewhere, and what cannot happen here."""

from collections.abc import Sequence

from answering import FAULTS as ANSWERING
from cases import Fault
from connecting import FAULTS as CONNECTING
from outcomes import CONNECT, SLOW, STORE, TLS, Failed
from streaming import FAULTS as STREAMING

HERE = "tests/faults"
CLIENTS = f"{HERE}/test_client_faults.py"
PROCESS = f"{HERE}/test_process_faults.py"
CANCELLED = "tests/integration/test_cancellation.py"


def _told(row: Failed) -> tuple[str, str]:
    return row.over_grpc(), row.over_rest()


ELSEWHERE = (
    Fault(
        3,
        "a name without an address, a name server that does not answer",
        told=_told(CONNECT),
        proofs=[
            f"{HERE}/test_names.py::test_a_name_that_cannot_be_looked_up_is_told_as_that",
            f"{HERE}/test_names.py::"
            "test_a_silent_name_server_holds_one_thread_and_neither_the_loop_nor_other_upstreams",
        ],
    ),
    Fault(
        4,
        "TLS: a certificate that is self-signed, of a stranger, expired, of another host; no TLS at all",
        told=_told(TLS),
        proofs=[f"{HERE}/test_tls_faults.py::test_a_server_without_a_valid_certificate_gets_nothing"],
    ),
    Fault(
        38,
        "the client of a stream leaves before the first byte",
        told=("`CANCELLED`; the upstream is left within a second", "gone; the upstream is left within a second"),
        proofs=[
            f"{CLIENTS}::test_who_leaves_stops_the_upstream_at_once",
            f"{CANCELLED}::test_who_leaves_before_the_first_byte_stops_the_upstream",
        ],
    ),
    Fault(
        39,
        "the client of a stream leaves in the middle",
        told=("`CANCELLED`; the upstream is left within a second", "gone; the upstream is left within a second"),
        proofs=[
            f"{CLIENTS}::test_who_leaves_stops_the_upstream_at_once",
            f"{CANCELLED}::test_who_leaves_in_the_middle_of_a_stream_stops_the_upstream",
        ],
    ),
    Fault(
        40,
        "the client of a whole answer leaves",
        told=("`CANCELLED`; the upstream is left within a second", "gone; the upstream is left within a second"),
        proofs=[
            f"{CLIENTS}::test_who_leaves_stops_the_upstream_at_once",
            f"{CANCELLED}::test_who_leaves_while_a_whole_answer_is_made_stops_the_upstream",
        ],
    ),
    Fault(
        41,
        "the client closes its half of the connection and reads on",
        told=("how every request ends: nothing", "taken for gone: the upstream is left within a second"),
        proofs=[f"{CLIENTS}::test_who_says_that_nothing_more_will_come_is_taken_for_gone"],
    ),
    Fault(
        42,
        "500 clients reset their connections at once",
        told=("gone; nothing is left within two seconds", "gone; nothing is left within two seconds"),
        proofs=[f"{CLIENTS}::test_five_hundred_callers_that_reset_their_connections_at_once_leave_nothing"],
    ),
    Fault(
        43,
        "a client that does not read",
        told=(
            f"the upstream is held back, memory is bounded; {SLOW.over_grpc()} after 30 s",
            "the upstream is held back, memory is bounded; cut after 30 s",
        ),
        proofs=[
            f"{CLIENTS}::test_a_caller_that_does_not_read_holds_the_upstream_back",
            "tests/integration/test_slow_clients.py::"
            "test_a_grpc_client_that_does_not_read_is_given_up_with_a_reason_and_its_upstream_left",
            "tests/integration/test_slow_clients.py::"
            "test_a_rest_client_that_does_not_read_is_left_and_so_is_its_upstream",
            "tests/integration/test_slow_readers.py::"
            "test_a_client_that_does_not_read_holds_the_upstream_back_and_loses_nothing",
        ],
    ),
    Fault(
        44,
        "Redis refuses, hangs, is slow, read-only, out of memory, emptied, restarted",
        absent="there is no Redis; what has to last is in a file of the process, the rest in its memory",
    ),
    Fault(
        45,
        "the disk of the ledger is full",
        told=(
            f"for jobs {STORE.over_grpc()}, and nothing is ordered; chat goes on",
            f"for jobs {STORE.over_rest()}, and nothing is ordered; chat goes on",
        ),
        proofs=[f"{PROCESS}::test_a_full_disk_refuses_jobs_and_nothing_else_until_there_is_room"],
    ),
    Fault(
        46,
        "the clock jumps by ten minutes, there and back, while a credential is left alone",
        told=("the same waits, within a second", "the same waits, within a second"),
        proofs=[f"{PROCESS}::test_a_clock_that_jumps_hangs_nothing_and_moves_no_wait"],
    ),
    Fault(
        47,
        "no file descriptors left",
        told=(f"{CONNECT.over_grpc()}, until there are", f"{CONNECT.over_rest()}, until there are"),
        proofs=[f"{PROCESS}::test_a_process_without_files_left_says_so_and_recovers_by_itself"],
    ),
    Fault(
        48,
        "the event loop stands still for three seconds",
        told=("the whole answer; no clock blames the upstream", "the whole answer; `/health` is silent meanwhile"),
        proofs=[
            f"{PROCESS}::test_a_loop_that_stood_still_blames_nobody_for_it",
            f"{PROCESS}::test_a_process_that_stands_still_is_not_alive_and_goes_on_where_it_was",
        ],
    ),
)

FAULTS: Sequence[Fault] = sorted((*CONNECTING, *ANSWERING, *STREAMING, *ELSEWHERE), key=lambda fault: fault.number)
