"""Every metric: its name, what it counts or measures, its labels. The docs are made from this.

Names that begin with `gen_ai` are those of OpenTelemetry's conventions for
generative AI, as they stood in autumn 2026, in Prometheus' spelling; their
labels and buckets are the conventions' too. The others are ours.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric. `buckets` are the upper bounds of a histogram; `unit` is empty for plain numbers."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()


# Labels of the conventions. The provider is the upstream by the operator's name for it.
OPERATION, PROVIDER, MODEL = "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"
GEN_AI = (OPERATION, PROVIDER, MODEL)

# Buckets of the conventions.
TOKENS = tuple(4.0**power for power in range(14))
OPERATION_S = tuple(0.01 * 2**power for power in range(14))
FIRST_TOKEN_S = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
NEXT_TOKEN_S = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
# Ours: what one process does to another on the same machine, or fails to.
SHORT_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
PER_MESSAGE = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0)

S = "seconds"

# -- calls ------------------------------------------------------------------------------------------------------------

CALLS = Definition(
    "qwen_grpc_calls_total",
    Kind.COUNTER,
    "Calls that have ended, of both doors, by RPC, gRPC code and reason of the failure (empty for none).",
    ("rpc", "code", "reason"),
)
IN_FLIGHT = Definition("qwen_grpc_calls_in_flight", Kind.GAUGE, "Calls that run now.", ("rpc",))
DURATION = Definition(
    "gen_ai_server_request_duration_seconds",
    Kind.HISTOGRAM,
    "From the begin of a call to its end, of the RPCs that have a model make something. `error_type` is the reason of "
    "the failure, `CANCELLED` when the caller left, and empty for a success.",
    (*GEN_AI, "error_type"),
    S,
    OPERATION_S,
)
FIRST_TOKEN = Definition(
    "gen_ai_server_time_to_first_token_seconds",
    Kind.HISTOGRAM,
    "From the begin of a stream until the transport took the message with its first delta: at delivery, not when the "
    "upstream was heard or the RPC began to answer.",
    GEN_AI,
    S,
    FIRST_TOKEN_S,
)
NEXT_TOKEN = Definition(
    "gen_ai_server_time_per_output_token_seconds",
    Kind.HISTOGRAM,
    "Of each stream that succeeded: the time after its first token, by the tokens after the first. Where the upstream "
    "counts no tokens there is no observation.",
    GEN_AI,
    S,
    NEXT_TOKEN_S,
)
TOKEN_USAGE = Definition(
    "gen_ai_client_token_usage",
    Kind.HISTOGRAM,
    "Tokens of each call by the upstream's own count; `gen_ai_token_type` is `input` or `output`. Estimates of ours "
    "are not in it.",
    (*GEN_AI, "gen_ai_token_type"),
    "tokens",
    TOKENS,
)
GAP = Definition(
    "qwen_grpc_delta_gap_seconds",
    Kind.HISTOGRAM,
    "Of each stream that succeeded: the mean time from one delta to the next.",
    ("upstream",),
    S,
    (0.001, 0.0025, 0.005, *NEXT_TOKEN_S),
)
DELTAS = Definition("qwen_grpc_stream_deltas_total", Kind.COUNTER, "Deltas that were delivered in streams.")
MESSAGES = Definition(
    "qwen_grpc_stream_messages_total",
    Kind.COUNTER,
    "Messages that delivered them: under load one message carries several deltas.",
)
DELTAS_PER_MESSAGE = Definition(
    "qwen_grpc_deltas_per_message",
    Kind.HISTOGRAM,
    "Of each stream: its mean deltas in a message.",
    buckets=PER_MESSAGE,
)
CANCEL_LATENCY = Definition(
    "qwen_grpc_cancel_latency_seconds",
    Kind.HISTOGRAM,
    "From the moment that a caller left to the end of all work for the call, the upstream's connection closed. Only of "
    "callers at the REST door of the same process: a gRPC call does not tell when its caller left.",
    (),
    S,
    SHORT_S,
)

# -- upstreams --------------------------------------------------------------------------------------------------------

ATTEMPTS = Definition(
    "qwen_grpc_upstream_attempts_total",
    Kind.COUNTER,
    "Attempts to have a call served by an upstream. `outcome` is `ok`, `failed` (with a reason) or `left`: nobody "
    "waited any longer.",
    ("upstream", "outcome", "reason"),
)
ATTEMPT_DURATION = Definition(
    "qwen_grpc_upstream_attempt_duration_seconds",
    Kind.HISTOGRAM,
    "From the begin of an attempt to its end; of a stream, to its last delta.",
    ("upstream", "outcome"),
    S,
    OPERATION_S,
)
UPSTREAM_IN_FLIGHT = Definition(
    "qwen_grpc_upstream_calls_in_flight", Kind.GAUGE, "Attempts that run now.", ("upstream",)
)
CONNECTIONS = Definition(
    "qwen_grpc_upstream_connections", Kind.GAUGE, "Open connections, in use or kept for the next call.", ("upstream",)
)
LANES = Definition(
    "qwen_grpc_lanes",
    Kind.GAUGE,
    "Credentials of the operator by state, the worst that holds for any model or use: `healthy`, `cooling`, "
    "`half-open`, `needs-login`, `challenged`.",
    ("upstream", "state"),
)
BREAKER = Definition(
    "qwen_grpc_breaker",
    Kind.GAUGE,
    "1 for the state that the breaker of an upstream is in, 0 for the others: `closed`, `half-open`, `open`.",
    ("upstream", "state"),
)
RETRY_BUDGET = Definition("qwen_grpc_retry_budget", Kind.GAUGE, "Second attempts that may be made now.", ("upstream",))

# -- the process ------------------------------------------------------------------------------------------------------

REFUSALS = Definition(
    "qwen_grpc_admission_refusals_total",
    Kind.COUNTER,
    "Calls that were refused since the process had too much in hand, by what there was too little of.",
    ("reason",),
)
REQUEST_BYTES = Definition("qwen_grpc_request_bytes", Kind.GAUGE, "Bytes of requests in hand.", unit="bytes")
DRAINING = Definition(
    "qwen_grpc_draining", Kind.GAUGE, "1 once new calls are refused, since the process was asked to end."
)
LAG = Definition(
    "qwen_grpc_event_loop_lag_seconds",
    Kind.HISTOGRAM,
    "How late the event loop comes to a timer, looked at ten times a second.",
    (),
    S,
    SHORT_S,
)
BLOCKED = Definition(
    "qwen_grpc_event_loop_blocked_seconds",
    Kind.GAUGE,
    "How long the event loop has not come to its timer at the moment of the scrape; while it grows, nothing is served.",
    unit=S,
)
RELOADS = Definition(
    "qwen_grpc_config_reloads_total",
    Kind.COUNTER,
    "Loads of a changed configuration file, by `outcome`: `ok`, or `failed` and the old one is kept. One that failed "
    "is tried again every two seconds.",
    ("outcome",),
)
RELOAD_OK = Definition(
    "qwen_grpc_config_in_force",
    Kind.GAUGE,
    "1 while the configuration in force is that of the file, as far as known.",
)
JOBS = Definition(
    "qwen_grpc_jobs",
    Kind.GAUGE,
    "Video jobs in the ledger, by state. Workers share the ledger: take one worker's number, not the sum.",
    ("state",),
)
LEDGER_UP = Definition("qwen_grpc_ledger_up", Kind.GAUGE, "1 when the ledger could be read for this scrape.")
BUILD = Definition("qwen_grpc_build_info", Kind.GAUGE, "1, with the versions as labels.", ("version", "python"))
RSS = Definition("process_resident_memory_bytes", Kind.GAUGE, "Memory that the process holds.", unit="bytes")
VIRTUAL = Definition("process_virtual_memory_bytes", Kind.GAUGE, "Memory that it has addresses for.", unit="bytes")
CPU = Definition("process_cpu_seconds_total", Kind.COUNTER, "CPU time of the process.", unit=S)
STARTED = Definition("process_start_time_seconds", Kind.GAUGE, "When it started, in epoch seconds.", unit=S)
OPEN_FDS = Definition("process_open_fds", Kind.GAUGE, "Open file descriptors.")
MAX_FDS = Definition("process_max_fds", Kind.GAUGE, "How many it may have.")

# Kept by prometheus-client's own collector.
PROCESS = (RSS, VIRTUAL, CPU, STARTED, OPEN_FDS, MAX_FDS)
# Read when somebody asks.
STATES = (
    *(UPSTREAM_IN_FLIGHT, CONNECTIONS, LANES, BREAKER, RETRY_BUDGET),
    *(REFUSALS, REQUEST_BYTES, DRAINING, BLOCKED, JOBS, LEDGER_UP),
)
# Written as things happen.
EVENTS = (
    *(CALLS, IN_FLIGHT, DURATION, FIRST_TOKEN, NEXT_TOKEN, TOKEN_USAGE, GAP),
    *(DELTAS, MESSAGES, DELTAS_PER_MESSAGE, CANCEL_LATENCY, ATTEMPTS, ATTEMPT_DURATION, LAG, RELOADS, RELOAD_OK, BUILD),
)
ALL = (*EVENTS, *STATES, *PROCESS)
