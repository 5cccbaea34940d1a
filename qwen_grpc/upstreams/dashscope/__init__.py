"""DashScope, Alibaba's official API for Qwen and its models of pictures and clips."""
