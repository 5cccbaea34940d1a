"""Pictures of engines with diffusion models: vLLM-Omni 0.30, SGLang's server for them, and plain ones."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from qwen_grpc.simulator.engine.call import Call, cue, ok, routes
from qwen_grpc.simulator.engine.forms import MAKERS, Form, form_of, refused
from qwen_grpc.simulator.renderings import picture
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route

USUAL_SIZE = "1024x1024"
MOST = 10
Rows = list[dict[str, Any]]

# How the list of pictures is wrong, by scenario.
ODD_LISTS: Mapping[str, Callable[[Rows], Rows]] = {
    "no_pictures": lambda _: [],
    "too_few": lambda rows: rows[:-1],
    "only_urls": lambda rows: [{"url": "https://example.org/made.png"} for _ in rows],
}


async def generate(call: Call) -> Answer | None:
    """Pictures from words."""
    return await _make(call, form_of(call))


async def edit(call: Call) -> Answer | None:
    """Pictures from others."""
    form = form_of(call)
    if not form.files_of("image", "image[]") and not form.fields.get("url"):
        raise refused("Field 'image' or 'url' is required", "image")
    return await _make(call, form)


async def _make(call: Call, form: Form) -> Answer | None:
    chosen, prompt = await cue(call, form.prompt)
    model = call.model(form.fields.get("model"), "images")
    width, height = form.pixels(USUAL_SIZE)
    count = form.number("n", 1)
    if not 1 <= count <= MOST:
        raise refused(f"n is {count}: expected 1 to {MOST}", "n")
    if call.dialect.word == "vllm" and form.fields.get("response_format", "b64_json") != "b64_json":
        raise refused("Only response_format='b64_json' is supported.", "response_format")
    call.engines.pictures[call.dialect.word] += count
    rows = [_row(call, form, prompt, picture(f"{call.id}-{index}", height, width).head) for index in range(count)]
    rows = ODD_LISTS[chosen.scenario](rows) if chosen.scenario in ODD_LISTS else rows
    return ok(call, _list(call, model, rows, f"{width}x{height}"))


def _row(call: Call, form: Form, prompt: str, made: bytes) -> dict[str, Any]:
    """A picture; SGLang keeps it to itself unless its content is asked for, and names a file on its own disk."""
    content = base64.b64encode(made).decode()
    if call.dialect.word != "sglang":
        return {"b64_json": content, "url": None, "revised_prompt": None}
    asked = form.fields.get("response_format") == "b64_json"
    told = {"b64_json": content if asked else None, "url": None, "revised_prompt": prompt}
    return {**told, "file_path": None if asked else f"outputs/{call.id}.png"}


def _list(call: Call, model: str, rows: Rows, size: str) -> dict[str, Any]:
    match call.dialect.word:
        case "sglang":
            return {"id": call.id, "created": call.now, "data": rows, "peak_memory_mb": 1.0, "inference_time_s": 1.0}
        case "vllm":
            return {"created": call.now, "data": rows, "output_format": "png", "size": size}
        case _:
            usage = {"input_tokens": 10, "output_tokens": 100, "total_tokens": 110}
            return {"created": call.now, "data": rows, "model": model, "size": size, "usage": usage}


ROUTES: tuple[Route, ...] = (
    *routes("POST", "/v1/images/generations", generate, MAKERS),
    *routes("POST", "/v1/images/edits", edit, MAKERS),
)
