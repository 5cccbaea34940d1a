"""The face of DashScope: all of its routes."""

from __future__ import annotations

from qwen_grpc.simulator.dashscope import (
    chat,
    control,
    documents,
    embeddings,
    images,
    listings,
    results,
    tasks,
    uploads,
    videos,
)
from qwen_grpc.simulator.routes import Route

ROUTES: tuple[Route, ...] = (
    *chat.ROUTES,
    *embeddings.ROUTES,
    *documents.ROUTES,
    *listings.ROUTES,
    *images.ROUTES,
    *videos.ROUTES,
    *tasks.ROUTES,
    *uploads.ROUTES,
    *results.ROUTES,
    *control.ROUTES,
)
