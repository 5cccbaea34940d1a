"""Pictures of DashScope: made at once, or as a task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qwen_grpc.simulator.conversation import text_of
from qwen_grpc.simulator.cues import Cue
from qwen_grpc.simulator.dashscope import chat, faults, limits, tasks
from qwen_grpc.simulator.dashscope.call import Call, answering, cue, ok
from qwen_grpc.simulator.dashscope.faults import Refused, invalid
from qwen_grpc.simulator.dashscope.image_models import EDIT_FUNCTIONS, ImageModel, Path, image_ids, image_model
from qwen_grpc.simulator.dashscope.results import publish
from qwen_grpc.simulator.dashscope.tasks import Outcome
from qwen_grpc.simulator.dashscope.uploads import check_url
from qwen_grpc.simulator.renderings import picture
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route

MULTIMODAL = "/api/v1/services/aigc/multimodal-generation/generation"
NEGATIVE_CHARACTERS = 500
SEED_END = 2**31
SEQUENCE = 12


@dataclass(frozen=True, slots=True)
class Wanted:
    """Pictures to make: of these pixels, so many, from a prompt and from other pictures."""

    model: str
    prompt: str
    parameters: dict[str, Any]
    images: tuple[str, ...]
    size: tuple[int, int]
    n: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What a body asks for before anybody has checked it; `old` bodies hold a prompt instead of messages."""

    prompt: str
    images: tuple[str, ...]
    old: bool


async def multimodal(call: Call) -> Answer | None:
    """The path for all media: pictures from image models, words from models that see."""
    body = call.body()
    if body.get("model") in image_ids():
        return await make(call, body)
    asked = chat.native_asked(call, body)
    if not asked.model.sees:
        raise Refused(faults.BAD_URL)
    return await chat.answer_natively(call, asked)


async def make(call: Call, body: dict[str, Any]) -> Answer:
    """Make pictures at once."""
    model = image_model(call.behaviour, body.get("model"), "multimodal")
    if call.header("x-dashscope-async"):
        raise Refused(faults.ONLY_SYNC)
    wanted, chosen = await _wanted(call, body, model)
    urls = _made(call, wanted, chosen)
    call.dashscope.pictures[call.key] += len(urls)
    output = {"choices": list(_choices(wanted, urls)), "task_metric": _counts(wanted, urls)}
    return ok(call, {"output": output, "usage": _usage(wanted, len(urls)), "request_id": call.id}, timeout_s=180)


def as_task(path: Path) -> Any:
    """The route that makes pictures later."""

    async def submit(call: Call) -> Answer | None:
        body = call.body()
        model = image_model(call.behaviour, body.get("model"), path)
        if not call.enables("async"):
            raise Refused(faults.ONLY_ASYNC)
        wanted, chosen = await _wanted(call, body, model)
        urls = _made(call, wanted, chosen)
        output = _finished(wanted, urls) if path == "image-generation" else _results(wanted, urls)
        return tasks.submit(call, wanted.model, chosen, Outcome(output, _usage(wanted, len(urls))))

    return answering(submit)


async def _wanted(call: Call, body: dict[str, Any], model: ImageModel) -> tuple[Wanted, Cue]:
    """What the body asks for, once it has passed all checks."""
    asked, parameters, name = _asked(body), body.get("parameters") or {}, str(body["model"])
    chosen, prompt = await cue(call, asked.prompt)
    limits.take(call, name)
    _check_parameters(parameters)
    least, most = model.images
    if not least <= len(asked.images) <= most:
        raise invalid(f"The number of images must be between {least} and {most}.")
    for url in asked.images:
        check_url(call, url, name)
    if not prompt and not asked.old:
        raise invalid("prompt must not be empty")
    if any(word in prompt for word in call.behaviour.moderated_words):
        raise Refused(faults.BAD_INPUT)
    size = model.size(parameters.get("size"))
    return Wanted(name, prompt, parameters, asked.images, size, _count(parameters, model)), chosen


def _asked(body: dict[str, Any]) -> Asked:
    given = body.get("input")
    if not isinstance(given, dict):
        raise Refused(faults.BAD_BODY)
    if "messages" not in given:
        return _asked_in_fields(given)
    messages = given["messages"]
    if not isinstance(messages, list) or len(messages) != 1:
        raise invalid("messages length only support 1")
    content = messages[0].get("content")
    parts = content if isinstance(content, list) else []
    if sum("text" in part for part in parts) != 1:
        raise invalid("The content must have exactly one text.")
    return Asked(text_of(content), tuple(str(part["image"]) for part in parts if "image" in part), old=False)


