"""The models that the simulated Qwen offers, in the picker's order; the first is the default."""

from __future__ import annotations

from typing import Any

from sanic import Request

from qwen_grpc.simulator.behaviour import Behaviour
from qwen_grpc.simulator.replies import Answer, ok
from qwen_grpc.simulator.state import Simulator

CURRENT = ("qwen3.7-plus", "qwen3.8-max", "qwen3.7-max", "qwen3.6-plus", "qwen3.5-plus", "qwen3.5-omni-plus")
OLDER = ("qwen3.8-omni-flash", "qwen3.6-27b", "qwen3.5-flash", "qwen3-coder-plus", "qwen3-vl-plus", "qwen3.5-27b")

CHAT_TYPES = (
    "t2t", "t2v", "t2i", "image_edit", "search", "artifacts", "web_dev", "deep_research", "travel", "learn", "slides",
)  # fmt: skip
# Where a model differs from the others: seen in the browser's own traffic, Aug 2026.
META: dict[str, dict[str, Any]] = {
    "qwen3.8-max": {"max_generation_length": 131_072},
    "qwen3.7-max": {"modality": ["text"]},
    "qwen3.5-omni-plus": {"max_context_length": 262_144, "thinking": False},
    "qwen3-coder-plus": {"modality": ["text"], "thinking": False},
}


def offered(behaviour: Behaviour) -> tuple[str, ...]:
    """The ids of all models."""
    return behaviour.models or CURRENT + OLDER


def knows(behaviour: Behaviour, model: str) -> bool:
    """Whether a completion may name this model."""
    return model in offered(behaviour)


async def list_all(simulator: Simulator, _request: Request) -> Answer:
    """All models, without the envelope and for anybody."""
    return Answer({"data": [describe(model) for model in offered(simulator.behaviour)]})


async def list_current(simulator: Simulator, _request: Request) -> Answer:
    """The newest models, in the envelope."""
    return ok({"data": [describe(model) for model in simulator.behaviour.models or CURRENT]})


def name_of(model: str) -> str:
    """The name of a model for people."""
    return model.replace("qwen", "Qwen").replace("-", " ").title().replace(" ", "-")


def describe(model: str) -> dict[str, Any]:
    """A model as the service describes it."""
    name = name_of(model)
    info = {
        "id": model,
        "user_id": "00000000-0000-4000-8000-0000000000aa",
        "base_model_id": None,
        "name": name,
        "params": {},
        "is_active": True,
        "is_visitor_active": True,
        "created_at": 1732711466,
        "updated_at": 1787000000,
        "meta": _meta(model, name),
    }
    head = {"id": model, "name": name, "object": "model", "owned_by": "qwen", "preset": True, "action_ids": []}
    return {**head, "info": info}


def _meta(model: str, name: str) -> dict[str, Any]:
    special = dict(META.get(model, {}))
    thinking = special.pop("thinking", True)
    sees = special.get("modality") != ["text"]
    return {
        "profile_image_url": "/static/favicon.png",
        "description": f"{name} is one of the simulated models.",
        "short_description": f"{name}, simulated",
        "capabilities": _capabilities(sees=sees, thinking=thinking),
        "abilities": {"vision": int(sees), "document": 1, "mcp": 1, "thinking": 3 if thinking else 0, "parse_url": 2},
        "max_context_length": 1_000_000,
        "max_generation_length": 65_536,
        "max_thinking_generation_length": 81_920,
        "max_summary_generation_length": 65_536,
        "chat_type": list(CHAT_TYPES),
        "mcp": ["image-generation", "code-interpreter", "amap", "fire-crawl"],
        "modality": ["text", "image", "video"],
        "auto_thinking": thinking,
        "auto_search": True,
        "thinking_format": "summary",
        "think_skip": {"enable": True},
        "is_single_round": 0,
        "file_limits": {},
        **special,
    }


def _capabilities(*, sees: bool, thinking: bool) -> dict[str, bool]:
    media = dict.fromkeys(("vision", "document", "video", "audio"), sees)
    return {**media, "citations": True, "thinking": thinking, "thinking_budget": thinking, "search": True}
