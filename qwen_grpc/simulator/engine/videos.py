"""Videos of engines with diffusion models: handed in, asked after, fetched and removed."""

from __future__ import annotations

from typing import Any

from qwen_grpc.simulator.engine.call import Call, cue, ok, routes
from qwen_grpc.simulator.engine.faults import Fault, Refused
from qwen_grpc.simulator.engine.forms import MAKERS, Form, form_of
from qwen_grpc.simulator.engine.state import Clip
from qwen_grpc.simulator.outputs import deliver
from qwen_grpc.simulator.renderings import video
from qwen_grpc.simulator.replies import Answer
from qwen_grpc.simulator.routes import Route

PATH = "/v1/videos"
USUAL_SIZE = "1280x720"
PROGRESS = {"queued": 0, "in_progress": 50, "completed": 100}
ODD_STATUS = "levitating"
FAILURE = "The video could not be made."


async def create(call: Call) -> Answer | None:
    """Hand a video in. `video_no_id` answers like a success and forgets to say which."""
    form = form_of(call)
    chosen, prompt = await cue(call, form.prompt)
    clip = _begun(call, form, prompt)
    clip.scenario = chosen.scenario
    # The N of `[[sim:NAME:N]]` is how many polls find it in the making.
    clip.running_polls = chosen.count or clip.running_polls
    call.engines.created[call.dialect.word] += 1
    call.engines.clips[clip.id] = clip
    told = told_of(call, clip)
    return ok(call, {**told, "id": ""} if chosen.scenario == "video_no_id" else told)


def _begun(call: Call, form: Form, prompt: str) -> Clip:
    width, height = form.pixels(USUAL_SIZE)
    prefix = {"vllm": "video_gen_", "generic": "video_"}.get(call.dialect.word, "")
    return Clip(
        id=f"{prefix}{call.id}",
        engine=call.dialect.word,
        model=call.model(form.fields.get("model"), "videos"),
        prompt=prompt,
        size=f"{width}x{height}",
        seconds=str(form.number("seconds", 4)),
        scenario="",
        created_at=call.now,
        queued_polls=call.behaviour.queued_polls,
        running_polls=call.behaviour.running_polls,
        picture=next(iter(form.files_of("input_reference")), ""),
    )


async def list_page(call: Call) -> Answer | None:
    """The videos, newest first unless told otherwise."""
    await cue(call, "")
    args = call.request.args
    clips = [clip for clip in call.engines.clips.values() if clip.engine == call.dialect.word]
    clips = clips if args.get("order") == "asc" else clips[::-1]
    ids = [clip.id for clip in clips]
    start = ids.index(args.get("after")) + 1 if args.get("after") in ids else 0
    page = clips[start : start + int(args.get("limit", "20"))]
    rows = [told_of(call, clip) for clip in page]
    if call.dialect.word == "sglang":
        return ok(call, {"data": rows, "object": "list"})
    ends = {"first_id": page[0].id if page else None, "last_id": page[-1].id if page else None}
    return ok(call, {**ends, "has_more": start + len(page) < len(clips), "data": rows, "object": "list"})


async def retrieve(call: Call, clip_id: str) -> Answer | None:
    """How far a video is; to ask moves it on."""
    await cue(call, "")
    clip = _known(call, clip_id)
    clip.polls += 1
    if clip.scenario == "video_gone" and clip.polls > 1:
        del call.engines.clips[clip.id]
        raise _unknown()
    return ok(call, told_of(call, clip))


async def remove(call: Call, clip_id: str) -> Answer | None:
    """Forget a video."""
    await cue(call, "")
    clip = _known(call, clip_id)
    del call.engines.clips[clip.id]
    if call.dialect.word == "sglang":
        return ok(call, {**told_of(call, clip), "status": "deleted"})
    return ok(call, {"id": clip.id, "deleted": True, "object": "video.deleted"})


async def content(call: Call, clip_id: str) -> Answer | None:
    """The bytes of a video that is made."""
    await cue(call, "")
    clip = _known(call, clip_id)
    if clip.status != "completed":
        raise Refused(Fault(404, "Generation is still in-progress", media=True))
    made = video(clip.id, call.behaviour.video_bytes)
    return await deliver(call.simulator, call.request, made, server=call.dialect.server)


def _known(call: Call, clip_id: str) -> Clip:
    clip = call.engines.clips.get(clip_id)
    if clip is None or clip.engine != call.dialect.word:
        raise _unknown()
    return clip


def _unknown() -> Refused:
    return Refused(Fault(404, "Video not found", media=True))


def told_of(call: Call, clip: Clip) -> dict[str, Any]:
    """A video as the engine tells of it."""
    status = ODD_STATUS if clip.scenario == "video_odd" else clip.status
    error = {"code": "generation_failed", "message": FAILURE} if status == "failed" else None
    done = clip.created_at + 1 if status == "completed" else None
    told = {"id": clip.id, "object": "video", "model": clip.model, "status": status}
    made = {"progress": PROGRESS.get(status, 0), "size": clip.size, "seconds": clip.seconds, "error": error}
    times = {"created_at": clip.created_at, "completed_at": done, "expires_at": None, "remixed_from_video_id": None}
    return {**told, **made, **times, **_more(call, clip)}


def _more(call: Call, clip: Clip) -> dict[str, Any]:
    match call.dialect.word:
        case "sglang":
            file = {"url": None, "file_path": f"outputs/{clip.id}.mp4"}
            return {"quality": "standard", **file, "peak_memory_mb": None, "inference_time_s": None}
        case "vllm":
            file = {"media_type": "video/mp4", "file_name": None, "inference_time_s": None}
            return {"prompt": clip.prompt, "quality": "default", **file, "stage_durations": {}, "peak_memory_mb": 0.0}
        case _:
            return {"prompt": clip.prompt}


ROUTES: tuple[Route, ...] = (
    *routes("POST", PATH, create, MAKERS),
    *routes("GET", PATH, list_page, MAKERS),
    *routes("GET", f"{PATH}/<clip_id:str>", retrieve, MAKERS),
    *routes("DELETE", f"{PATH}/<clip_id:str>", remove, MAKERS),
    *routes("GET", f"{PATH}/<clip_id:str>/content", content, MAKERS),
)