def _asked_in_fields(given: dict[str, Any]) -> Asked:
    """The older form: a prompt, and pictures in fields of their own."""
    function = given.get("function")
    if function is not None and function not in EDIT_FUNCTIONS:
        raise invalid(f"function must be one of {', '.join(EDIT_FUNCTIONS)}")
    if function == "description_edit_with_mask" and not given.get("mask_image_url"):
        raise invalid("mask_image_url is required")
    base = [given["base_image_url"]] if "base_image_url" in given else []
    images = tuple(str(url) for url in (*base, *(given.get("images") or [])))
    return Asked(str(given.get("prompt", "")), images, old=True)


def _check_parameters(parameters: dict[str, Any]) -> None:
    if len(str(parameters.get("negative_prompt") or "")) > NEGATIVE_CHARACTERS:
        raise invalid(f"negative_prompt must not be longer than {NEGATIVE_CHARACTERS} characters")
    seed = parameters.get("seed")
    if seed is not None and not (isinstance(seed, int) and 0 <= seed < SEED_END):
        raise invalid(f"Range of seed should be [0, {SEED_END - 1}]")


def _count(parameters: dict[str, Any], model: ImageModel) -> int:
    most = SEQUENCE if parameters.get("enable_sequential") else model.n
    count = parameters.get("n", 1)
    if not isinstance(count, int) or not 1 <= count <= most:
        raise invalid("num_images_per_prompt must be 1." if most == 1 else f"n must be between 1 and {most}.")
    return count


def _made(call: Call, wanted: Wanted, chosen: Cue) -> list[str]:
    """The addresses of the pictures, without the first of several when a part fails; names hold request and seed."""
    width, height = wanted.size
    failed = 1 if chosen.scenario == "task_partial" and wanted.n > 1 else 0
    seed = wanted.parameters.get("seed") or 0
    names = [f"{call.id}{seed + number}.png" for number in range(failed, wanted.n)]
    return [publish(call, picture(name, height, width), name) for name in names]


def _choices(wanted: Wanted, urls: list[str]) -> Iterator[dict[str, Any]]:
    """One choice with all pictures, or one for each: the families differ."""
    wan = wanted.model.startswith("wan")
    items = [{"type": "image", "image": url} if wan else {"image": url} for url in urls]
    extra: dict[str, Any] = {}
    if wanted.model == "z-image-turbo" and wanted.parameters.get("prompt_extend"):
        items, extra = [*items, {"text": wanted.prompt}], {"reasoning_content": ""}
    for content in [[item] for item in items] if wan else [items]:
        yield {"finish_reason": "stop", "message": {"role": "assistant", "content": content, **extra}}


def _usage(wanted: Wanted, count: int) -> dict[str, Any]:
    width, height = wanted.size
    if wanted.model.startswith("wan"):
        return {"size": f"{width}*{height}", "image_count": count}
    return {"width": width, "height": height, "image_count": count}


def _finished(wanted: Wanted, urls: list[str]) -> dict[str, Any]:
    return {"choices": list(_choices(wanted, urls)), "finished": True}


def _results(wanted: Wanted, urls: list[str]) -> dict[str, Any]:
    """The pictures as a list; a part of them may have failed, and then the whole has succeeded nevertheless."""
    told = {"orig_prompt": wanted.prompt, "actual_prompt": wanted.prompt}
    failed = [{"code": faults.BAD_OUTPUT.code, "message": faults.BAD_OUTPUT.message}] * (wanted.n - len(urls))
    return {"results": [*failed, *({**told, "url": url} for url in urls)], "task_metrics": _counts(wanted, urls)}


def _counts(wanted: Wanted, urls: list[str]) -> dict[str, int]:
    return {"TOTAL": wanted.n, "SUCCEEDED": len(urls), "FAILED": wanted.n - len(urls)}


ROUTES: tuple[Route, ...] = (
    Route("POST", MULTIMODAL, answering(multimodal)),
    Route("GET", MULTIMODAL, answering(chat.wrong_method)),
    Route("POST", "/api/v1/services/aigc/text2image/image-synthesis", as_task("text2image")),
    Route("POST", "/api/v1/services/aigc/image-generation/generation", as_task("image-generation")),
    Route("POST", "/api/v1/services/aigc/image2image/image-synthesis", as_task("image2image")),
)
