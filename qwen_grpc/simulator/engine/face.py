"""The face of own engines: all of their routes."""

from __future__ import annotations

from qwen_grpc.simulator.engine import chat
from qwen_grpc.simulator.routes import Route

ROUTES: tuple[Route, ...] = (*chat.ROUTES,)
