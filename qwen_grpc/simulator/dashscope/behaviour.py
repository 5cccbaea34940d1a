"""How the simulated DashScope behaves: the switches that a test, a benchmark or the demo may turn while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from qwen_grpc.simulator.behaviour import Switches


@dataclass(frozen=True, slots=True)
class Limit:
    """What one account may ask of one model: so many requests and tokens per so many seconds; 0 is unlimited."""

    requests: int = 0
    requests_period_s: float = 60.0
    tokens: int = 0
    tokens_period_s: float = 60.0


@dataclass(frozen=True, slots=True)
class KeyRow:
    """What a key is: keys of one account share its limits, tasks and files; empty fields mean the usual."""

    account: str = ""
    region: str = ""
    plan: str = ""
    limit: Limit | None = None


@dataclass
class DashScopeBehaviour(Switches):
    """Every switch of this face; the defaults are a healthy service without delays."""

    keys: dict[str, KeyRow] = field(default_factory=dict)
    """What is known of single keys; any other `sk-` key is an account of its own, here and on the usual plan."""
    revoked_keys: tuple[str, ...] = ()
    """Keys that are refused, as every key is that has `bad` in it."""
    region: str = "cn-beijing"
    """The region that this host serves; keys of another one are refused."""
    plan: str = "standard"
    """The plan that this host serves; keys of another one are refused, and `sk-sp-` keys are of the `coding` plan."""
    denied_models: tuple[str, ...] = ()
    """Models that exist and that nobody may use."""
    keep_retired: bool = False
    """Models that are retired by autumn 2026 still answer."""
    limits: dict[str, Limit] = field(default_factory=dict)
    """The limits of every account, by model."""
    scenario: str = ""
    """The scenario of requests that name none; empty means what the request itself asks for."""
    faults: dict[str, str] = field(default_factory=dict)
    """The scenario of every request of a key, whatever the request says."""
    fail_next: int = 0
    """How many of the next requests play `fail_with`, whatever they say; each one counts down."""
    fail_with: str = "rate_quota"
    """What they play."""
    retry_after: str = ""
    """The `Retry-After` of throttled and overloaded answers; the service was never seen to send one."""
    burst_clears_s: float = 0.02
    """How long a burst lasts; a caller that lets the service wait longer gets through after this time."""
    moderated_words: tuple[str, ...] = ()
    """Words in a prompt that the content inspection refuses."""
    pace_s: float = 0.0
    """Seconds between two chunks of a stream."""
    slow_s: float = 0.1
    """Seconds between two characters of the `slow` scenario."""
    slow_first_s: float = 0.5
    """Seconds before the first byte of the `slow_first` scenario."""
    write_bytes: int = 0
    """Streams are written in pieces of so many bytes, which may cut a character in two; 0 writes chunk by chunk."""
    gzip: bool = False
    """Whole answers are compressed for callers that accept it."""
    pending_polls: int = 1
    """Polls that find a task still in the queue, where it can be cancelled."""
    running_polls: int = 1
    """Polls after those that find it running; the next one finds its end."""
    task_qps: int = 0
    """Polls of one account that are answered in a second; the service takes 20, and 0 takes any number."""
    task_ttl_s: float = 86_400.0
    """How long a task is known."""
    result_ttl_s: float = 86_400.0
    """How long the address of a picture or a video is good; a negative one makes addresses that have expired."""
    video_bytes: int = 100_000
    """The size of a made video."""
    policy_ttl_s: float = 300.0
    """How long an upload may take to begin; a negative one makes policies that have expired."""
    upload_ttl_s: float = 172_800.0
    """How long an uploaded resource can be used."""
