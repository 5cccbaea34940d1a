"""What the configuration says at a moment: upstreams with their lanes, aliases, gateway keys. Replaced as a whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from qwen_grpc.configuration import EVERYTHING, KeyConfig, UpstreamConfig
from qwen_grpc.credentials import ApiKey, Credentials
from qwen_grpc.errors import TenantLimit
from qwen_grpc.gateway_keys import KeyRing
from qwen_grpc.routing.health import Breaker, Health
from qwen_grpc.routing.lanes import Lane
from qwen_grpc.routing.limits import Allowance, RetryBudget
from qwen_grpc.upstreams.base import NO_KEY, Upstream

# Kinds that may be reached without any credential.
KEYLESS = ("openai_engine",)
# Calls at once by one credential of the operator, where the file says nothing: one person's session that does
# more than a person could is asked to slow down, and then to prove that it is one.
USUAL_AT_ONCE = {"chat_qwen_ai": 4}


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns fits; `*` stands for any text."""
    return patterns == EVERYTHING or any(fnmatchcase(name, pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Entry:
    """An upstream with the operator's lanes to it, and all that is known of how they are.

    `health` has one row for each lane, in the same order.
    """

    name: str
    config: UpstreamConfig
    upstream: Upstream
    lanes: tuple[Lane, ...]
    health: tuple[Health, ...]
    allowance: Allowance
    breaker: Breaker = field(default_factory=Breaker)
    budget: RetryBudget = field(default_factory=RetryBudget)

    def health_of(self, lane: Lane) -> Health | None:
        """How the lane is; None for a caller's own, which nobody keeps a record of."""
        return None if lane.own else self.health[self.lanes.index(lane)]

    def busy(self, lane: Lane) -> bool:
        """Whether the lane has as many calls as it may have."""
        health, limit = self.health_of(lane), self.config.max_calls_per_credential
        if limit is None:
            limit = USUAL_AT_ONCE.get(self.config.kind, 0)
        return health is not None and bool(limit) and health.in_flight >= limit


def entry(
    name: str, config: UpstreamConfig, upstream: Upstream, secrets: Sequence[tuple[str, Credentials]], old: Entry | None
) -> Entry:
    """An upstream with its lanes. What was known of the same upstream and the same credentials stays known."""
    if not secrets and config.kind in KEYLESS:
        secrets = [(name, NO_KEY)]
    known = {lane.credentials.fingerprint: row for lane, row in zip(old.lanes, old.health, strict=True)} if old else {}
    lanes = tuple(Lane(upstream, credentials, label) for label, credentials in secrets)
    health = tuple(known.get(lane.credentials.fingerprint) or Health() for lane in lanes)
    fresh = Entry(name, config, upstream, lanes, health, Allowance(config.max_calls, config.requests_per_minute))
    if old is None or old.upstream is not upstream:
        return fresh
    return replace(fresh, allowance=fresh.allowance.or_same(old.allowance), breaker=old.breaker, budget=old.budget)


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A gateway key, by its name: what it may use, and how much of it."""

    name: str
    config: KeyConfig
    allowance: Allowance

    def check_allowance(self) -> None:
        """Raises `TenantLimit` when the key has no more calls just now."""
        wait = self.allowance.wait()
        if wait is not None:
            limit = f"{self.config.max_calls} calls at once"
            if self.config.requests_per_minute:
                limit += f" and {self.config.requests_per_minute} requests a minute"
            raise TenantLimit(f"the key {self.name!r} may make {limit}; try again", retry_after=max(1.0, wait))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The configuration in force."""

    entries: tuple[Entry, ...]
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keys: Mapping[str, GatewayKey] = field(default_factory=dict)
    ring: KeyRing | None = None

    def named(self, name: str) -> Entry | None:
        """The upstream of that name."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def key(self, credentials: Credentials | None) -> GatewayKey | None:
        """The gateway key that a credential is, if it is one."""
        if self.ring is None or not isinstance(credentials, ApiKey):
            return None
        return self.keys.get(self.ring.named(credentials.value) or "")
