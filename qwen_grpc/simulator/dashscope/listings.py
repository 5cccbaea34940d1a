"""What DashScope tells about itself: its models in both dialects, and how it counts tokens."""

from __future__ import annotations

import zlib
from typing import Any

from qwen_grpc.simulator.conversation import TOKEN_CHARACTERS, text_of
from qwen_grpc.simulator.dashscope import faults
from qwen_grpc.simulator.dashscope.call import Call, answering, cue, ok
from qwen_grpc.simulator.dashscope.embeddings import DIMENSIONS
from qwen_grpc.simulator.dashscope.faults import Refused
from qwen_grpc.simulator.dashscope.models import catalogue, chat_model
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route

CREATED = 1_770_000_000
PAGE = 10
LARGEST_PAGE = 100


async def list_models(call: Call) -> Answer | None:
    """The models in the dialect of OpenAI; being listed does not mean that a key may use one."""
    await cue(call, "")
    rows = [
        {"id": model, "object": "model", "created": CREATED, "owned_by": "system"}
        for model in (*catalogue(), *DIMENSIONS)
    ]
    return ok(call, {"object": "list", "data": rows})


async def page_models(call: Call) -> Answer | None:
    """The models in the service's own dialect, page by page."""
    await cue(call, "")
    name = call.request.args.get("name", "")
    found = [model for model in (*catalogue(), *DIMENSIONS) if name in model]
    number, size = call.number("page_no", 1), min(call.number("page_size", PAGE), LARGEST_PAGE)
    page = [_described(model) for model in found[(number - 1) * size : number * size]]
    output = {"models": page, "total": len(found), "page_no": number, "page_size": size}
    return ok(call, {"output": output, "request_id": call.id})


def _described(model: str) -> dict[str, Any]:
    return {
        "model": model,
        "name": model,
        "description": f"{model} is one of the simulated models.",
        "source": "system",
        "provider": "qwen",
        "opensource": model.endswith("b"),
    }


async def tokenize(call: Call) -> Answer | None:
    """The tokens of a prompt or of messages, without what the template adds."""
    body = call.body()
    chat_model(call.behaviour, body.get("model"), frozenset())
    given = body.get("input")
    if not isinstance(given, dict):
        raise Refused(faults.BAD_BODY)
    text = str(given.get("prompt") or "".join(text_of(one.get("content")) for one in given.get("messages") or []))
    _, text = await cue(call, text)
    tokens = [text[start : start + TOKEN_CHARACTERS] for start in range(0, len(text), TOKEN_CHARACTERS)]
    ids = [zlib.crc32(token.encode("utf-8", "replace")) % 151_643 for token in tokens]
    output = {"token_ids": ids, "tokens": tokens}
    return ok(call, {"output": output, "usage": {"input_tokens": len(tokens)}, "request_id": call.id})


ROUTES: tuple[Route, ...] = (
    Route("GET", "/compatible-mode/v1/models", answering(list_models)),
    Route("GET", "/api/v1/models", answering(page_models)),
    Route("POST", "/api/v1/tokenizer", answering(tokenize)),
)
