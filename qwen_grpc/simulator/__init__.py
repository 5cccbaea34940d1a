"""A real HTTP server that imitates the Qwen web service, with faults on demand; `running` starts one."""

from qwen_grpc.simulator.app import running
from qwen_grpc.simulator.behaviour import Behaviour
from qwen_grpc.simulator.state import Arrived, Simulator, StopCall, StreamRecord, make_refresh_token, make_token

__all__ = [
    "Arrived",
    "Behaviour",
    "Simulator",
    "StopCall",
    "StreamRecord",
    "make_refresh_token",
    "make_token",
    "running",
]
