"""VideosService."""

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from qwen_grpc.calls import Context, announce
from qwen_grpc.catalog import Mode, ResolvedModel
from qwen_grpc.credentials import Credentials
from qwen_grpc.errors import InvalidParameter, JobExpired, NotFound, Unsupported
from qwen_grpc.ledger import Job, Jobs, State
from qwen_grpc.ledger.jobs import Wanted
from qwen_grpc.routing.callers import Caller
from qwen_grpc.routing.journey import Wish
from qwen_grpc.routing.lanes import Use
from qwen_grpc.routing.router import Router
from qwen_grpc.services.caller import caller
from qwen_grpc.services.checks import members
from qwen_grpc.services.jobs import STATES, Cadence, Desk, Order
from qwen_grpc.services.media import Media
from qwen_grpc.services.once import Done, Once, check_key, key_of
from qwen_grpc.upstreams.base import Attachment, Download, Scene, Upstream
from qwen_grpc.upstreams.kinds import IMAGE
from qwen_grpc.v1 import videos_pb2 as pb
from qwen_grpc.v1.models_pb2 import CAPABILITY_VIDEO_GENERATION
from qwen_grpc.v1.videos_pb2_grpc import VideosServiceServicer

MAX_PROMPT = 32_000
PAGE, MAX_PAGE = 20, 100
PIECE_BYTES = 256 * 1024
MAX_SEED = (1 << 31) - 1


