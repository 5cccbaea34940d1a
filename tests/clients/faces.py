"""Three upstreams behind one gateway, and how a foreign client reaches each of them."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from operated import account, configured, engine, official, web
from subprocesses import REPOSITORY

from qwen_grpc.configuration import Configuration
from qwen_grpc.credentials import pack
from qwen_grpc.simulator import Simulator

PROGRAMS = REPOSITORY / "tests" / "clients"

HELLO = "Hello from afar, is anybody there at this hour?"
WEATHER = 'What is the weather? [[call:weather {"city": "Paris"}]]'
CITY = "Paris"

# Nothing is told, fetched or looked up elsewhere; what tries all the same meets a closed port at once.
OFFLINE: Mapping[str, str] = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
    "DO_NOT_TRACK": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LANGSMITH_TRACING": "false",
    "PYDANTIC_AI_TELEMETRY": "0",
    "OTEL_SDK_DISABLED": "true",
}


@dataclass(frozen=True)
class Face:
    """One upstream: its model, a key that it takes and one that it refuses.

    `told` is what it says of a tool's result, `formed` what it says of a city in the form of a schema.
    """

    model: str
    key: str
    wrong_key: str
    told: str
    formed: str

    def way(self, rest: str) -> dict[str, str]:
        """How a client gets there."""
        return {"url": f"{rest}/v1", "model": self.model, "key": self.key, "wrong_key": self.wrong_key}

    @property
    def hello(self) -> str:
        return f"You said: {HELLO}"

    @property
    def weather(self) -> str:
        return f"{self.told}: sunny in Paris"


FACES: Mapping[str, Face] = {
    "web": Face("qwen3.7-plus", pack(account(1)), "qk-of-nobody", "It says", CITY),
    "official": Face("qwen-plus", "sk-of-a-caller", "sk-bad-key-of-a-caller", "The tool said", f"You said: {CITY}"),
    "engine": Face("Qwen/Qwen3-8B", "not-needed", "qk-of-nobody", "The tool said", f"You said: {CITY}"),
}


def all_faces(simulator: Simulator) -> Configuration:
    """A configuration for callers with keys of their own, and an engine for anybody."""
    tables = {"web": web(simulator), "official": official(simulator), "gpu": engine(simulator, "vllm", public=True)}
    return configured(tables, {})


def environment(rest: str, home: Path, path: str) -> dict[str, str]:
    """What a program of ours is told: the ways to the upstreams, the path to ask at, the questions."""
    ways = {name: face.way(rest) for name, face in FACES.items()}
    questions = {"ASK_HELLO": HELLO, "ASK_WEATHER": WEATHER, "ASK_CITY": CITY, "ASK_PATH": path}
    return {**alone(home), **questions, "GATEWAYS": json.dumps(ways)}


def alone(home: Path) -> dict[str, str]:
    """A home of its own, and nothing else of this machine."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**OFFLINE, **inherited, "HOME": str(home)}
