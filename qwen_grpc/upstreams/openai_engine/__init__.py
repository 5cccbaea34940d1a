"""Talks to own engines that speak OpenAI's API."""

from qwen_grpc.upstreams.openai_engine.adapter import OpenAiEngine

__all__ = ["OpenAiEngine"]