class VideosService(VideosServiceServicer):
    """Clips as jobs in the ledger, each its owner's alone."""

    def __init__(self, router: Router, once: Once, jobs: Jobs, media: Media, cadence: Cadence | None = None) -> None:
        self._router = router
        self._once = once
        self._owners = once.owners
        self._jobs = jobs
        self._media = media
        self._desk = Desk(router, jobs, cadence or Cadence())

    async def close(self) -> None:
        """Ends the work that belongs to no call; what is unfinished goes on in the next life."""
        await self._desk.close()

    async def CreateVideo(self, request: pb.CreateVideoRequest, context: Context) -> pb.CreateVideoResponse:
        """Starts a job, once for one request id, on the lane that is best now: an order is never moved to another."""
        check_create(request)
        request_id = key_of(context) or request.request_id
        who = caller(context, self._router)
        owner = await self._owners.of(who)
        passage = await self._router.journey(who, request.model, Wish(Use.VIDEO), _filming).next()
        lane, model = passage.stop.lane, passage.stop.model
        wanted = Wanted(
            owner, lane.upstream.name, lane.label, model.id, request.prompt, request.size, request_id,
            _hash(request),
        )  # fmt: skip

        async def submit() -> str:
            with passage.for_good():
                images = [(_path(at), image) for at, image in enumerate(request.images)]
                attached = await self._media.attach(images, lane, who, kind=IMAGE)
                return await lane.upstream.create_video(_scene(request, attached), model, lane.credentials)

        job = await self._desk.begin(Order(wanted, _asking(who), submit, has_picture=bool(request.images)))
        await announce(context, model=model.id, upstream=lane.upstream.name)
        return pb.CreateVideoResponse(video=self._shown(job))

    async def GetVideo(self, request: pb.GetVideoRequest, context: Context) -> pb.GetVideoResponse:
        """A job as it is; from now on it is asked after with this caller's credential."""
        job, credentials = await self._own(request.video_id, context)
        video = self._shown(job)
        self._desk.resume(job, credentials)
        return pb.GetVideoResponse(video=video)

    async def WatchVideo(
        self, request: pb.WatchVideoRequest, context: Context
    ) -> AsyncGenerator[pb.WatchVideoResponse, None]:
        """The job now and after every change."""
        job, credentials = await self._own(request.video_id, context)
        video = self._shown(job)
        self._desk.resume(job, credentials)
        if job.revision > request.after_revision:
            yield pb.WatchVideoResponse(video=video)
        async with aclosing(self._desk.watch(job, max(job.revision, request.after_revision))) as changes:
            async for later in changes:
                yield pb.WatchVideoResponse(video=self._shown(later))

    async def ListVideos(self, request: pb.ListVideosRequest, context: Context) -> pb.ListVideosResponse:
        """The jobs of the caller's account, newest first; those that wait for their owner go on."""
        size = _page_size(request.page_size)
        owner, credentials = await self._owner(context)
        found = await self._listed(owner, request, size + 1)
        page = found[:size]
        videos = [self._shown(job) for job in page]
        for job in page:
            self._desk.resume(job, credentials)
        return pb.ListVideosResponse(videos=videos, next_page_token=page[-1].id if len(found) > size else "")

    async def CancelVideo(self, request: pb.CancelVideoRequest, context: Context) -> pb.CancelVideoResponse:
        """Stops a job where the upstream can; does nothing to a finished one."""
        job, credentials = await self._own(request.video_id, context)
        if not job.state.final:
            job = await self._desk.cancel(job, credentials)
        return pb.CancelVideoResponse(video=self._shown(job))

    async def DeleteVideo(self, request: pb.DeleteVideoRequest, context: Context) -> pb.DeleteVideoResponse:
        """Forgets a job."""

        async def work() -> Done[pb.DeleteVideoResponse]:
            try:
                job, _ = await self._own(request.video_id, context)
                await self._desk.delete(job)
            except NotFound:
                if not request.allow_missing:
                    raise
            return Done(pb.DeleteVideoResponse())

        return await self._once.call(request, context, caller(context, self._router), work, pb.DeleteVideoResponse)

    async def DownloadVideo(
        self, request: pb.DownloadVideoRequest, context: Context
    ) -> AsyncGenerator[pb.DownloadVideoResponse, None]:
        """The content, from the upstream's own hosts: a header, then data."""
        check_download(request)
        job, credentials = await self._own(request.video_id, context)
        _check_content(job, request.index)
        lane = self._router.caller(credentials).lane(job.upstream, job.lane)
        part = {"offset": request.offset, "limit": request.limit}
        try:
            async with lane.upstream.download(job.url, **part, credentials=lane.credentials) as download:
                yield pb.DownloadVideoResponse(header=_header(job, download))
                async for chunk in download.chunks:
                    for piece in _pieces(chunk):
                        yield pb.DownloadVideoResponse(data=piece)
        except JobExpired as error:
            await self._jobs.change(job.id, state=State.EXPIRED, reason=error.reason, message=error.message)
            raise

    # -- whose it is ----------------------------------------------------------------------------------------------

    async def _own(self, video_id: str, context: Context) -> tuple[Job, Credentials]:
        if not video_id:
            raise InvalidParameter("video_id is missing: name a job that ListVideos lists", field="video_id")
        owner, credentials = await self._owner(context)
        return await self._jobs.get(owner, video_id), credentials

    async def _owner(self, context: Context) -> tuple[str, Credentials]:
        await self._desk.recover()
        who = caller(context, self._router)
        return await self._owners.of(who), _asking(who)

    # -- how it is shown ------------------------------------------------------------------------------------------

    async def _listed(self, owner: str, request: pb.ListVideosRequest, count: int) -> list[Job]:
        """The first jobs behind the page token whose state is wanted."""
        wanted, found, after = set(request.states), list[Job](), request.page_token
        if after:
            await self._check_token(owner, after)
        states = [state for state in State if not wanted or wanted & {STATES[state], pb.VIDEO_STATE_WAITING_FOR_OWNER}]
        while len(found) < count:
            batch = await self._jobs.page(owner, states if wanted else (), after, count)
            found += [job for job in batch if not wanted or self._desk.state_of(job) in wanted]
            if len(batch) < count:
                break
            after = batch[-1].id
        return found[:count]

    async def _check_token(self, owner: str, token: str) -> None:
        try:
            await self._jobs.get(owner, token)
        except NotFound:
            text = "page_token is not one that ListVideos gave, or its job was deleted: begin with the first page"
            raise InvalidParameter(text, field="page_token") from None

    def _shown(self, job: Job) -> pb.Video:
        return shown(job, self._desk.state_of(job))


def shown(job: Job, state: pb.VideoState) -> pb.Video:
    """A job as its owner sees it."""
    video = pb.Video(id=job.id, state=state, model=job.model, prompt=job.prompt, size=job.size, revision=job.revision)
    video.create_time.FromMilliseconds(int(job.created_at * 1000))
    if job.completed_at is not None:
        video.complete_time.FromMilliseconds(int(job.completed_at * 1000))
    if job.expires_at is not None:
        video.expire_time.FromMilliseconds(int(job.expires_at * 1000))
    if job.reason:
        video.error.reason, video.error.message = job.reason, job.message
    if job.state is State.SUCCEEDED:
        video.progress = 100
        video.contents.add(url=job.url)
    return video


