"""Whose a job or a file is: an account that the upstream confirms, or a gateway key, under a name of the ledger's."""

import time
from collections import OrderedDict
from collections.abc import Callable

from qwen_grpc.credentials import ApiKey, missing
from qwen_grpc.errors import Unsupported
from qwen_grpc.ledger import Ledger
from qwen_grpc.routing.callers import Caller

KNOWN_S = 600.0
MAX_KNOWN = 10_000
# Realms of owners that are no account of an upstream.
GATEWAY_KEYS, STRANGERS = "gateway key", "public"


class Owners:
    """Owners by credential. Anybody can write any account id into a token, so the upstream is asked now and then."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._now = now
        self._known: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()

    async def of(self, caller: Caller) -> str:
        """The owner's name in the ledger. Raises what the upstream says of a bad credential."""
        if caller.key is not None:
            return await self._ledger.owner(GATEWAY_KEYS, caller.key.name)
        if caller.credentials is None:
            raise missing()
        if caller.own is None:
            return await self._stranger(caller)
        key = (caller.own.upstream.realm, caller.credentials.fingerprint)
        until, owner = self._known.get(key, (0.0, ""))
        if self._now() >= until:
            account = await caller.own.upstream.check(caller.credentials)
            owner = await self._ledger.owner(caller.own.upstream.realm, account.id)
            self._known[key] = (self._now() + KNOWN_S, owner)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return owner

    async def _stranger(self, caller: Caller) -> str:
        """Somebody at a public upstream: whoever has the same key is the same."""
        caller.required()
        if not isinstance(caller.credentials, ApiKey):
            raise Unsupported("this web session belongs to no upstream here; use a key of your own instead")
        return await self._ledger.owner(STRANGERS, caller.credentials.value)
