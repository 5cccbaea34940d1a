"""A gRPC channel without a socket, for stubs and servicers of one process."""

from qwen_grpc.inprocess.channel import InProcessChannel

__all__ = ["InProcessChannel"]
