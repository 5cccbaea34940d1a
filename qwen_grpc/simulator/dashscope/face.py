"""The face of DashScope: all of its routes."""

from __future__ import annotations

from qwen_grpc.simulator.dashscope import chat, control
from qwen_grpc.simulator.routes import Route

ROUTES: tuple[Route, ...] = (*chat.ROUTES, *control.ROUTES)
