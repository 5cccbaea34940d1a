"""Whose a job or a file is: the account that the upstream confirms, under a name that only the ledger knows."""

import time
from collections import OrderedDict
from collections.abc import Callable

from qwen_grpc.credentials import Credentials
from qwen_grpc.ledger import Ledger
from qwen_grpc.upstreams.base import Upstream

KNOWN_S = 600.0
MAX_KNOWN = 10_000


class Owners:
    """Owners by credential. Anybody can write any account id into a token, so the upstream is asked now and then."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._now = now
        self._known: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()

    async def of(self, credentials: Credentials, upstream: Upstream) -> str:
        """The owner's name in the ledger. Raises what the upstream says of a bad credential."""
        key = (upstream.name, credentials.fingerprint)
        until, owner = self._known.get(key, (0.0, ""))
        if self._now() >= until:
            account = await upstream.check(credentials)
            owner = await self._ledger.owner(upstream.name, account.id)
            self._known[key] = (self._now() + KNOWN_S, owner)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return owner
