"""The simulated DashScope: Alibaba's official API for Qwen as it was documented and recorded up to autumn 2026."""
