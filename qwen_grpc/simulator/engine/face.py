"""The face of own engines: all of their routes."""

from __future__ import annotations

from qwen_grpc.simulator.engine import chat, control, embeddings, images, probes, videos
from qwen_grpc.simulator.routes import Route

ROUTES: tuple[Route, ...] = (
    *chat.ROUTES,
    *embeddings.ROUTES,
    *images.ROUTES,
    *videos.ROUTES,
    *probes.ROUTES,
    *control.ROUTES,
)
