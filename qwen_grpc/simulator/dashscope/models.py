"""The chat models of DashScope as of autumn 2026, and what each of them can do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from qwen_grpc.simulator.dashscope import faults
from qwen_grpc.simulator.dashscope.behaviour import DashScopeBehaviour
from qwen_grpc.simulator.dashscope.faults import Refused

SNAPSHOT = re.compile(r"-(latest|\d{4}-\d{2}-\d{2}|\d{4})$")
Thinking = Literal["on", "off", "must", "none"]


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A model that chats: `thinking` is what it does unless told, `inputs` are of `tiva`, `can` are of `TSJXOF`.

    T takes tools, S searches, J answers in JSON, X follows a JSON schema, O refuses whole answers while it thinks,
    F refuses them always.
    """

    id: str
    max_input: int
    max_output: int
    thinking: Thinking
    inputs: str
    can: str

    @property
    def sees(self) -> bool:
        """Whether it takes pictures, and so answers at the native path for all media."""
        return "i" in self.inputs


# Tokens in, tokens out, thinking, inputs, abilities.
_ROWS: dict[str, tuple[int, int, Thinking, str, str]] = {
    "qwen3.8-max": (991_808, 131_072, "on", "tiv", "TSJX"),
    "qwen3.8-flash": (991_808, 131_072, "on", "tiv", "TSJX"),
    "qwen3.7-max": (991_808, 65_536, "on", "t", "TSJX"),
    "qwen3.7-max-preview": (991_808, 65_536, "must", "t", "TS"),
    "qwen3.7-max-2026-05-17": (991_808, 65_536, "must", "t", "TS"),
    "qwen3.7-plus": (991_808, 65_536, "on", "tiv", "TSJX"),
    "qwen3.7-flash": (991_808, 65_536, "on", "tiv", "TSJX"),
    "qwen3.6-max-preview": (245_760, 65_536, "on", "t", "TSJ"),
    "qwen3.6-plus": (991_808, 65_536, "on", "tiv", "TSJ"),
    "qwen3.6-flash": (991_808, 65_536, "on", "tiv", "TSJ"),
    "qwen3.5-plus": (991_808, 65_536, "on", "tiv", "TSJ"),
    "qwen3.5-flash": (991_808, 65_536, "on", "tiv", "TSJ"),
    "qwen3-max": (258_048, 65_536, "off", "t", "TSJ"),
    "qwen3-max-preview": (258_048, 65_536, "off", "t", "TSJ"),
    "qwen-plus": (997_952, 32_768, "off", "t", "TSJ"),
    "qwen-flash": (997_952, 32_768, "off", "t", "TSJ"),
    "qwen3-coder-plus": (997_952, 65_536, "none", "t", "T"),
    "qwen3-coder-flash": (997_952, 65_536, "none", "t", "T"),
    "qwen3-coder-480b-a35b-instruct": (204_800, 65_536, "none", "t", "T"),
    "qwen3-vl-plus": (260_096, 32_768, "off", "tiv", "TJ"),
    "qwen3-vl-flash": (260_096, 32_768, "off", "tiv", "TJ"),
    "qwen3-vl-235b-a22b-instruct": (129_024, 32_768, "none", "tiv", "TJ"),
    "qwen3-vl-235b-a22b-thinking": (126_976, 32_768, "must", "tiv", "TJ"),
    "qwen3-235b-a22b": (129_024, 16_384, "on", "t", "TJO"),
    "qwen3-32b": (129_024, 16_384, "on", "t", "TJO"),
    "qwen3-30b-a3b": (129_024, 16_384, "on", "t", "TJO"),
    "qwen3-14b": (129_024, 8_192, "on", "t", "TJO"),
    "qwen3-8b": (129_024, 8_192, "on", "t", "TJO"),
    "qwen3-235b-a22b-instruct-2507": (129_024, 32_768, "none", "t", "TJ"),
    "qwen3-235b-a22b-thinking-2507": (126_976, 32_768, "must", "t", "T"),
    "qwen3-next-80b-a3b-thinking": (126_976, 32_768, "must", "t", "T"),
    "qwen3.5-397b-a17b": (260_096, 65_536, "on", "tiv", "TSJ"),
    "qwen3.6-27b": (260_096, 65_536, "on", "tiv", "TSJ"),
    "qwen3-omni-flash": (49_152, 16_384, "off", "tiva", "TF"),
    "qwen-omni-turbo": (30_720, 2_048, "none", "tiva", "F"),
    "qwen-long": (10_000_000, 8_192, "none", "t", ""),
    "qwen-mt-plus": (8_192, 8_192, "none", "t", ""),
    "qwen-vl-ocr": (30_000, 8_192, "none", "ti", ""),
    "qwen-plus-character": (32_768, 4_096, "none", "t", "S"),
    "qwen3-asr-flash": (49_152, 4_096, "none", "a", ""),
}
_RETIRED_ROWS: dict[str, tuple[int, int, Thinking, str, str]] = {
    "qwen-max": (30_720, 8_192, "none", "t", "TSJ"),
    "qwen-turbo": (129_024, 16_384, "off", "t", "TSJ"),
    "qwen-vl-max": (129_024, 8_192, "none", "tiv", "J"),
    "qwen-vl-plus": (129_024, 8_192, "none", "tiv", "J"),
    "qwq-plus": (98_304, 8_192, "must", "t", "TF"),
    "qvq-max": (106_496, 8_192, "must", "tiv", "F"),
    "qvq-plus": (106_496, 8_192, "must", "tiv", "F"),
    "qwen-coder-plus": (129_024, 8_192, "none", "t", ""),
    "qwen-coder-turbo": (129_024, 8_192, "none", "t", ""),
    "qwen-math-turbo": (3_072, 3_072, "none", "t", ""),
}


def catalogue() -> tuple[str, ...]:
    """The ids of all chat models that are not retired."""
    return tuple(_ROWS)


def chat_model(behaviour: DashScopeBehaviour, model: object, others: frozenset[str]) -> ChatModel:
    """The model of that id or of that snapshot; `others` are models that exist and do something else."""
    if not isinstance(model, str) or not model:
        raise Refused(faults.NO_MODEL)
    rows = {**_ROWS, **_RETIRED_ROWS} if behaviour.keep_retired else _ROWS
    row = rows.get(model) or rows.get(SNAPSHOT.sub("", model))
    if row is None:
        raise Refused(faults.not_for_chat(model) if model in others else faults.model_not_found(model))
    if model in behaviour.denied_models:
        raise Refused(faults.MODEL_DENIED)
    return ChatModel(model, *row)
