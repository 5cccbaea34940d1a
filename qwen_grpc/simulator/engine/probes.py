"""What engines tell of themselves: models, versions, health."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qwen_grpc.simulator.engine import dialects, faults
from qwen_grpc.simulator.engine.call import Call, ok, routes, whole
from qwen_grpc.simulator.engine.dialects import Word
from qwen_grpc.simulator.engine.faults import Fault, Refused
from qwen_grpc.simulator.engine.llamacpp import BUILD
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route

MODELS = "/v1/models"
MODIFIED = "2026-08-21T10:00:00Z"
TRAINED_LENGTH = 40_960
SIZE = 5_225_388_164


async def list_models(call: Call) -> Answer | None:
    """The models in the form of the engine."""
    rows = [_row(call, model) for model in call.models]
    if call.dialect.word != "llamacpp":
        return ok(call, {"object": "list", "data": rows})
    return ok(call, {"models": [_native_row(model) for model in call.models], "object": "list", "data": rows})


async def get_model(call: Call, name: str) -> Answer | None:
    """One model."""
    if name not in call.models:
        raise Refused(faults.model_not_found(call.dialect, name))
    return ok(call, _row(call, name))


def _row(call: Call, model: str) -> dict[str, Any]:
    row = {"id": model, "object": "model", "created": call.now, "owned_by": call.dialect.owner}
    return {**row, **_MORE[call.dialect.word](call, model)}


def _served(call: Call, model: str) -> dict[str, Any]:
    return {"root": model, "parent": None, "max_model_len": call.behaviour.context_length}


def _permitted(call: Call, model: str) -> dict[str, Any]:
    allowed = dict.fromkeys(("allow_create_engine", "allow_fine_tuning"), False)
    permission = {"id": f"modelperm-{call.id}", "object": "model_permission", "created": call.now, **allowed}
    return {**_served(call, model), "permission": [{**permission, "organization": "*", "group": None}]}


def _file(call: Call, _model: str) -> dict[str, Any]:
    known = {"vocab_type": 2, "n_vocab": 151_936, "n_ctx_train": TRAINED_LENGTH, "n_embd": 4096}
    return {"meta": {**known, "n_params": 8_190_735_360, "size": SIZE, "n_ctx": call.behaviour.context_length}}


def _nothing(_call: Call, _model: str) -> dict[str, Any]:
    return {}


# What the engines tell of a model beyond what OpenAI does.
_MORE: Mapping[Word, Callable[[Call, str], dict[str, Any]]] = {
    "vllm": _permitted,
    "sglang": _served,
    "llamacpp": _file,
    "ollama": _nothing,
    "generic": _nothing,
}


def _native_row(model: str) -> dict[str, Any]:
    empty = {"modified_at": "", "size": "", "digest": "", "type": "model", "description": "", "tags": [""]}
    return {"name": model, "model": model, **empty, "capabilities": ["completion"], "details": {"format": "gguf"}}


async def health(call: Call) -> Answer | None:
    """Whether the engine answers; while it loads its model, it has been refused already."""
    return ok(call, {"status": "ok"}) if call.dialect.word == "llamacpp" else whole(call, b"")


async def version(call: Call) -> Answer | None:
    """Which version this is."""
    return ok(call, {"version": {"vllm": "0.32.0", "ollama": "0.31.2"}[call.dialect.word]})


async def model_info(call: Call) -> Answer | None:
    """What SGLang was started with."""
    name = call.models[0]
    kinds = {"is_generation": dialects.purpose(name) == "chat", "has_image_understanding": dialects.sees(name)}
    return ok(call, {"model_path": name, "tokenizer_path": name, "weight_version": "default", **kinds})


async def tags(call: Call) -> Answer | None:
    """The models that Ollama has on its disk."""
    rows = [
        {"name": model, "model": model, "modified_at": MODIFIED, "size": SIZE, "details": _details()}
        for model in call.models
    ]
    return ok(call, {"models": rows})


async def show(call: Call) -> Answer | None:
    """What Ollama knows of one model."""
    body = call.body()
    name = body.get("model") or body.get("name")
    if name not in call.models:
        raise Refused(Fault(404, f"model '{name}' not found"))
    info = {"general.architecture": "qwen3", "qwen3.context_length": TRAINED_LENGTH}
    return ok(call, {"details": _details(), "model_info": info, "capabilities": _capabilities(name)})


def _details() -> dict[str, Any]:
    return {"format": "gguf", "family": "qwen3", "parameter_size": "8.2B", "quantization_level": "Q4_K_M"}


def _capabilities(model: str) -> list[str]:
    if dialects.purpose(model) == "embeddings":
        return ["embedding"]
    more = {"vision": dialects.sees(model), "thinking": dialects.thinks(model)}
    return ["completion", "tools", *(name for name, has in more.items() if has)]


async def props(call: Call) -> Answer | None:
    """What llama.cpp was started with."""
    name = call.models[0]
    settings = {"id": 0, "n_ctx": call.behaviour.context_length, "is_processing": False}
    started = {"default_generation_settings": settings, "total_slots": 4, "model_path": f"/models/{name}"}
    return ok(call, {**started, "modalities": {"vision": dialects.sees(name), "audio": False}, "build_info": BUILD})


async def not_found(call: Call, rest: str) -> Answer | None:  # noqa: ARG001 - the route names it
    """What these engines answer where nothing is."""
    if call.dialect.word == "ollama":
        return whole(call, b"404 page not found", status=404, content_type="text/plain")
    raise Refused(Fault(404, "File Not Found"))


ROUTES: tuple[Route, ...] = (
    *routes("GET", MODELS, list_models, public=("llamacpp",)),
    *routes("GET", f"{MODELS}/<name:path>", get_model, ("vllm", "sglang", "ollama", "generic")),
    *routes("GET", "/health", health, ("vllm", "sglang", "llamacpp"), public=("vllm", "sglang", "llamacpp")),
    *routes("GET", "/version", version, ("vllm",), public=("vllm",)),
    *routes("GET", "/get_model_info", model_info, ("sglang",)),
    *routes("GET", "/api/version", version, ("ollama",)),
    *routes("GET", "/api/tags", tags, ("ollama",)),
    *routes("POST", "/api/show", show, ("ollama",)),
    *routes("GET", "/props", props, ("llamacpp",)),
    *routes("GET", "/<rest:path>", not_found, ("ollama", "llamacpp")),
    *routes("POST", "/<rest:path>", not_found, ("ollama", "llamacpp")),
)
