"""Model names: families, suffixes, and names that are nearly right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.catalog import NEEDS, Mode, listed, resolve
from qwen_grpc.errors import ModelNotFound, Unsupported
from qwen_grpc.v1.models_pb2 import (
    CAPABILITY_CHAT,
    CAPABILITY_DEEP_RESEARCH,
    CAPABILITY_IMAGE_GENERATION,
    CAPABILITY_SEARCH,
    CAPABILITY_THINKING,
    CAPABILITY_VISION,
    Model,
)

ALL = (CAPABILITY_CHAT, CAPABILITY_THINKING, CAPABILITY_SEARCH, CAPABILITY_DEEP_RESEARCH)
MAX = Model(id="qwen3.8-max", capabilities=ALL, upstream_json="{}", owned_by="qwen")
OLD = Model(id="qwen3.7-max", capabilities=ALL)
CHAT = Model(id="plain", capabilities=[CAPABILITY_CHAT])
PAINTER = Model(id="painter", capabilities=[CAPABILITY_IMAGE_GENERATION])
MODELS = (OLD, MAX, CHAT, PAINTER)
FAMILIES = {"qwen-max": ("qwen9-max", "qwen3.8-max", "qwen3.7-max"), "qwen-gone": ("nothing",)}


@pytest.mark.parametrize(
    ("asked", "id_", "mode", "thinking", "search"),
    [
        ("qwen3.8-max", "qwen3.8-max", Mode.CHAT, None, False),
        ("qwen3.7-max-thinking", "qwen3.7-max", Mode.THINKING, True, False),
        ("qwen-max", "qwen3.8-max", Mode.CHAT, None, False),
        ("qwen-max-latest", "qwen3.8-max", Mode.CHAT, None, False),
        ("qwen-max-0428", "qwen3.8-max", Mode.CHAT, None, False),
        ("qwen-max-latest-search", "qwen3.8-max", Mode.SEARCH, None, True),
        ("qwen-max-thinking", "qwen3.8-max", Mode.THINKING, True, False),
        ("qwen-max-no-thinking", "qwen3.8-max", Mode.NO_THINKING, False, False),
        ("qwen-max-search", "qwen3.8-max", Mode.SEARCH, None, True),
        ("qwen-max-thinking-search", "qwen3.8-max", Mode.THINKING_SEARCH, True, True),
        ("painter-image", "painter", Mode.IMAGE, None, False),
        ("qwen-max-deep-research", "qwen3.8-max", Mode.DEEP_RESEARCH, None, False),
        ("qwen-deep-research", "qwen3.8-max", Mode.DEEP_RESEARCH, None, False),
    ],
)
def test_a_name_is_a_base_and_a_suffix(asked: str, id_: str, mode: Mode, thinking: bool | None, search: bool) -> None:  # noqa: FBT001
    found = resolve(asked, MODELS, FAMILIES)
    assert (found.asked, found.id, found.mode, found.thinking, found.search) == (asked, id_, mode, thinking, search)


def test_an_id_of_the_upstreams_own_wins_over_a_suffix() -> None:
    thinker = Model(id="plain-thinking", capabilities=ALL)
    models = (Model(id="plain", capabilities=ALL), thinker)
    assert resolve("plain-thinking", models, {}).base is thinker
    assert [model.id for model in listed(models, {})].count("plain-thinking") == 1


@pytest.mark.parametrize(
    "asked", ["qwen-mega", "", "-thinking", "qwen-gone", "qwen-max-12345", "qwen-max\n", "QWEN-MAX"]
)
def test_an_unknown_name(asked: str) -> None:
    with pytest.raises(ModelNotFound):
        resolve(asked, MODELS, FAMILIES)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("qwen-maxi", "unknown model 'qwen-maxi'; did you mean 'qwen-max'"),
        ("zzz", "unknown model 'zzz'. GET /v1/models (ListModels) lists all"),
        ("z" * 99, f"unknown model '{'z' * 80}'. GET /v1/models (ListModels) lists all"),
    ],
)
def test_near_names_are_offered(asked: str, message: str) -> None:
    with pytest.raises(ModelNotFound) as failure:
        resolve(asked, MODELS, FAMILIES)
    assert failure.value.message.startswith(message)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("plain-deep-research", "'plain-deep-research': the model 'plain' does not offer deep_research"),
        ("qwen-max-image-edit", "'qwen-max-image-edit': the model 'qwen3.8-max' does not offer image_edit"),
        ("plain-video", "'plain-video': the model 'plain' does not offer video_generation"),
        ("plain-thinking-search", "'plain-thinking-search': the model 'plain' does not offer thinking, search"),
        ("plain-no-thinking", "'plain-no-thinking': the model 'plain' does not offer thinking"),
    ],
)
def test_what_a_model_cannot_do_is_refused_by_name(asked: str, message: str) -> None:
    with pytest.raises(Unsupported) as failure:
        resolve(asked, MODELS, FAMILIES)
    assert failure.value.message == message


def test_what_does_not_chat_is_known_by_its_plain_name_and_does_not_chat() -> None:
    found = resolve("painter", MODELS, FAMILIES)
    assert (found.id, found.mode) == ("painter", Mode.CHAT)
    with pytest.raises(Unsupported, match="'painter': the model 'painter' does not offer chat"):
        found.require_chat()
    for chats in ("plain", "qwen-max-thinking", "painter-image"):
        resolve(chats, MODELS, FAMILIES).require_chat()


def test_all_names_that_work_are_listed() -> None:
    suffixes = ("", "-thinking", "-no-thinking", "-search", "-thinking-search", "-deep-research")
    bases = ("qwen3.7-max", "qwen3.8-max", "qwen-max")
    names = [base + suffix for base in bases for suffix in suffixes] + ["qwen-max-latest", "qwen-max-0428", "plain"]
    names += ["painter", "qwen-deep-research"]
    assert sorted(model.id for model in listed(MODELS, FAMILIES)) == sorted(names)


def test_another_name_for_a_variant_is_listed_where_the_variant_is() -> None:
    capable = [Model(id="qwen3.8-max", capabilities=ALL)]
    plain = [Model(id="qwen3.8-max", capabilities=[CAPABILITY_CHAT])]
    own = [*capable, Model(id="qwen-deep-research", capabilities=[CAPABILITY_CHAT])]
    found = [[model.id for model in listed(models, FAMILIES)] for models in (capable, plain, own)]
    assert [ids.count("qwen-deep-research") for ids in found] == [1, 0, 1]
    assert resolve("qwen-deep-research", own, FAMILIES).mode is Mode.CHAT


def test_a_listed_variant_names_its_base_and_hides_the_upstreams_text() -> None:
    by_id = {model.id: model for model in listed(MODELS, FAMILIES)}
    variant = Model(id="qwen-max-thinking", base_model_id="qwen3.8-max", capabilities=ALL, owned_by="qwen")
    assert (by_id["qwen3.8-max"], by_id["qwen-max-thinking"]) == (MAX, variant)


names = st.sampled_from(
    ["a", "b", "qwen-max", "a-thinking", "b-search", "a-latest", "a-thinking-search", "qwen-max-0428"]
)
capabilities = st.lists(st.sampled_from([*ALL, CAPABILITY_VISION]), unique=True)
models = st.lists(
    st.builds(lambda id_, caps: Model(id=id_, capabilities=caps), names, capabilities),
    max_size=5,
    unique_by=lambda model: model.id,
)


@given(models, st.dictionaries(st.sampled_from(["f", "a", "qwen-max"]), st.lists(names, max_size=3), max_size=3))
def test_every_listed_name_resolves_to_what_is_listed(
    given_models: list[Model], families: dict[str, list[str]]
) -> None:
    offered = listed(given_models, families)
    assert [resolve(model.id, given_models, families).described() for model in offered] == offered
    assert len({model.id for model in offered}) == len(offered)


def test_every_mode_says_what_it_needs() -> None:
    assert set(NEEDS) == set(Mode)
