"""What every client asks at every upstream, and how it tells what it heard. Runs in the clients' environment."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

HELLO = os.environ["ASK_HELLO"]
WEATHER = os.environ["ASK_WEATHER"]
CITY = os.environ["ASK_CITY"]
# Which of the paths to ask at, for packages that know several.
BY_RESPONSES = os.environ["ASK_PATH"] == "/v1/responses"

FUNCTION: dict[str, Any] = {
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TOOLS: Any = [{"type": "function", "function": FUNCTION}]


@dataclass(frozen=True)
class Gateway:
    """The way to one upstream."""

    url: str
    model: str
    key: str
    wrong_key: str


def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def user(content: str) -> Any:
    return {"role": "user", "content": content}


def tell(hear: Callable[[Gateway], Mapping[str, Any]]) -> None:
    """What was heard, by upstream, as the last line of standard output."""
    gateways = json.loads(os.environ["GATEWAYS"])
    print(json.dumps({name: hear(Gateway(**values)) for name, values in gateways.items()}))
