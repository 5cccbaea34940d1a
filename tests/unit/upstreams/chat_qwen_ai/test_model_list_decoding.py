"""The site's model list, in both envelopes and in forms that nobody has seen."""

import json
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from qwen_grpc.catalog import listed, resolve
from qwen_grpc.errors import UpstreamProtocol
from qwen_grpc.upstreams.chat_qwen_ai.features import features_of
from qwen_grpc.upstreams.chat_qwen_ai.models import FAMILIES, builtin_models, decode_models
from qwen_grpc.v1 import models_pb2 as pb

META: dict[str, Any] = {
    "description": "A model.",
    "capabilities": {"vision": True, "thinking": False},
    "abilities": {"thinking": 3},
    "max_context_length": 1_000_000,
    "max_generation_length": 65_536,
    "max_thinking_generation_length": 81_920,
    "chat_type": ["t2t", "t2v", "t2i", "image_edit", "search", "artifacts", "web_dev", "deep_research", "travel"],
    "modality": ["text", "image", "video", "smell"],
}
ENTRY = {"id": "qwen3.7-plus", "name": "Qwen3.7-Plus", "owned_by": "qwen"}
INFO = {"created_at": 1732711466, "is_active": True, "meta": META}


def decoded(*entries: object) -> list[pb.Model]:
    return decode_models(json.dumps({"data": entries}).encode())


def test_a_model_of_the_list() -> None:
    text = json.dumps(ENTRY | {"info": INFO})
    assert decode_models(f'{{"data":[{text}]}}'.encode()) == [
        pb.Model(
            id="qwen3.7-plus",
            create_time=Timestamp(seconds=1732711466),
            owned_by="qwen",
            display_name="Qwen3.7-Plus",
            description="A model.",
            capabilities=[
                pb.CAPABILITY_CHAT,
                pb.CAPABILITY_THINKING,
                pb.CAPABILITY_SEARCH,
                pb.CAPABILITY_TOOLS,
                pb.CAPABILITY_VISION,
                pb.CAPABILITY_IMAGE_GENERATION,
                pb.CAPABILITY_IMAGE_EDIT,
                pb.CAPABILITY_VIDEO_GENERATION,
                pb.CAPABILITY_DEEP_RESEARCH,
                pb.CAPABILITY_CODE,
            ],
            input_modalities=[pb.MODALITY_TEXT, pb.MODALITY_IMAGE, pb.MODALITY_VIDEO],
            output_modalities=[pb.MODALITY_TEXT],
            context_length=1_000_000,
            max_output_tokens=65_536,
            max_thinking_tokens=81_920,
            active=True,
            upstream_json=text,
            features=features_of([pb.CAPABILITY_THINKING, pb.CAPABILITY_SEARCH]),
        )
    ]


def test_both_envelopes_give_the_same_models() -> None:
    entries = json.dumps([ENTRY, {"id": "other"}])
    bare = decode_models(f'{{"data":{entries}}}'.encode())
    assert decode_models(f'{{"success":true,"request_id":"r","data":{{"data":{entries}}}}}'.encode()) == bare
    assert [model.id for model in bare] == ["qwen3.7-plus", "other"]


def test_a_model_of_which_nothing_is_told_is_taken_for_a_chat_model() -> None:
    assert decoded({"id": "m"}) == [
        pb.Model(
            id="m",
            owned_by="qwen",
            display_name="m",
            capabilities=[pb.CAPABILITY_CHAT, pb.CAPABILITY_TOOLS],
            input_modalities=[pb.MODALITY_TEXT],
            output_modalities=[pb.MODALITY_TEXT],
            active=True,
            upstream_json='{"id": "m"}',
            features=features_of([]),
        )
    ]


def test_a_model_may_be_switched_off() -> None:
    assert [model.active for model in decoded({"id": "m", "info": {"is_active": False}})] == [False]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"data":null}',
        b'{"data":{}}',
        b'{"data":{"data":null}}',
        b'{"data":{"data":7}}',
        b'{"data":{"data":{"id":"m"}}}',
        b'{"data":["m"]}',
        b'{"data":[{"name":"no id"}]}',
        b'{"data":[{"id":"\xff"}]}',
        b'{"data":[{"id":"m","other":"\xff"}]}',
        b'{"data":[{"id":"m","info":{"created_at":1' + b"0" * 30 + b"}}]}",
        b'{"data":[{"id":"m","info":{"meta":{"max_context_length":1' + b"0" * 30 + b"}}}]}",
        b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_list_of_unknown_form(body: bytes) -> None:
    with pytest.raises(UpstreamProtocol, match="^chat.qwen.ai sent a model list of an unknown form$"):
        decode_models(body)


@pytest.mark.parametrize("body", [b'{"data":[]}', b'{"data":{"data":[]}}'])
def test_an_empty_list_is_no_list(body: bytes) -> None:
    with pytest.raises(UpstreamProtocol, match="^chat.qwen.ai sent an empty model list$"):
        decode_models(body)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*META, "meta"]), inner, max_size=3),
    max_leaves=6,
)
infos = st.dictionaries(st.sampled_from(["meta", "created_at", "is_active"]), values)


@given(values | infos.map(lambda info: [{"id": "m", "info": info}]))
def test_whatever_the_list_is_only_our_own_error_comes_out(data: object) -> None:
    try:
        models = decode_models(json.dumps({"data": data}).encode())
    except UpstreamProtocol:
        return
    assert models


def test_the_built_in_list_serves_every_family() -> None:
    models = builtin_models()
    assert {resolve(family, models, FAMILIES).id for family in FAMILIES} <= {model.id for model in models}
    assert {"qwen-max", "qwen-max-latest", "qwen-turbo-thinking", "qwen-long-thinking-search"} <= {
        model.id for model in listed(models, FAMILIES)
    }
