"""POST and GET /v1/videos, GET and DELETE /v1/videos/{id}, and the blocking POST /v1/videos/generations."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
from sanic import HTTPResponse

from qwen_grpc.openai_json.codec import REQUESTS, RESPONSES
from qwen_grpc.openai_json.jsontext import dump
from qwen_grpc.openai_json.overrides_videos import STATUSES
from qwen_grpc.v1 import videos_pb2 as pb
from rest_shim import sse
from rest_shim.errors import REASONS, HttpError, bad_request, http_error
from rest_shim.exchange import Exchange, Json, answer
from rest_shim.pictures import picture

PAGE, MAX_PAGE = 20, 100
# What a client that polls should wait between two looks; the upstream is asked less often.
POLL_AFTER_MS = "5000"
# White space before a JSON value means nothing: clients skip it, proxies see that the line is alive.
HEARTBEAT = b"\n"
# As for streams: nobody on the way may collect it.
HEADERS = {name: value for name, value in sse.HEADERS.items() if name != "content-type"}
_FINAL = ("completed", "failed")
_PICTURE = "input_reference"


async def create_video(exchange: Exchange) -> HTTPResponse:
    """Starts a job, from JSON or from a form with a picture."""
    return _job(await _created(exchange, _form(exchange) if _is_form(exchange) else exchange.body))


async def list_videos(exchange: Exchange) -> HTTPResponse:
    """The caller's jobs. `?limit=`, `?after=` and `?order=asc` are understood."""
    args = exchange.request.args
    limit, after = _limit(args.get("limit")), args.get("after") or ""
    match args.get("order") or "desc":
        case "desc":
            request = pb.ListVideosRequest(page_size=limit, page_token=after)
            found = await exchange.call(exchange.stubs.videos.ListVideos, request)
            return _list(list(found.videos), has_more=bool(found.next_page_token))
        case "asc":
            videos = _behind(after, await _oldest_first(exchange))
            return _list(videos[:limit], has_more=len(videos) > limit)
        case _:
            raise bad_request("order", "Invalid value for 'order': expected asc or desc.", "invalid_value")


async def get_video(exchange: Exchange, video_id: str) -> HTTPResponse:
    """A job as it is."""
    found = await exchange.call(exchange.stubs.videos.GetVideo, pb.GetVideoRequest(video_id=video_id))
    return _job(found.video)


async def delete_video(exchange: Exchange, video_id: str) -> HTTPResponse:
    """Forgets a job."""
    await exchange.call(exchange.stubs.videos.DeleteVideo, pb.DeleteVideoRequest(video_id=video_id))
    return answer({"id": video_id, "object": "video.deleted", "deleted": True})


async def generate_video(exchange: Exchange) -> HTTPResponse | None:
    """Makes a clip and answers with its address when it is ready; with `"wait": false` at once, with the job.

    While the clip is made the answer begins with white space, one line every
    `heartbeat` seconds. A failure by then is an `error` object in the body of
    a 200, as the status has been sent; a disconnect does not end the job.
    """
    body = dict(exchange.body)
    wait, body = _wait(body), _generation(body)
    video = await _created(exchange, body)
    if not wait:
        return _job(video)
    async with _ended(exchange, video) as ended:
        await asyncio.wait({ended}, timeout=exchange.settings.early_headers)
        if ended.done():
            return answer(_made(ended.result()))
        await _beat_until(ended, exchange)
    return None


# -- creating -----------------------------------------------------------------------------------------------------


def read_order(body: Json) -> pb.CreateVideoRequest:
    """The request for a job. Raises for members that are missing or of the wrong type."""
    told = {name: value for name, value in body.items() if name != _PICTURE}
    REQUESTS.check(pb.CreateVideoRequest, told)
    message = REQUESTS.read(pb.CreateVideoRequest, told)
    if body.get(_PICTURE) is not None:
        message.images.append(picture(body[_PICTURE], _PICTURE))
    return message


async def _created(exchange: Exchange, body: Json) -> pb.Video:
    message = read_order(body)
    created = await exchange.call(exchange.stubs.videos.CreateVideo, message)
    video: pb.Video = created.video
    return video


def _is_form(exchange: Exchange) -> bool:
    return exchange.request.content_type.startswith("multipart/form-data")


