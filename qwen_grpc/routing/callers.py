"""Who calls, and which upstreams are open to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from qwen_grpc.addresses import CHAT_HOST, DASHSCOPE_KEY
from qwen_grpc.credentials import ApiKey, Credentials, WebSession, missing
from qwen_grpc.errors import AccessDenied, QwenError, TokenMalformed, Unsupported
from qwen_grpc.gateway_keys import PREFIX
from qwen_grpc.routing.lanes import Lane
from qwen_grpc.routing.snapshot import Entry, GatewayKey, Snapshot, matches


@dataclass(frozen=True, slots=True)
class Access:
    """An upstream that is open to a caller, and by which lanes."""

    entry: Entry
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class Caller:
    """Who calls, in the view of one snapshot. `key` is the gateway key, if the credential is one."""

    snapshot: Snapshot
    credentials: Credentials | None
    key: GatewayKey | None

    @property
    def own(self) -> Lane | None:
        """The lane of the caller's own credential, at the first upstream that it belongs to."""
        return self._own[0].lanes[0] if self._own else None

    @property
    def tenant(self) -> str:
        """What keeps callers apart who share credentials of the operator; empty for an own one, and without any."""
        if self.key is not None:
            return self.key.name
        return self.credentials.fingerprint if self.credentials is not None and self.own is None else ""

    def open(self) -> list[Access]:
        """The upstreams that may serve the caller: by the key's right; else the own ones first, then public ones."""
        if self.key is not None:
            return list(self._granted(self.key))
        if isinstance(self.credentials, ApiKey) and self.credentials.value.startswith(PREFIX):
            # A key that was revoked does not become anybody.
            return []
        taken = {access.entry.name for access in self._own}
        return [*self._own, *(access for access in self._public() if access.entry.name not in taken)]

    def required(self) -> list[Access]:
        """The same. Raises `TokenMissing`, `TokenMalformed` or `AccessDenied` when there is none."""
        found = self.open()
        if not found:
            raise self._refusal()
        return found

    def visible(self) -> list[tuple[Entry, Credentials | None]]:
        """The upstreams whose models are shown, and what they are asked with.

        Who brings no credential sees, besides what is open to anybody, what
        they could use with a credential of their own.
        """
        shown: list[tuple[Entry, Credentials | None]]
        shown = [(access.entry, access.lanes[0].credentials) for access in self.open()]
        if self.credentials is None:
            shown += [(entry, None) for entry in self.snapshot.entries if not entry.lanes]
        return shown

    @cached_property
    def _own(self) -> tuple[Access, ...]:
        """The upstreams that the credential itself belongs to; every call asks for them several times."""
        credentials = self.credentials
        if credentials is None or self.key is not None:
            return ()
        entries = [entry for entry in self.snapshot.entries if entry.upstream.accepts(credentials)]
        return tuple(Access(one, (Lane(one.upstream, credentials, one.name, own=True),)) for one in entries)

    def _public(self) -> Iterator[Access]:
        return (Access(entry, entry.lanes) for entry in self.snapshot.entries if entry.config.public and entry.lanes)

    def _granted(self, key: GatewayKey) -> Iterator[Access]:
        for entry in self.snapshot.entries:
            if entry.lanes and matches(entry.name, key.config.upstreams):
                yield Access(entry, entry.lanes)

    def _refusal(self) -> QwenError:
        if self.credentials is None:
            return missing()
        if self.key is not None:
            names = ", ".join(self.key.config.upstreams)
            return AccessDenied(f"the key {self.key.name!r} may use {names}, and none of these has a credential here")
        return TokenMalformed(f"{_looks(self.credentials)}, and no upstream here takes it; {_taken(self.snapshot)}")

    def own_lane(self) -> Lane:
        """The caller's own account. Raises what is wrong when the caller has none here."""
        if self.key is not None:
            raise Unsupported(f"the key {self.key.name!r} stands for the operator's accounts, which are not shown")
        if lane := self.own:
            return lane
        if self.credentials is not None and self.open():
            raise Unsupported("this needs an account of the caller's own, and the credential belongs to none here")
        raise self._refusal()

    def lane(self, upstream: str, label: str) -> Lane:
        """The lane that something was made by, to come back to it. Raises `AccessDenied` when it is gone."""
        for access in self.open():
            for lane in access.lanes:
                # Rows from before there were labels have the realm instead.
                if label == lane.label or (lane.own and upstream == lane.upstream.realm):
                    return lane
        raise AccessDenied("the account that this was made with is no longer in use here")


def _looks(credentials: Credentials) -> str:
    if isinstance(credentials, WebSession):
        return f"this is a web session of {CHAT_HOST}"
    if credentials.value.startswith(DASHSCOPE_KEY):
        return f"this looks like a key of the official API ({DASHSCOPE_KEY}…)"
    if credentials.value.startswith(PREFIX):
        return f"this looks like a gateway key ({PREFIX}…), but it is unknown or was revoked"
    assert isinstance(credentials, ApiKey)
    return f"this is an API key of {len(credentials.value)} characters without a prefix that is known here"


def _taken(snapshot: Snapshot) -> str:
    kinds = {entry.config.kind for entry in snapshot.entries}
    taken = []
    if "chat_qwen_ai" in kinds:
        taken.append(f"a web session of {CHAT_HOST} (a JWT, or H4sI…)")
    if "dashscope" in kinds:
        taken.append(f"a DashScope key ({DASHSCOPE_KEY}…)")
    if any(entry.config.caller_keys for entry in snapshot.entries):
        taken.append("a key of an own engine")
    if snapshot.keys:
        taken.append(f"a gateway key ({PREFIX}…)")
    return f"expected {' or '.join(taken) or 'nothing: no upstream is configured'} (docs/credentials.md)"
