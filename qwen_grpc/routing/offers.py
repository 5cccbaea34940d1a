"""The models of several upstreams as one list, in which each name tells who serves it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.errors import AccessDenied, ModelNotFound, QwenError, Unsupported
from qwen_grpc.routing.callers import Caller
from qwen_grpc.routing.candidates import asked_of, check_allowed, refused
from qwen_grpc.routing.snapshot import Entry, matches
from qwen_grpc.upstreams.base import ModelList
from qwen_grpc.v1.models_pb2 import Model


@dataclass(frozen=True, slots=True)
class Offers:
    """All names that a caller may use. `stale`: an upstream could not be asked; `fetched_at` is of the oldest list."""

    models: Sequence[Model]
    fetched_at: float
    stale: bool


async def offers(caller: Caller, *, force: bool = False) -> Offers:
    """The models that are open to a caller. Fails only when no upstream can be asked at all."""
    visible = caller.visible()
    lists = await asyncio.gather(
        *(entry.upstream.list_models(credentials, force=force) for entry, credentials in visible),
        return_exceptions=True,
    )
    found = [(entry, one) for (entry, _), one in zip(visible, lists, strict=True) if isinstance(one, ModelList)]
    failures = [one for one in lists if isinstance(one, BaseException)]
    if failures and not (found and all(isinstance(error, QwenError) for error in failures)):
        raise failures[0]
    if not visible:
        caller.required()
    stale = bool(failures) or any(one.stale for _, one in found)
    return Offers(_merged(caller, found), min((one.fetched_at for _, one in found), default=0.0), stale)


def _merged(caller: Caller, found: Sequence[tuple[Entry, ModelList]]) -> list[Model]:
    merged: dict[str, Model] = {}
    for entry, one in found:
        for model in one.offered:
            if _shown(caller, entry, model):
                _add(merged, model, model.id, entry.name)
    for alias, targets in caller.snapshot.aliases.items():
        _add_alias(merged, alias, [target.partition("/") for target in targets])
    return list(merged.values())


def _shown(caller: Caller, entry: Entry, model: Model) -> bool:
    lists = [entry.config.models] + ([caller.key.config.models] if caller.key else [])
    return all(matches(model.id, names) or matches(model.base_model_id or model.id, names) for names in lists)


def _add(merged: dict[str, Model], model: Model, name: str, upstream: str) -> None:
    if name not in merged:
        merged[name] = Model()
        merged[name].CopyFrom(model)
    merged[name].upstreams.append(upstream)


def _add_alias(merged: dict[str, Model], alias: str, targets: Sequence[tuple[str, str, str]]) -> None:
    """The name of an alias stands for its own targets and for nothing else of that name."""
    served = [(up, model) for up, _, model in targets if model in merged and up in merged[model].upstreams]
    if not served:
        return
    shown = Model()
    shown.CopyFrom(merged[served[0][1]])
    shown.id, shown.base_model_id, shown.upstream_json = alias, served[0][1], ""
    del shown.upstreams[:]
    shown.upstreams.extend(upstream for upstream, _ in served)
    merged[alias] = shown


async def described(caller: Caller, name: str) -> Model:
    """One model under the name that was asked for, with all upstreams that serve it. Raises `ModelNotFound`."""
    found: list[tuple[Entry, ResolvedModel]] = []
    failures: list[QwenError] = []
    visible = caller.visible()
    for entry, credentials, asked in asked_of(caller.snapshot, name, visible):
        try:
            model = await entry.upstream.resolve(asked, credentials)
            check_allowed(caller, entry, name, model)
            found.append((entry, model))
        except (ModelNotFound, Unsupported, AccessDenied) as error:
            failures.append(error)
    if not found:
        raise await refused(name, [(entry.upstream, credentials) for entry, credentials in visible], failures)
    shown = found[0][1].described()
    if shown.id != name:
        shown.id, shown.base_model_id = name, shown.base_model_id or shown.id
    shown.upstreams.extend(entry.name for entry, _ in found)
    return shown
