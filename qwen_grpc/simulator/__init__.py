"""A real HTTP server that imitates the Qwen web service, with faults on demand; `running` starts one."""

from qwen_grpc.simulator.app import running
from qwen_grpc.simulator.behaviour import Behaviour
from qwen_grpc.simulator.dashscope.behaviour import DashScopeBehaviour, KeyRow, Limit
from qwen_grpc.simulator.engine.behaviour import EngineBehaviour
from qwen_grpc.simulator.state import Arrived, Simulator, StopCall, StreamRecord, make_refresh_token, make_token
from qwen_grpc.simulator.stored import StoredFile, StorePass, VideoTask

__all__ = [
    "Arrived",
    "Behaviour",
    "DashScopeBehaviour",
    "EngineBehaviour",
    "KeyRow",
    "Limit",
    "Simulator",
    "StopCall",
    "StorePass",
    "StoredFile",
    "StreamRecord",
    "VideoTask",
    "make_refresh_token",
    "make_token",
    "running",
]
