"""DashScope, Alibaba's official API for Qwen and its models of pictures and clips."""

from qwen_grpc.upstreams.dashscope.adapter import DashScope

__all__ = ["DashScope"]
