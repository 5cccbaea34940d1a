"""Videos of DashScope: always a task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qwen_grpc.simulator.dashscope import faults, limits, tasks
from qwen_grpc.simulator.dashscope.call import Call, answering, cue
from qwen_grpc.simulator.dashscope.faults import Refused, invalid
from qwen_grpc.simulator.dashscope.results import publish
from qwen_grpc.simulator.dashscope.tasks import Outcome
from qwen_grpc.simulator.dashscope.uploads import check_url
from qwen_grpc.simulator.dashscope.video_models import VideoModel, video_model
from qwen_grpc.simulator.renderings import video
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route

USUAL_SECONDS = 5
FRAMES = ("first_frame", "last_frame")
FIELDS = ("img_url", "audio_url", "first_frame_url", "last_frame_url", "image_url")
FPS = 30


async def submit(call: Call) -> Answer | None:
    """Queue a video."""
    return await _submit(call, own_path=False)


async def submit_old(call: Call) -> Answer | None:
    """Queue a video of the few models that answer at a path of their own."""
    return await _submit(call, own_path=True)


async def _submit(call: Call, *, own_path: bool) -> Answer:
    body = call.body()
    model = video_model(call.behaviour, body.get("model"), own_path=own_path)
    if not call.enables("async"):
        raise Refused(faults.ONLY_ASYNC)
    given, parameters, name = body.get("input"), body.get("parameters") or {}, str(body["model"])
    if not isinstance(given, dict):
        raise Refused(faults.BAD_BODY)
    chosen, prompt = await cue(call, str(given.get("prompt", "")))
    limits.take(call, name)
    _check_input(call, given, model, name)
    _check_parameters(parameters, model)
    if any(word in prompt for word in call.behaviour.moderated_words):
        raise Refused(faults.BAD_INPUT)
    return tasks.submit(call, name, chosen, _outcome(call, prompt, parameters, model))


def _check_input(call: Call, given: dict[str, Any], model: VideoModel, name: str) -> None:
    """What the model starts from is there and can be read."""
    missing = next((field for field in model.fields if not given.get(field)), None)
    if missing:
        raise invalid(f"{missing} must be set")
    kinds = {str(medium.get("type")) for medium in given.get("media") or []}
    if model.media and not kinds & set(model.media):
        raise invalid(f"media must have one of type {', '.join(model.media)}")
    if kinds & set(FRAMES) and any(kind.startswith("reference") for kind in kinds) and name.startswith("wan3.0"):
        raise invalid("frames cannot be used together with references")
    if not given.get("prompt") and not kinds and not model.fields:
        raise invalid("prompt must be set")
    for url in _urls(given):
        check_url(call, url, name)


def _urls(given: dict[str, Any]) -> Iterator[str]:
    yield from (str(given[field]) for field in FIELDS if given.get(field))
    yield from (str(url) for url in given.get("reference_urls") or [])
    yield from (str(medium.get("url")) for medium in given.get("media") or [])


def _check_parameters(parameters: dict[str, Any], model: VideoModel) -> None:
    """Length, size and form are of those that the model knows."""
    known = {
        "duration": model.seconds,
        "resolution": model.resolutions,
        "ratio": model.ratios,
        "size": model.sizes,
    }
    for name, values in known.items():
        value = parameters.get(name)
        if value is not None and value not in values:
            raise invalid(
                f"{name} must be one of {', '.join(map(str, values))}" if values else f"{name} is not supported"
            )


def _outcome(call: Call, prompt: str, parameters: dict[str, Any], model: VideoModel) -> Outcome:
    """The video and its price, as the end of the task will tell them."""
    url = publish(call, video(call.id, call.behaviour.video_bytes), f"{call.id}.mp4")
    output = {"orig_prompt": prompt, "video_url": url}
    if parameters.get("prompt_extend", True):
        output["actual_prompt"] = prompt
    usual = USUAL_SECONDS if USUAL_SECONDS in model.seconds else model.seconds[0]
    seconds = max(parameters.get("duration", usual), 0) or USUAL_SECONDS
    resolution = str(parameters.get("resolution", model.default)).removesuffix("P")
    form = (
        {"size": parameters.get("size", model.sizes[0])} if model.sizes else {"ratio": parameters.get("ratio", "16:9")}
    )
    usage = {"duration": seconds, "output_video_duration": seconds, "input_video_duration": 0, "video_count": 1}
    return Outcome(output, {**usage, "SR": resolution, **form, "fps": FPS})


ROUTES: tuple[Route, ...] = (
    Route("POST", "/api/v1/services/aigc/video-generation/video-synthesis", answering(submit)),
    Route("POST", "/api/v1/services/aigc/image2video/video-synthesis", answering(submit_old)),
)
