"""From a caller and a model name to the upstreams that may serve the call, the preferred one first."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from qwen_grpc.catalog import Mode, ResolvedModel, unknown_model
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import AccessDenied, ModelNotFound, QwenError, Unsupported
from qwen_grpc.routing.callers import Access, Caller
from qwen_grpc.routing.snapshot import Entry, Snapshot, matches
from qwen_grpc.upstreams.base import Upstream

Who = TypeVar("Who", bound=Credentials | None)
Resolve = Callable[[Upstream, str, Credentials], Awaitable[ResolvedModel]]


async def by_name(upstream: Upstream, name: str, credentials: Credentials) -> ResolvedModel:
    """The usual way to understand a model name: the upstream's own."""
    return await upstream.resolve(name, credentials)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An upstream that can serve a call: its lanes, and the model there."""

    access: Access
    model: ResolvedModel


async def candidates(caller: Caller, name: str, resolve: Resolve = by_name) -> AsyncIterator[Candidate]:
    """The upstreams that serve a model name to a caller, each asked only when its turn has come.

    Raises `AccessDenied` for a name that the caller's key may not use, and
    `ModelNotFound` or `Unsupported` after the last one when there was none.
    """
    open_to, failures, found = caller.required(), list[QwenError](), False
    lanes = {access.entry.name: access for access in open_to}
    visible = [(access.entry, access.lanes[0].credentials) for access in open_to]
    for entry, credentials, asked in asked_of(caller.snapshot, name, visible):
        try:
            model = await resolve(entry.upstream, asked, credentials)
            check_allowed(caller, entry, name, model)
        except (ModelNotFound, Unsupported, AccessDenied) as error:
            failures.append(error)
            continue
        found = True
        yield Candidate(lanes[entry.name], model)
    if not found:
        raise await refused(name, [(entry.upstream, credentials) for entry, credentials in visible], failures)


def asked_of(snapshot: Snapshot, name: str, visible: Sequence[tuple[Entry, Who]]) -> Iterator[tuple[Entry, Who, str]]:
    """Which upstreams are asked, and for which name: by an alias, by a name with its upstream, or all by the name."""
    by_name = {entry.name: (entry, who) for entry, who in visible}
    aliased = [(by_name[up], model) for up, _, model in _aliased(name, snapshot) if up in by_name]
    upstream, slash, rest = name.partition("/")
    if aliased:
        yield from ((*one, model) for one, model in aliased)
    elif slash and upstream in by_name:
        yield (*by_name[upstream], rest)
    else:
        yield from ((entry, who, name) for entry, who in visible)


def _aliased(name: str, snapshot: Snapshot) -> list[tuple[str, str, str]]:
    """Where an alias leads; a suffix that asks for a mode goes along."""
    for mode in Mode if snapshot.aliases else ():
        base = name.removesuffix(mode.value)
        if name.endswith(mode.value) and base in snapshot.aliases:
            return [(target + mode.value).partition("/") for target in snapshot.aliases[base]]
    return []


def check_allowed(caller: Caller, entry: Entry, name: str, model: ResolvedModel) -> None:
    """Raises `ModelNotFound` where the upstream is not for this model, `AccessDenied` where the caller's key is not."""
    if not _allowed(name, model, entry.config.models):
        raise unknown_model(name, ())
    if caller.key is not None and not _allowed(name, model, caller.key.config.models):
        raise AccessDenied(f"the key {caller.key.name!r} may not use the model {name[:80]!r}")


def _allowed(name: str, model: ResolvedModel, patterns: Sequence[str]) -> bool:
    return matches(name, patterns) or matches(model.id, patterns)


async def refused(
    name: str, asked: Sequence[tuple[Upstream, Credentials | None]], failures: Sequence[QwenError]
) -> QwenError:
    """Why nobody serves a name: what came nearest to it counts most."""
    for kind in (AccessDenied, Unsupported):
        if error := next((error for error in failures if isinstance(error, kind)), None):
            return error
    if len(asked) == 1 and failures:
        return failures[0]
    lists = [await upstream.list_models(credentials) for upstream, credentials in asked]
    return unknown_model(name, [model for found in lists for model in found.offered])
