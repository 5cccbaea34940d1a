"""Embeddings of DashScope: vectors that a text always gets again."""

from __future__ import annotations

from typing import Any

from qwen_grpc.simulator.conversation import tokens
from qwen_grpc.simulator.dashscope import faults, limits
from qwen_grpc.simulator.dashscope.call import Call, answering, cue, ok
from qwen_grpc.simulator.dashscope.faults import Refused, invalid
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.vectors import packed, vector

# The numbers of dimensions that each model knows; 1024 unless told.
DIMENSIONS: dict[str, tuple[int, ...]] = {
    "text-embedding-v4": (64, 128, 256, 512, 768, 1024, 1536, 2048),
    "text-embedding-v3": (64, 128, 256, 512, 768, 1024),
}
USUAL = 1024
BATCH = 10
INPUT_TOKENS = 8192


async def embed(call: Call) -> Answer | None:
    """The vectors of up to ten texts."""
    body = call.body()
    model = _model(call, body)
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise invalid("input must be a text or a list of texts, none of them empty", algo=True)
    chosen, first = await cue(call, texts[0])
    texts[0] = first
    limits.take(call, model)
    if len(texts) > BATCH:
        raise invalid(
            f"Value error, batch size is invalid, it should not be larger than {BATCH}.: input.contents", algo=True
        )
    if any(tokens(text) > INPUT_TOKENS for text in texts):
        raise Refused(faults.too_long(INPUT_TOKENS))
    return _answer(call, body, texts)


def _model(call: Call, body: dict[str, Any]) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Refused(faults.NO_MODEL)
    if model not in DIMENSIONS:
        raise Refused(faults.model_not_found(model))
    if model in call.behaviour.denied_models:
        raise Refused(faults.MODEL_DENIED)
    return model


def _answer(call: Call, body: dict[str, Any], texts: list[str]) -> Answer:
    model, dimensions = body["model"], body.get("dimensions", USUAL)
    if dimensions not in DIMENSIONS[model]:
        raise invalid(f"dimension must be one of {', '.join(map(str, DIMENSIONS[model]))}", algo=True)
    encoding = body.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise invalid("encoding_format must be float or base64")
    vectors = [vector(text, dimensions) for text in texts]
    rows = [
        {"embedding": packed(one) if encoding == "base64" else one, "index": index, "object": "embedding"}
        for index, one in enumerate(vectors)
    ]
    count = sum(tokens(text) for text in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return ok(call, {"data": rows, "model": model, "object": "list", "usage": usage, "id": call.id})


ROUTES: tuple[Route, ...] = (Route("POST", "/compatible-mode/v1/embeddings", answering(embed)),)
