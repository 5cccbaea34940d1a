"""From a caller and a model name to the stops that may serve the call, the preferred one first."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from qwen_grpc.catalog import Mode, ResolvedModel, unknown_model
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import AccessDenied, ModelNotFound, QwenError, Unsupported
from qwen_grpc.routing.callers import Access, Caller
from qwen_grpc.routing.snapshot import Snapshot, matches
from qwen_grpc.upstreams.base import Upstream

Resolve = Callable[[Upstream, str, Credentials], Awaitable[ResolvedModel]]


async def by_name(upstream: Upstream, name: str, credentials: Credentials) -> ResolvedModel:
    """The usual way to understand a model name: the upstream's own."""
    return await upstream.resolve(name, credentials)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An upstream that can serve a call: its lanes, and the model there."""

    access: Access
    model: ResolvedModel


class Router:
    """Knows the configuration in force. `snapshot` is replaced as a whole when the operator changes it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    def caller(self, credentials: Credentials | None) -> Caller:
        """Who sent this credential. The caller keeps this snapshot for the whole call."""
        return Caller(self.snapshot, credentials, self.snapshot.key(credentials))


async def candidates(caller: Caller, name: str, resolve: Resolve = by_name) -> AsyncIterator[Candidate]:
    """The upstreams that serve a model name to a caller, each asked only when its turn has come.

    Raises `AccessDenied` for a name that the caller's key may not use, and
    `ModelNotFound` or `Unsupported` after the last one when there was none.
    """
    open_to, failures, found = caller.required(), list[QwenError](), False
    for access, asked in _asked(caller, name, open_to):
        try:
            model = await resolve(access.entry.upstream, asked, access.lanes[0].credentials)
        except (ModelNotFound, Unsupported) as error:
            failures.append(error)
            continue
        if not _allowed(asked, model, access.entry.config.models):
            continue
        if caller.key is not None and not _allowed(name, model, caller.key.config.models):
            failures.append(AccessDenied(f"the key {caller.key.name!r} may not use the model {name[:80]!r}"))
            continue
        found = True
        yield Candidate(access, model)
    if not found:
        raise await _none(name, open_to, failures)


def _asked(caller: Caller, name: str, open_to: Sequence[Access]) -> Iterator[tuple[Access, str]]:
    """Which upstreams are asked, and for which name: by an alias, by a name with its upstream, or all by the name."""
    by_entry = {access.entry.name: access for access in open_to}
    if targets := _aliased(name, caller.snapshot):
        found = [(by_entry[upstream], model) for upstream, _, model in targets if upstream in by_entry]
        if found:
            yield from found
            return
    upstream, slash, model = name.partition("/")
    if slash and upstream in by_entry:
        yield by_entry[upstream], model
        return
    yield from ((access, name) for access in open_to)


def _aliased(name: str, snapshot: Snapshot) -> list[tuple[str, str, str]]:
    """Where an alias leads; a suffix that asks for a mode goes along."""
    for mode in Mode:
        base = name.removesuffix(mode.value)
        if name.endswith(mode.value) and base in snapshot.aliases:
            return [(target + mode.value).partition("/") for target in snapshot.aliases[base]]
    return []


def _allowed(name: str, model: ResolvedModel, patterns: Sequence[str]) -> bool:
    return matches(name, patterns) or matches(model.id, patterns)


async def _none(name: str, open_to: Sequence[Access], failures: Sequence[QwenError]) -> QwenError:
    """Why nobody serves a name: what came nearest to it counts most."""
    for kind in (AccessDenied, Unsupported):
        if error := next((error for error in failures if isinstance(error, kind)), None):
            return error
    if len(open_to) == 1 and failures:
        return failures[0]
    lists = [await access.entry.upstream.list_models(access.lanes[0].credentials) for access in open_to]
    return unknown_model(name, [model for found in lists for model in found.offered])
