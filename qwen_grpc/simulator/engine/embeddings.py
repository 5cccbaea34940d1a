"""Embeddings of engines: vectors that a text always gets again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qwen_grpc.simulator.conversation import tokens
from qwen_grpc.simulator.engine.call import Call, cue, ok, routes
from qwen_grpc.simulator.engine.faults import Fault, Refused
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route
from qwen_grpc.simulator.vectors import packed, vector

Rows = list[dict[str, Any]]

# How the list of vectors is wrong, by scenario.
ODD_LISTS: Mapping[str, Callable[[Rows], Rows]] = {
    "backwards": lambda rows: rows[::-1],
    "too_few": lambda rows: rows[:-1],
}


async def embed(call: Call) -> Answer | None:
    """The vectors of the texts."""
    body = call.body()
    model = call.model(body.get("model"), "embeddings")
    texts = _texts(body.get("input"))
    chosen, texts[0] = await cue(call, texts[0])
    if any(tokens(text) > call.behaviour.context_length for text in texts):
        raise Refused(Fault(400, "the input length exceeds the context length"))
    rows = _rows(call, body, texts)
    call.engines.embeddings[call.dialect.word] += 1
    rows = ODD_LISTS[chosen.scenario](rows) if chosen.scenario in ODD_LISTS else rows
    return ok(call, _list(call, model, rows, sum(map(tokens, texts))))


def _texts(given: object) -> list[str]:
    """The texts; numbers of tokens count as the text that writes them."""
    many: list[Any] = given if isinstance(given, list) else [given]
    if many and all(isinstance(one, int) for one in many):
        many = [many]
    texts = [one if isinstance(one, str) else " ".join(map(str, one or ())) for one in many]
    if not texts or not all(texts):
        raise Refused(Fault(400, "invalid input", param="input"))
    return texts


def _rows(call: Call, body: dict[str, Any], texts: list[str]) -> Rows:
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise Refused(Fault(400, f"encoding_format is {encoding}, not float or base64", param="encoding_format"))
    vectors = [vector(text, body.get("dimensions") or call.behaviour.dimensions) for text in texts]
    return [
        {"object": "embedding", "index": index, "embedding": packed(one) if encoding == "base64" else one}
        for index, one in enumerate(vectors)
    ]


def _list(call: Call, model: str, rows: Rows, count: int) -> dict[str, Any]:
    """The envelope; vLLM counts an answer of no tokens, and gives it an id and a time."""
    usage: dict[str, Any] = {"prompt_tokens": count, "total_tokens": count}
    if call.dialect.word == "vllm":
        usage |= {"completion_tokens": 0, "prompt_tokens_details": None}
        head = {"id": f"embd-{call.id}", "object": "list", "created": call.now, "model": model}
        return {**head, "data": rows, "usage": usage}
    return {"object": "list", "data": rows, "model": model, "usage": usage}


ROUTES: tuple[Route, ...] = (*routes("POST", "/v1/embeddings", embed),)
