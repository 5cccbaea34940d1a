"""What sets the engines apart, besides the form of their chunks and errors.

As their servers were in the autumn of 2026: vLLM 0.32, SGLang 0.5.23, Ollama
of August, llama.cpp of October.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Word = Literal["vllm", "sglang", "ollama", "llamacpp", "generic"]

# What models of Qwen's are for, as far as their names tell.
_EMBEDS = re.compile(r"embed", re.IGNORECASE)
_DRAWS = re.compile(r"qwen-image|z-image|flux", re.IGNORECASE)
_FILMS = re.compile(r"wan\d", re.IGNORECASE)
_SEES = re.compile(r"vl|omni", re.IGNORECASE)
_NEVER_THINKS = re.compile(r"instruct|coder|qwen2", re.IGNORECASE)

Purpose = Literal["chat", "embeddings", "images", "videos"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One engine. `owner` is what it calls itself in its list, `server` in the headers, `models` are what it serves.

    `reasoning` is the member for the thinking, and `budget` the one of a request that bounds it. With `any_name` it
    answers whatever model is asked for. It takes pictures by address unless `inline_only`, calls a tool when told to
    unless `free`, and gives several answers where it is `several`.
    """

    word: Word
    owner: str
    server: str
    models: tuple[str, ...]
    reasoning: str = "reasoning_content"
    budget: str = ""
    any_name: bool = False
    inline_only: bool = False
    free: bool = False
    several: bool = True


_HUB = ("Qwen/Qwen3-8B", "Qwen/Qwen3-4B-Instruct-2507", "Qwen/Qwen3-VL-8B-Thinking", "Qwen/Qwen3-Embedding-0.6B")
_MEDIA = ("Qwen/Qwen-Image", "Wan-AI/Wan2.2-T2V-A14B-Diffusers")

DIALECTS: Mapping[Word, Dialect] = {
    "vllm": Dialect("vllm", "vllm", "uvicorn", (*_HUB, *_MEDIA), reasoning="reasoning", budget="thinking_token_budget"),
    "sglang": Dialect("sglang", "sglang", "uvicorn", (*_HUB, *_MEDIA), any_name=True),
    "ollama": Dialect(
        "ollama",
        "library",
        "",
        ("qwen3:8b", "qwen3:4b-instruct", "qwen3-vl:8b", "qwen3-embedding:0.6b"),
        reasoning="reasoning",
        inline_only=True,
        free=True,
        several=False,
    ),
    "llamacpp": Dialect(
        "llamacpp",
        "llamacpp",
        "llama.cpp",
        ("Qwen3-8B-Q4_K_M.gguf", "Qwen3-VL-8B-Q4_K_M.gguf", "Qwen3-Embedding-0.6B-Q8_0.gguf"),
        budget="thinking_budget_tokens",
        any_name=True,
    ),
    "generic": Dialect("generic", "organization", "", (*_HUB, *_MEDIA)),
}


def purpose(model: str) -> Purpose:
    """What a model is for."""
    if _EMBEDS.search(model):
        return "embeddings"
    if _DRAWS.search(model):
        return "images"
    return "videos" if _FILMS.search(model) else "chat"


def sees(model: str) -> bool:
    """Whether a model takes pictures."""
    return bool(_SEES.search(model))


def thinks(model: str) -> bool:
    """Whether a model thinks unless told otherwise; the others never do."""
    return not _NEVER_THINKS.search(model)
