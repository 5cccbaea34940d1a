"""Bodies of requests for pictures, in the two forms that there are: a message, or members with names."""

from collections.abc import Sequence
from typing import Any

from qwen_grpc.errors import Unsupported
from qwen_grpc.upstreams.base import Scene
from qwen_grpc.upstreams.dashscope.extras import Json, Sorted, sort_extras
from qwen_grpc.upstreams.dashscope.image_models import ImageModel


def check_scene(scene: Scene, model: ImageModel) -> None:
    """Raises what is wrong with a scene for this model, before anything is uploaded."""
    model.check_inputs(len(scene.images))
    model.rule(editing=bool(scene.images)).fit(scene.size)
    sort_extras(scene.extra, model.extras, model.needs)
    if not 1 <= scene.count <= model.at_once:
        raise Unsupported(f"n is {scene.count}: this model makes {model.at_once} at once", field="n")


def encode_images(scene: Scene, model: ImageModel, id_: str, urls: Sequence[str]) -> tuple[Json, list[str]]:
    """The body, and the names of extras that the model does not take. `urls` are those of the pictures."""
    extras = sort_extras(scene.extra, model.extras, model.needs)
    parameters = _parameters(scene, model, extras)
    if model.protocol.converses:
        given = _message(scene.prompt, urls)
        # In this form everything beside the message is a parameter.
        parameters |= extras.input
    else:
        given = _members(scene.prompt, model, urls) | extras.input
    return {"model": id_, "input": given, "parameters": parameters}, extras.unsent


def _parameters(scene: Scene, model: ImageModel, extras: Sorted) -> Json:
    parameters: Json = dict(extras.parameters)
    if size := model.rule(editing=bool(scene.images)).fit(scene.size):
        parameters["size"] = size
    if model.at_once > 1:
        # Several models make four unless told otherwise.
        parameters["n"] = scene.count
    if model.seeded and scene.seed is not None:
        parameters["seed"] = scene.seed
    return parameters


def _message(prompt: str, urls: Sequence[str]) -> Json:
    content: list[dict[str, Any]] = [{"image": url} for url in urls]
    return {"messages": [{"role": "user", "content": [*content, {"text": prompt}]}]}


def _members(prompt: str, model: ImageModel, urls: Sequence[str]) -> Json:
    members: Json = {**(model.usual or {})}
    if model.prompted:
        members["prompt"] = prompt
    if urls:
        members[model.picture_member] = list(urls) if model.inputs[1] > 1 else urls[0]
    return members
