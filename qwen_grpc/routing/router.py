"""The way into routing: who calls, and how their call is served."""

from collections.abc import Sequence

from qwen_grpc.credentials import Bearers, Credentials
from qwen_grpc.routing.affinity import Affinity
from qwen_grpc.routing.attempts import WatchAttempt
from qwen_grpc.routing.callers import Caller
from qwen_grpc.routing.candidates import Resolve, by_name, candidates
from qwen_grpc.routing.journey import Journey, Wish
from qwen_grpc.routing.snapshot import Snapshot


class Router:
    """Knows the configuration in force. `snapshot` is replaced as a whole when the operator changes it.

    `watches` are told of every attempt.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.affinity = Affinity()
        self.bearers = Bearers()
        self.watches: Sequence[WatchAttempt] = ()

    def is_public(self) -> bool:
        """Whether some upstream serves callers without a credential."""
        return any(entry.config.public for entry in self.snapshot.entries)

    def caller(self, credentials: Credentials | None) -> Caller:
        """Who sent this credential. The caller keeps this snapshot for the whole call."""
        return Caller(self.snapshot, credentials, self.snapshot.key(credentials))

    def journey(self, caller: Caller, model: str, wish: Wish, resolve: Resolve = by_name) -> Journey:
        """The way of one call for a model; `resolve` understands the name at an upstream."""
        return Journey(candidates(caller, model, resolve), wish, caller.key, self.affinity, self.watches)
