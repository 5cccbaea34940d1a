"""The gateway to Qwen whose public contract is streaming gRPC."""

__version__ = "0.1.0"
