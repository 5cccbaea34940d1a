from typing import Any

import pytest

from qwen_grpc.catalog import Mode
from qwen_grpc.errors import ModelNotFound, UpstreamProtocol
from qwen_grpc.upstreams.base import ModelList
from qwen_grpc.upstreams.openai_engine.models import capabilities_of, decode_models, described, find
from qwen_grpc.v1.models_pb2 import (
    CAPABILITY_CHAT,
    CAPABILITY_EMBEDDINGS,
    CAPABILITY_IMAGE_EDIT,
    CAPABILITY_IMAGE_GENERATION,
    CAPABILITY_SEARCH,
    CAPABILITY_VIDEO_GENERATION,
    CAPABILITY_VISION,
)


def known(*names: str, stale: bool = False) -> ModelList:
    return ModelList([described(name) for name in names], [], 0.0, stale)


@pytest.mark.parametrize(
    ("entry", "length"),
    [
        ({"max_model_len": 32768, "root": "/models/q", "permission": []}, 32768),
        ({"meta": {"n_ctx": 4096, "n_ctx_train": 40960}}, 4096),
        ({"meta": {"n_ctx_train": 40960}}, 40960),
        ({}, 0),
    ],
)
def test_an_entry_tells_the_context_in_the_engines_way(entry: dict[str, Any], length: int) -> None:
    [model] = decode_models("gpu", {"data": [{"id": "qwen3-8b", "object": "model", "created": 7, **entry}]})

    assert (model.id, model.create_time.seconds, model.context_length) == ("qwen3-8b", 7, length)
    assert CAPABILITY_SEARCH not in model.capabilities


def test_entries_that_are_none_are_left_out() -> None:
    assert [model.id for model in decode_models("gpu", {"data": [{"id": 7}, None, {"id": "a"}]})] == ["a"]


def test_an_engine_without_models_has_an_empty_list() -> None:
    assert decode_models("gpu", {"object": "list", "data": None}) == []


@pytest.mark.parametrize("value", [[], {"data": {}}, "models", None])
def test_something_else_than_a_list_is_refused(value: Any) -> None:
    with pytest.raises(UpstreamProtocol):
        decode_models("gpu", value)


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("qwen3:8b", CAPABILITY_CHAT),
        ("Qwen/Qwen3-VL-8B-Instruct", CAPABILITY_VISION),
        ("qwen2.5vl:7b", CAPABILITY_VISION),
        ("Qwen/Qwen3-Embedding-0.6B", CAPABILITY_EMBEDDINGS),
        ("BAAI/bge-m3", CAPABILITY_EMBEDDINGS),
        ("Qwen/Qwen-Image", CAPABILITY_IMAGE_GENERATION),
        ("Qwen/Qwen-Image-Edit-2511", CAPABILITY_IMAGE_EDIT),
        ("Wan-AI/Wan2.2-T2V-A14B-Diffusers", CAPABILITY_VIDEO_GENERATION),
    ],
)
def test_a_name_tells_what_a_model_is_for(name: str, capability: Any) -> None:
    assert capability in capabilities_of(name)
    assert (CAPABILITY_CHAT in capabilities_of(name)) == (capability in (CAPABILITY_CHAT, CAPABILITY_VISION))


@pytest.mark.parametrize(
    ("name", "id_", "mode"),
    [
        ("qwen3-8b", "qwen3-8b", Mode.CHAT),
        ("qwen3-8b-thinking", "qwen3-8b", Mode.THINKING),
        ("qwen3-8b-no-thinking", "qwen3-8b", Mode.NO_THINKING),
        ("qwen3-vl:8b-thinking", "qwen3-vl:8b-thinking", Mode.CHAT),
    ],
)
def test_a_suffix_is_read_unless_the_id_itself_ends_so(name: str, id_: str, mode: Mode) -> None:
    found = find(name, known("qwen3-8b", "qwen3-vl:8b-thinking"))

    assert (found.id, found.mode) == (id_, mode)


def test_an_unknown_name_is_refused_with_near_ones() -> None:
    with pytest.raises(ModelNotFound, match="did you mean 'qwen3-8b'"):
        find("qwen3-8bb", known("qwen3-8b"))


def test_any_name_is_sent_as_it_is_while_the_list_cannot_be_had() -> None:
    found = find("whatever-thinking", known(stale=True))

    assert (found.id, found.asked, found.mode) == ("whatever-thinking", "whatever-thinking", Mode.CHAT)
