"""What the fake says when a prompt asks for JSON in words: what was asked for, or something else."""

from __future__ import annotations

import json
from collections.abc import Iterator

from qwen_grpc.simulator.conversation import filled, form_in
from qwen_grpc.simulator.script import Step, Turn, saying


def formed(turn: Turn) -> str:
    """The JSON that the prompt asks for, with the question wherever a text goes."""
    question = turn.prompt.rpartition("\n\n")[2].removeprefix("User:\n")
    schema = form_in(turn.prompt)
    return json.dumps(filled(schema, question) if schema else {"answer": question}, ensure_ascii=False)


def json_plain(turn: Turn) -> Iterator[Step]:
    """The JSON and nothing else."""
    yield from saying(turn, formed(turn))


def json_fenced(turn: Turn) -> Iterator[Step]:
    """The JSON in a code block."""
    yield from saying(turn, f"```json\n{formed(turn)}\n```\n")


def json_wrapped(turn: Turn) -> Iterator[Step]:
    """The JSON with words around it."""
    yield from saying(turn, f"Here it is:\n```json\n{formed(turn)}\n```\nAnything else?")


def json_wrong(turn: Turn) -> Iterator[Step]:
    """JSON that follows no schema with properties."""
    yield from saying(turn, '["something", "else"]')
