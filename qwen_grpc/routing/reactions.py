"""What a failure means for the credential and the upstream that it came from.

A class that is not in a table has no effect: the caller's own mistakes never
take a credential away from the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import TypeVar

from qwen_grpc.errors import (
    AccessDenied,
    Billing,
    ClientDeadline,
    CredentialExpired,
    Internal,
    JobUnknownOutcome,
    ModelNotFound,
    QuotaExhausted,
    QwenError,
    RateLimited,
    TokenQuota,
    TotalTimeout,
    UpstreamChallenge,
    UpstreamConnect,
    UpstreamCredentialInvalid,
    UpstreamEmpty,
    UpstreamError,
    UpstreamHeadersTimeout,
    UpstreamIdleTimeout,
    UpstreamProtocol,
    UpstreamRedirect,
    UpstreamTls,
    UpstreamTruncated,
    UpstreamTtfbTimeout,
    UpstreamUnavailable,
)
from qwen_grpc.routing.lanes import Use

T = TypeVar("T")

# No upstream's word keeps a credential away for longer.
MAX_COOLING_S = 24 * 3600.0


class Condition(Enum):
    """How a credential is, for a model and a use."""

    HEALTHY = "healthy"
    COOLING = "cooling"
    HALF_OPEN = "half-open"
    NEEDS_LOGIN = "needs-login"
    CHALLENGED = "challenged"


@dataclass(frozen=True, slots=True)
class Reaction:
    """What becomes of a credential: its condition, for which calls, and for how many seconds.

    The n-th failure in a row takes the n-th delay, and the last one from then
    on; a delay that the upstream asked for wins if it is longer.
    """

    condition: Condition
    delays: tuple[float, ...]
    by_model: bool = False
    by_use: bool = False

    def delay(self, times: int) -> float:
        """Seconds after the `times`-th failure in a row, from 1 on."""
        return self.delays[min(times, len(self.delays)) - 1]


REACTIONS: Mapping[type[QwenError], Reaction] = {
    RateLimited: Reaction(Condition.COOLING, (2.0, 5.0, 15.0, 60.0), by_model=True, by_use=True),
    TokenQuota: Reaction(Condition.COOLING, (60.0,), by_model=True),
    QuotaExhausted: Reaction(Condition.COOLING, (3600.0,), by_use=True),
    AccessDenied: Reaction(Condition.COOLING, (600.0,), by_model=True),
    ModelNotFound: Reaction(Condition.COOLING, (60.0,), by_model=True),
    UpstreamChallenge: Reaction(Condition.CHALLENGED, (600.0, 3600.0, 6 * 3600.0)),
    CredentialExpired: Reaction(Condition.NEEDS_LOGIN, (inf,)),
    UpstreamCredentialInvalid: Reaction(Condition.NEEDS_LOGIN, (inf,)),
    Billing: Reaction(Condition.NEEDS_LOGIN, (inf,)),
}

# Faults of the server itself, whoever calls: so many in a row open its breaker.
HOST_FAULTS = (
    UpstreamConnect,
    UpstreamTls,
    UpstreamError,
    UpstreamUnavailable,
    UpstreamRedirect,
    UpstreamHeadersTimeout,
    UpstreamTtfbTimeout,
    UpstreamTruncated,
    UpstreamProtocol,
    UpstreamEmpty,
)


class Onward(Enum):
    """Where a call may go on to after a failure that came before its first delta."""

    NOWHERE = "nowhere"
    OTHER_CREDENTIAL = "another credential"
    OTHER_UPSTREAM = "another upstream"


# The upstream cannot have done the work, or has said that it did not.
REFUSED: Mapping[type[QwenError], Onward] = {
    RateLimited: Onward.OTHER_CREDENTIAL,
    TokenQuota: Onward.OTHER_CREDENTIAL,
    QuotaExhausted: Onward.OTHER_CREDENTIAL,
    Billing: Onward.OTHER_CREDENTIAL,
    CredentialExpired: Onward.OTHER_CREDENTIAL,
    UpstreamCredentialInvalid: Onward.OTHER_CREDENTIAL,
    # Another account would meet the same check, as it comes from the same address.
    UpstreamChallenge: Onward.OTHER_UPSTREAM,
    ModelNotFound: Onward.OTHER_UPSTREAM,
    UpstreamConnect: Onward.OTHER_UPSTREAM,
    UpstreamUnavailable: Onward.OTHER_UPSTREAM,
}
# The upstream may have done the work: harmless for an answer of which nobody saw anything, and not for what is
# made, counted and kept.
UNSEEN: Mapping[type[QwenError], Onward] = {
    UpstreamError: Onward.OTHER_UPSTREAM,
    UpstreamProtocol: Onward.OTHER_UPSTREAM,
    UpstreamEmpty: Onward.OTHER_UPSTREAM,
    UpstreamTruncated: Onward.OTHER_UPSTREAM,
}
HARMLESS = (Use.CHAT, Use.EMBEDDING)


# Neither a refusal nor a mistake of the caller's: what was asked for may have been done all the same.
UNCLEAR = (
    UpstreamError,
    UpstreamHeadersTimeout,
    UpstreamTtfbTimeout,
    UpstreamIdleTimeout,
    UpstreamTruncated,
    UpstreamProtocol,
    UpstreamEmpty,
    UpstreamRedirect,
    ClientDeadline,
    TotalTimeout,
    Internal,
    JobUnknownOutcome,
)


def may_have_acted(error: QwenError) -> bool:
    """Whether the upstream may have done what was asked for, although the call failed."""
    return "partial" in error.facts or isinstance(error, UNCLEAR)


def reaction_to(error: QwenError) -> Reaction | None:
    """What becomes of the credential, if anything."""
    return _looked_up(REACTIONS, error)


def onward_from(error: QwenError, use: Use) -> Onward:
    """Where a call may go on to. `partial` failures have made something already."""
    if "partial" in error.facts:
        return Onward.NOWHERE
    found = _looked_up(REFUSED, error)
    if found is None and use in HARMLESS:
        found = _looked_up(UNSEEN, error)
    return found or Onward.NOWHERE


def _looked_up(table: Mapping[type[QwenError], T], error: QwenError) -> T | None:
    return next((table[kind] for kind in type(error).__mro__ if kind in table), None)
