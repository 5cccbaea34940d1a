"""Bodies of requests for clips."""

from collections.abc import Sequence
from typing import Any

from qwen_grpc.errors import InvalidParameter
from qwen_grpc.upstreams.base import Scene
from qwen_grpc.upstreams.dashscope.clip_shapes import Resolutions, check_member
from qwen_grpc.upstreams.dashscope.extras import Json, Sorted, sort_extras
from qwen_grpc.upstreams.dashscope.media import is_media_url
from qwen_grpc.upstreams.dashscope.video_models import Pictures, VideoModel
from qwen_grpc.upstreams.kinds import IMAGE


def check_scene(scene: Scene, model: VideoModel) -> None:
    """Raises `InvalidParameter` for what is wrong with a scene for this model, before anything is uploaded."""
    for at, image in enumerate(scene.images):
        if image.kind != IMAGE:
            text = f"images[{at}] is of kind {image.kind}, and a picture is expected here"
            raise InvalidParameter(text, field=f"images[{at}]")
    encode_video(scene, model, "", [image.url for image in scene.images])


def encode_video(scene: Scene, model: VideoModel, id_: str, urls: Sequence[str]) -> tuple[Json, list[str]]:
    """The body, and the names of extras that the model does not take. `urls` are those of the pictures."""
    extras = sort_extras(scene.extra, (*model.extras, *model.shape.members), model.needs)
    given = {"prompt": scene.prompt, **extras.input}
    _add_pictures(given, model, urls)
    _check_media(given, model)
    return {"model": id_, "input": given, "parameters": _parameters(scene, model, extras)}, extras.unsent


def _parameters(scene: Scene, model: VideoModel, extras: Sorted) -> Json:
    parameters: Json = {**model.shape.fit(scene.size), **extras.parameters}
    if isinstance(model.shape, Resolutions):
        for name, choices in (("resolution", model.shape.resolutions), ("ratio", model.shape.ratios)):
            if name in extras.parameters:
                check_member(name, extras.parameters[name], choices)
    if (duration := model.duration(scene.seconds)) is not None:
        parameters["duration"] = duration
    if scene.seed is not None:
        parameters["seed"] = scene.seed
    return parameters


def _add_pictures(given: Json, model: VideoModel, urls: Sequence[str]) -> None:
    """Puts the pictures where the model looks for them."""
    roles = _roles(given, model, len(urls))
    match model.pictures:
        case Pictures.MEDIA:
            pictures = [{"type": role, "url": url} for role, url in zip(roles, urls, strict=True)]
            if media := [*pictures, *given.get("media", ())]:
                given["media"] = media
        case Pictures.FRAME_URLS:
            given |= dict(zip(("first_frame_url", "last_frame_url"), urls, strict=False))
        case Pictures.REFERENCE_URLS:
            given["reference_urls"] = list(urls)
        case Pictures.IMG_URL | Pictures.IMAGE_URL:
            given[model.pictures.value] = urls[0]
        case Pictures.NONE:
            pass


def _roles(given: Json, model: VideoModel, count: int) -> Sequence[str]:
    # Media of the caller's own may stand for the pictures.
    return () if given.get("media") and not count else model.roles_of(count)


def _check_media(given: Json, model: VideoModel) -> None:
    for at, medium in enumerate(given.get("media", ())):
        path = f"media[{at}]"
        if not isinstance(medium, dict) or medium.get("type") not in model.roles:
            text = f"{path} has no type that this model takes: expected one of {', '.join(model.roles)}"
            raise InvalidParameter(text, field=path)
        _check_urls(medium, path)


def _check_urls(medium: dict[str, Any], path: str) -> None:
    for name in ("url", "reference_voice"):
        if (name == "url" or name in medium) and not is_media_url(medium.get(name)):
            text = f"{path}.{name} is neither an address (http, https or oss) nor a data URL"
            raise InvalidParameter(text, field=f"{path}.{name}")
