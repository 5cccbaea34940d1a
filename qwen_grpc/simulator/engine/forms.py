"""Requests that come as a form or as JSON, and the sizes in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from qwen_grpc.simulator.engine.call import Call
from qwen_grpc.simulator.engine.dialects import Word
from qwen_grpc.simulator.engine.faults import Fault, Refused

SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")
MULTIPART = "multipart/form-data"
# The engines with a server for pictures and videos: vLLM-Omni, SGLang's own, and others like OpenAI's.
MAKERS: tuple[Word, ...] = ("vllm", "sglang", "generic")


@dataclass(frozen=True, slots=True)
class Form:
    """The fields, and the names of the files by the field that they came in; with JSON, files are addresses."""

    fields: dict[str, Any]
    files: dict[str, list[str]]

    def files_of(self, *names: str) -> list[str]:
        """The files of all these fields."""
        return [file for name in names for file in self.files.get(name, ())]

    def number(self, name: str, default: int) -> int:
        """A whole number; in a form it is a text."""
        given = str(self.fields.get(name, default))
        if not given.isdecimal():
            raise refused(f"{name} is {given!r}, not a whole number", name)
        return int(given)

    @property
    def prompt(self) -> str:
        """What is to be made."""
        prompt = self.fields.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            raise refused("prompt is required", "prompt")
        return prompt

    def pixels(self, default: str) -> tuple[int, int]:
        """Width and height."""
        found = SIZE.fullmatch(str(self.fields.get("size") or default))
        if found is None:
            raise refused(f"size is {self.fields['size']!r}: expected WIDTHxHEIGHT", "size")
        return int(found[1]), int(found[2])


def refused(message: str, param: str) -> Refused:
    """A field is wrong."""
    return Refused(Fault(400, message, param=param, media=True))


def form_of(call: Call) -> Form:
    """What a request says, in whatever form it came."""
    request: Any = call.request
    if not call.header("content-type").startswith(MULTIPART):
        return Form(call.body(), {})
    fields = {name: request.form.get(name) for name in request.form or {}}
    files = {name: [file.name for file in request.files.getlist(name)] for name in request.files or {}}
    return Form(fields, files)
