"""What the fake says when it makes or changes a picture: the image routes, and the tool inside a text chat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from qwen_grpc.simulator.script import Scenario, Step, Turn, ending, saying

PUNISH = "https://chat.qwen.ai:443//api/v2/chat/completions/_____tmd_____/punish?x5secdata=simulated&x5step=2"
SEED = 123_456_789


def _delta(phase: str, content: str, status: str = "typing") -> dict[str, Any]:
    return {"role": "assistant", "content": content, "phase": phase, "status": status}


def _finished(phase: str) -> dict[str, Any]:
    """The end of an image turn is told in the image's phase, with the keys in the order of every last event."""
    return {"content": "", "role": "assistant", "status": "finished", "phase": phase}


def _shown(turn: Turn, phase: str, url: str) -> Iterator[Step]:
    """The address of a picture as the content of its phase."""
    extra = {"output_image_hw": [[turn.picture.height, turn.picture.width]], "seed": SEED}
    yield turn.voice.tell({**_delta(phase, url), "extra": extra}, text=url)


def image(turn: Turn) -> Iterator[Step]:
    """A made picture: its address, then the end in the same phase."""
    yield turn.voice.created()
    yield from _shown(turn, "image_gen", turn.picture.url)
    yield turn.voice.bare(_finished("image_gen"))


def image_edit(turn: Turn) -> Iterator[Step]:
    """A changed picture, told like a made one in a phase of its own."""
    yield turn.voice.created()
    yield from _shown(turn, "image_edit", turn.picture.url)
    yield turn.voice.bare(_finished("image_edit"))


def image_echo(turn: Turn) -> Iterator[Step]:
    """The addresses of the pictures that were sent come back first, then the changed one."""
    yield turn.voice.created()
    for sent in turn.sent:
        yield turn.voice.tell(_delta("image_edit", sent.url))
    yield from _shown(turn, "image_edit", turn.picture.url)
    yield turn.voice.bare(_finished("image_edit"))


def image_edit_tool(turn: Turn) -> Iterator[Step]:
    """A changed picture whose address is in a list that is itself JSON text."""
    extra = {"image_list": json.dumps([{"image": turn.picture.url}])}
    yield turn.voice.created()
    yield turn.voice.tell({**_delta("image_edit_tool", ""), "extra": extra})
    yield turn.voice.bare(_finished("image_edit_tool"))


def image_no_url(turn: Turn) -> Iterator[Step]:
    """The stream ends without an address; the stored answer has it."""
    yield turn.voice.created()
    yield turn.voice.bare(_finished("image_gen"), text=turn.picture.url)


def image_never(turn: Turn) -> Iterator[Step]:
    """The turn ends in good order, and there is no picture anywhere."""
    yield turn.voice.created()
    yield turn.voice.bare(_finished("image_gen"))


def image_punish(turn: Turn) -> Iterator[Step]:
    """The address is that of a verification page, which other clients have taken for a picture."""
    yield turn.voice.created()
    yield turn.voice.tell(_delta("image_gen", PUNISH), text=PUNISH)
    yield turn.voice.bare(_finished("image_gen"))


def image_answered(turn: Turn) -> Iterator[Step]:
    """A made picture after which the answer ends once more, in the phase of texts."""
    yield from image(turn)
    yield turn.voice.last()


def _tool_turn(turn: Turn, found: dict[str, Any]) -> Iterator[Step]:
    """The model calls the tool, the tool answers with what it found, the model says so."""
    arguments = json.dumps({"prompt": turn.prompt[:60]}, ensure_ascii=False)
    asked = {"function_call": {"name": "image_gen", "arguments": arguments}, "function_id": turn.voice.call_id}
    answered = {"role": "function", "function_id": turn.voice.call_id, "extra": found}
    yield turn.voice.created()
    yield turn.voice.tell({**_delta("image_gen_tool", ""), **asked})
    yield turn.voice.tell({**_delta("image_gen_tool", "", "finished"), **answered})
    yield from saying(turn, f"Here it is: {turn.prompt}")
    yield from ending(turn)


def image_tool(turn: Turn) -> Iterator[Step]:
    """The built-in tool makes a picture in the middle of a text chat."""
    found = {"image_list": [{"image": turn.picture.url}], "tool_result": [{"image": turn.picture.path}]}
    yield from _tool_turn(turn, found)


def image_tool_relative(turn: Turn) -> Iterator[Step]:
    """The built-in tool names its picture only by a path below the chat."""
    yield from _tool_turn(turn, {"tool_result": [{"image": turn.picture.path}]})


IMAGE_SCENARIOS: dict[str, Scenario] = {
    "image": image,
    "image_edit": image_edit,
    "image_echo": image_echo,
    "image_edit_tool": image_edit_tool,
    "image_no_url": image_no_url,
    "image_never": image_never,
    "image_punish": image_punish,
    "image_answered": image_answered,
    "image_tool": image_tool,
    "image_tool_relative": image_tool_relative,
}
