"""The table of models, and what the service's own list adds to it."""

import pytest

from qwen_grpc.catalog import listed, resolve
from qwen_grpc.errors import ModelNotFound, UpstreamProtocol
from qwen_grpc.upstreams.dashscope.features import features_of
from qwen_grpc.upstreams.dashscope.models import (
    FAMILIES,
    TRAITS,
    Entry,
    dated,
    decode_listing,
    merged,
    own_models,
    traits_of,
)
from qwen_grpc.upstreams.dashscope.traits import ALWAYS, NEVER
from qwen_grpc.v1 import models_pb2 as pb

MODELS = {model.id: model for model in own_models()}
NAMES = {model.id for model in listed(list(MODELS.values()), FAMILIES)}


def test_a_flagship_is_described() -> None:
    assert MODELS["qwen3.7-plus"] == pb.Model(
        id="qwen3.7-plus",
        owned_by="qwen",
        display_name="qwen3.7-plus",
        capabilities=[
            pb.CAPABILITY_CHAT,
            pb.CAPABILITY_THINKING,
            pb.CAPABILITY_SEARCH,
            pb.CAPABILITY_TOOLS,
            pb.CAPABILITY_VISION,
        ],
        input_modalities=[pb.MODALITY_TEXT, pb.MODALITY_IMAGE, pb.MODALITY_VIDEO],
        output_modalities=[pb.MODALITY_TEXT],
        context_length=1_000_000,
        max_output_tokens=65_536,
        active=True,
        features=features_of(TRAITS["qwen3.7-plus"]),
    )


@pytest.mark.parametrize(
    ("id_", "capability"),
    [
        ("text-embedding-v4", pb.CAPABILITY_EMBEDDINGS),
        ("qwen-image-3.0", pb.CAPABILITY_IMAGE_GENERATION),
        ("qwen-image-3.0", pb.CAPABILITY_IMAGE_EDIT),
        ("wan2.5-i2i-preview", pb.CAPABILITY_IMAGE_EDIT),
        ("wan2.7-t2v", pb.CAPABILITY_VIDEO_GENERATION),
    ],
)
def test_what_does_not_chat_is_listed_by_its_plain_name_only(id_: str, capability: pb.Capability) -> None:
    assert capability in MODELS[id_].capabilities
    assert pb.CAPABILITY_CHAT not in MODELS[id_].capabilities
    assert [name for name in NAMES if name.startswith(id_) and name not in MODELS] == []


@pytest.mark.parametrize(
    ("asked", "id_"),
    [
        ("qwen-max", "qwen3.8-max"),
        ("qwen-max-latest", "qwen3.8-max"),
        ("qwen-max-0428", "qwen3.8-max"),
        ("qwen-max-thinking-search", "qwen3.8-max"),
        ("qwen-turbo", "qwen-flash"),
        ("qwen-turbo-latest", "qwen-flash"),
        ("qwen-plus", "qwen-plus"),
        ("qwen-plus-latest", "qwen-plus-latest"),
        ("qwen-plus-search", "qwen-plus"),
        ("qwen-long", "qwen-long"),
        ("qwen-vl-max", "qwen3-vl-plus"),
        ("qwen-coder-plus", "qwen3-coder-plus"),
        ("qwen3-coder-plus", "qwen3-coder-plus"),
        ("qwen3-235b-a22b-thinking-2507", "qwen3-235b-a22b-thinking-2507"),
    ],
)
def test_names_of_lines_and_of_retired_models_have_a_successor(asked: str, id_: str) -> None:
    assert resolve(asked, list(MODELS.values()), FAMILIES).id == id_


def test_no_retired_name_is_an_id() -> None:
    retired = "qwen-max qwen-turbo qwen-vl-max qwen-vl-plus qwq-plus qvq-max qwen-coder-plus qwen-math-turbo qwen-image"
    assert MODELS.keys().isdisjoint(retired.split())


def test_every_family_has_somebody_to_stand_for_it() -> None:
    assert all(any(id_ in TRAITS for id_ in ids) for ids in FAMILIES.values())


def test_a_dated_form_is_known_by_the_model_that_it_is_a_form_of() -> None:
    found = dated("qwen3.7-plus-2026-05-26")
    assert found is not None
    assert (found.id, found.context_length) == ("qwen3.7-plus-2026-05-26", 1_000_000)
    assert traits_of("qwen-plus-us") == TRAITS["qwen-plus"]
    assert [dated(name) for name in ("qwen-plus", "qwen3.7-plus-latest", "gpt-5-2026-01-01")] == [None] * 3
    assert traits_of("qwen3.7-max-2026-05-17").thinking is ALWAYS


def test_the_services_list_adds_chat_models_and_hides_nothing() -> None:
    entries = ["qwen3.9-max", "acme/new-llm", "qwen-max", "qwen-plus", "qwen3-tts-flash", "wan9-t2v", "qwen-image-9"]
    added = merged([Entry(id_, created=5, owned_by="acme") for id_ in entries])[len(MODELS) :]
    assert [(model.id, model.owned_by, model.create_time.seconds) for model in added] == [
        ("qwen3.9-max", "acme", 5),
        ("acme/new-llm", "acme", 5),
    ]
    assert pb.CAPABILITY_SEARCH in added[0].capabilities
    assert pb.CAPABILITY_SEARCH not in added[1].capabilities


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": 7}', b'{"data": [{"object": "model"}]}', b"\xff"])
def test_a_list_of_another_form_is_an_error(body: bytes) -> None:
    with pytest.raises(UpstreamProtocol):
        decode_listing(body)


def test_a_list_is_read_whatever_else_it_says() -> None:
    body = b'{"object": "list", "data": [{"id": "x", "object": "model", "created": null, "owned_by": "system"}]}'
    assert decode_listing(body) == [Entry("x", None, "system")]


def test_research_is_not_offered() -> None:
    assert not any("deep-research" in name for name in NAMES)
    with pytest.raises(ModelNotFound):
        resolve("qwen-deep-nothing", list(MODELS.values()), FAMILIES)


def test_models_that_never_think_have_no_variant_that_does() -> None:
    never = [id_ for id_, traits in TRAITS.items() if traits.thinking is NEVER]
    assert [id_ for id_ in never if f"{id_}-no-thinking" in NAMES] == []


def test_who_always_thinks_is_asked_for_json_in_words() -> None:
    features = features_of(TRAITS["qwen3-vl-8b-thinking"])
    assert (features["json_object"], features["json_schema"]) == (pb.SUPPORT_EMULATED, pb.SUPPORT_EMULATED)
    assert (features["thinking"], features["n"]) == (pb.SUPPORT_NATIVE, pb.SUPPORT_REFUSED)
    assert features_of(TRAITS["qwen3-vl-plus"])["json_object"] == pb.SUPPORT_NATIVE
