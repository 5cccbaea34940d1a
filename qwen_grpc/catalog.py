"""Model names: from what a caller writes to what an upstream knows.

A name is a base and a suffix. The base is an id of the upstream or a family
name such as `qwen-max`, which stands for the newest id of that line; the
suffix asks for a mode. A variant is offered when its base model can do it; a
model that does not chat is known by its plain name.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from qwen_grpc.errors import ModelNotFound, Unsupported
from qwen_grpc.v1.models_pb2 import (
    CAPABILITY_CHAT,
    CAPABILITY_DEEP_RESEARCH,
    CAPABILITY_IMAGE_EDIT,
    CAPABILITY_IMAGE_GENERATION,
    CAPABILITY_SEARCH,
    CAPABILITY_THINKING,
    CAPABILITY_VIDEO_GENERATION,
    Capability,
    Model,
)


class Mode(Enum):
    """What a suffix asks for."""

    CHAT = ""
    THINKING = "-thinking"
    NO_THINKING = "-no-thinking"
    SEARCH = "-search"
    THINKING_SEARCH = "-thinking-search"
    DEEP_RESEARCH = "-deep-research"
    IMAGE = "-image"
    IMAGE_EDIT = "-image-edit"
    VIDEO = "-video"


NEEDS: Mapping[Mode, tuple[Capability, ...]] = {
    Mode.CHAT: (CAPABILITY_CHAT,),
    Mode.THINKING: (CAPABILITY_CHAT, CAPABILITY_THINKING),
    Mode.NO_THINKING: (CAPABILITY_CHAT, CAPABILITY_THINKING),
    Mode.SEARCH: (CAPABILITY_CHAT, CAPABILITY_SEARCH),
    Mode.THINKING_SEARCH: (CAPABILITY_CHAT, CAPABILITY_THINKING, CAPABILITY_SEARCH),
    Mode.DEEP_RESEARCH: (CAPABILITY_DEEP_RESEARCH,),
    Mode.IMAGE: (CAPABILITY_IMAGE_GENERATION,),
    Mode.IMAGE_EDIT: (CAPABILITY_IMAGE_EDIT,),
    Mode.VIDEO: (CAPABILITY_VIDEO_GENERATION,),
}

_SHORTEST_FIRST = sorted(Mode, key=lambda mode: len(mode.value))
_TAIL = re.compile(r"-(latest|\d{4})$")
_ALIAS_TAILS = ("-latest", "-0428")
# A name whose base is no family.
_RENAMED = {"qwen-deep-research": f"qwen-max{Mode.DEEP_RESEARCH.value}"}


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A caller's model name, understood."""

    asked: str
    base: Model
    mode: Mode

    @property
    def id(self) -> str:
        """The upstream's own id."""
        return self.base.id

    @property
    def thinking(self) -> bool | None:
        """Whether the name asks to think; None when it does not say."""
        if self.mode in (Mode.THINKING, Mode.THINKING_SEARCH):
            return True
        return False if self.mode is Mode.NO_THINKING else None

    @property
    def search(self) -> bool:
        """Whether the name asks for web search."""
        return self.mode in (Mode.SEARCH, Mode.THINKING_SEARCH)

    def require_chat(self) -> None:
        """Raises `Unsupported` for a plain name of a model that only makes other things."""
        if self.mode is Mode.CHAT and CAPABILITY_CHAT not in self.base.capabilities:
            raise _not_offered(self, NEEDS[Mode.CHAT])

    def described(self) -> Model:
        """The model under the name that was asked for."""
        return _variant(self.asked.removesuffix(self.mode.value), self.base, self.mode)


def resolve(asked: str, models: Sequence[Model], families: Mapping[str, Sequence[str]]) -> ResolvedModel:
    """Finds the model and the mode that a name stands for.

    Raises `ModelNotFound` with near names, and `Unsupported` when the model
    exists and cannot do what the suffix asks.
    """
    known = {model.id: model for model in models}
    resolved = _understood(asked, known, families)
    if resolved is None:
        raise unknown_model(asked, listed(models, families))
    return _offered(resolved)


def _understood(asked: str, known: Mapping[str, Model], families: Mapping[str, Sequence[str]]) -> ResolvedModel | None:
    name = asked if asked in known else _RENAMED.get(asked, asked)
    # The longest base wins, since an id of the upstream's own may end like a suffix.
    for mode in _SHORTEST_FIRST:
        base = name.removesuffix(mode.value)
        model = _base_model(base, known, families) if name.endswith(mode.value) else None
        if model is not None:
            return ResolvedModel(asked, model, mode)
    return None


def _base_model(base: str, known: Mapping[str, Model], families: Mapping[str, Sequence[str]]) -> Model | None:
    if base in known:
        return known[base]
    family = base if base in families else _TAIL.sub("", base)
    return next((known[id_] for id_ in families.get(family, ()) if id_ in known), None)


def _offered(resolved: ResolvedModel) -> ResolvedModel:
    if missing := _missing(resolved.base, resolved.mode):
        raise _not_offered(resolved, missing)
    return resolved


def _not_offered(resolved: ResolvedModel, missing: Iterable[Capability]) -> Unsupported:
    words = ", ".join(Capability.Name(need).removeprefix("CAPABILITY_").lower() for need in missing)
    return Unsupported(f"{resolved.asked!r}: the model {resolved.id!r} does not offer {words}")


def unknown_model(asked: str, offered: Iterable[Model]) -> ModelNotFound:
    """The one text about names that nobody knows, with near ones."""
    near = difflib.get_close_matches(asked, dict.fromkeys(model.id for model in offered), n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
    return ModelNotFound(f"unknown model {asked[:80]!r}{hint} GET /v1/models (ListModels) lists all")


def listed(models: Sequence[Model], families: Mapping[str, Sequence[str]]) -> list[Model]:
    """All names that work: the upstream's ids, the families, and their variants."""
    known = {model.id: model for model in models}
    bases = [(model.id, model) for model in models]
    for family in families:
        model = _base_model(family, known, families)
        if model is not None and family not in known:
            bases += [
                (name, model) for name in (family, *(family + tail for tail in _ALIAS_TAILS)) if name not in known
            ]
    names = [ResolvedModel(name + mode.value, model, mode) for name, model in bases for mode in _modes(name, model)]
    renamed = [_understood(name, known, families) for name in _RENAMED if name not in known]
    names += [name for name in renamed if name and not _missing(name.base, name.mode)]
    return [name.described() for name in names if _understood(name.asked, known, families) == name]


def _modes(name: str, model: Model) -> list[Mode]:
    # Dated and `-latest` forms, and what does not chat, are listed as they are, without variants of their own.
    plain = name.endswith(_ALIAS_TAILS) or CAPABILITY_CHAT not in model.capabilities
    modes = (Mode.CHAT,) if plain else Mode
    return [mode for mode in modes if not _missing(model, mode)]


def _missing(model: Model, mode: Mode) -> list[Capability]:
    if mode is Mode.CHAT and model.capabilities:
        # A plain name is good for whatever its model can do.
        return []
    return [need for need in NEEDS[mode] if need not in model.capabilities]


def _variant(name: str, model: Model, mode: Mode) -> Model:
    variant = Model()
    variant.CopyFrom(model)
    variant.id = name + mode.value
    if variant.id != model.id:
        variant.base_model_id = model.id
        variant.ClearField("upstream_json")
    return variant