def _form(exchange: Exchange) -> Json:
    """The members that a form holds; one picture may come as a file, or named by address or id."""
    request = exchange.request
    body: Json = {name: values[-1] for name, values in (request.form or {}).items()}
    for member in ("image_url", "file_id"):
        if text := body.pop(f"{_PICTURE}[{member}]", None):
            body[_PICTURE] = {member: text}
    files: Any = request.files or {}
    if file := files.get(_PICTURE):
        body[_PICTURE] = file
    return body


def _wait(body: Json) -> bool:
    wait = body.pop("wait", True)
    if not isinstance(wait, bool):
        raise bad_request("wait", "Invalid type for 'wait': expected a boolean.", "invalid_type")
    return wait


def _generation(body: Json) -> Json:
    """The request for a job: `image` is an address or a data: URL, and one clip is made at a time."""
    if body.pop("n", None) not in (None, 1):
        raise bad_request("n", "Invalid value for 'n': one clip is made at a time.", "invalid_value")
    image = body.pop("image", None)
    if isinstance(image, str) and image:
        image = {"image_url": image}
    return body if image is None else body | {_PICTURE: image}


# -- waiting ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _ended(exchange: Exchange, video: pb.Video) -> AsyncIterator["asyncio.Task[pb.Video]"]:
    """The job after its end, as a task; leaving ends the watching."""
    task = asyncio.create_task(_watched(exchange, video))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _watched(exchange: Exchange, video: pb.Video) -> pb.Video:
    request = pb.WatchVideoRequest(video_id=video.id)
    timeout = exchange.timeout
    async for change in exchange.stubs.videos.WatchVideo(request, metadata=exchange.metadata, timeout=timeout):
        video = change.video
    return video


async def _beat_until(ended: "asyncio.Task[pb.Video]", exchange: Exchange) -> None:
    response: Any = await exchange.request.respond(content_type="application/json", headers=HEADERS)
    while not ended.done():
        await response.send(HEARTBEAT)
        await asyncio.wait({ended}, timeout=exchange.settings.heartbeat)
    try:
        body = _made(ended.result())
    except grpc.aio.AioRpcError as error:
        body = http_error(error).body
    except HttpError as error:
        body = error.body
    await response.send(dump(body))
    await response.eof()


def _made(video: pb.Video) -> Json:
    """The addresses of a clip. Raises why there are none."""
    if video.state != pb.VIDEO_STATE_SUCCEEDED:
        # To send the request again would pay for another clip.
        row = replace(REASONS.get(video.error.reason, REASONS["UPSTREAM_ERROR"]), retry=False)
        raise HttpError(row, video.error.message or f"the job {video.id} ended without a clip")
    return {"created": video.complete_time.seconds, "data": [{"url": content.url} for content in video.contents]}


# -- showing ------------------------------------------------------------------------------------------------------


def _job(video: pb.Video) -> HTTPResponse:
    unfinished = STATUSES.get(video.state) not in _FINAL
    return answer(RESPONSES.write(video), headers={"openai-poll-after-ms": POLL_AFTER_MS} if unfinished else None)


def _list(videos: list[pb.Video], *, has_more: bool) -> HTTPResponse:
    ends = {"first_id": videos[0].id, "last_id": videos[-1].id} if videos else {"first_id": None, "last_id": None}
    data = [RESPONSES.write(video) for video in videos]
    return answer({"object": "list", "data": data, **ends, "has_more": has_more})


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_PAGE):
        raise bad_request("limit", f"Invalid value for 'limit': expected 1 to {MAX_PAGE}.", "invalid_value")
    return int(text)


async def _oldest_first(exchange: Exchange) -> list[pb.Video]:
    videos: list[pb.Video] = []
    request = pb.ListVideosRequest(page_size=MAX_PAGE)
    while True:
        found = await exchange.call(exchange.stubs.videos.ListVideos, request)
        videos += found.videos
        if not found.next_page_token:
            return videos[::-1]
        request = pb.ListVideosRequest(page_size=MAX_PAGE, page_token=found.next_page_token)


def _behind(after: str, videos: list[pb.Video]) -> list[pb.Video]:
    if not after:
        return videos
    at = next((at for at, video in enumerate(videos) if video.id == after), None)
    if at is None:
        raise bad_request("after", "Invalid value for 'after': expected the id of one of the videos.", "invalid_value")
    return videos[at + 1 :]