def check_create(request: pb.CreateVideoRequest) -> None:
    """Raises `InvalidParameter` with the name of the first field that is wrong."""
    seconds, seed = request.seconds, request.seed
    for holds, field, otherwise in (
        (request.prompt.strip(), "prompt", "prompt is missing: say what the clip shall show"),
        (len(request.prompt) <= MAX_PROMPT, "prompt", f"prompt has more than {MAX_PROMPT} characters"),
        (not request.HasField("seconds") or 0 < seconds <= 3600, "seconds", "seconds is outside of 0 to 3600"),
        (0 <= seed <= MAX_SEED, "seed", f"seed is {seed}: expected 0 to {MAX_SEED}"),
    ):
        if not holds:
            raise InvalidParameter(otherwise, field=field)
    if request.request_id:
        check_key(request.request_id, "request_id")


def check_download(request: pb.DownloadVideoRequest) -> None:
    """Raises `InvalidParameter` for a part that no content can have."""
    for field in ("offset", "limit"):
        if getattr(request, field) < 0:
            raise InvalidParameter(f"{field} is {getattr(request, field)}: expected 0 or more", field=field)


def _check_content(job: Job, index: int) -> None:
    if job.state is State.EXPIRED:
        raise JobExpired(job.message)
    if job.state is not State.SUCCEEDED:
        word = job.state.value.lower().replace("_", " ")
        raise InvalidParameter(f"this job has no content: its state is {word}", field="video_id")
    if index != 0:
        raise InvalidParameter(f"index is {index}: this job has one content, index 0", field="index")


async def _filming(upstream: Upstream, name: str, credentials: Credentials) -> ResolvedModel:
    """The model of a caller's choice, or the first that makes clips."""
    if not name:
        models: Sequence[str] = [
            model.id
            for model in (await upstream.list_models(credentials)).models
            if CAPABILITY_VIDEO_GENERATION in model.capabilities
        ]
        if not models:
            raise Unsupported(f"{upstream.name} offers no model that makes videos", field="model")
        name = models[0] + Mode.VIDEO.value
    model = await upstream.resolve(name, credentials)
    if model.mode not in (Mode.CHAT, Mode.VIDEO) or CAPABILITY_VIDEO_GENERATION not in model.base.capabilities:
        raise Unsupported(f"the model {name!r} makes no videos", field="model")
    return model


def _asking(who: Caller) -> Credentials:
    """What a job is asked after with: the owner is known, so there is one."""
    assert who.credentials is not None
    return who.credentials


def _scene(request: pb.CreateVideoRequest, images: Sequence[Attachment]) -> Scene:
    return Scene(
        request.prompt,
        request.size,
        images,
        seconds=request.seconds if request.HasField("seconds") else None,
        seed=request.seed if request.HasField("seed") else None,
        extra=members(request.extra_json),
    )


def _page_size(asked: int) -> int:
    if not 0 <= asked <= MAX_PAGE:
        raise InvalidParameter(f"page_size is {asked}: expected 0 to {MAX_PAGE}", field="page_size")
    return asked or PAGE


def _path(at: int) -> str:
    # OpenAI's JSON knows one picture, under this name.
    return "input_reference" if at == 0 else f"images[{at}]"


def _hash(request: pb.CreateVideoRequest) -> str:
    """What tells requests apart that come under one request id."""
    told = pb.CreateVideoRequest()
    told.CopyFrom(request)
    told.ClearField("request_id")
    return hashlib.sha256(told.SerializeToString(deterministic=True)).hexdigest()


def _header(job: Job, download: Download) -> pb.DownloadHeader:
    return pb.DownloadHeader(
        mime_type=download.mime_type, size_bytes=download.size_bytes, filename=f"{job.id}.mp4", etag=download.etag
    )


def _pieces(chunk: bytes) -> list[bytes]:
    return [chunk[at : at + PIECE_BYTES] for at in range(0, len(chunk), PIECE_BYTES)]
