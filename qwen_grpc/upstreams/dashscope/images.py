"""Pictures: made while the caller waits, or as a task that is asked after."""

from collections.abc import Callable, Iterator, Sequence

from qwen_grpc.catalog import ResolvedModel
from qwen_grpc.credentials import ApiKey
from qwen_grpc.errors import QwenError, UpstreamError
from qwen_grpc.upstreams.base import Picture, Scene
from qwen_grpc.upstreams.dashscope.extras import unsent_notice
from qwen_grpc.upstreams.dashscope.image_models import ImageModel, image_model
from qwen_grpc.upstreams.dashscope.image_requests import check_scene, encode_images
from qwen_grpc.upstreams.dashscope.media import MediaInput
from qwen_grpc.upstreams.dashscope.native import Native
from qwen_grpc.upstreams.dashscope.origin import DashScopeOrigin
from qwen_grpc.upstreams.dashscope.tasks import Answered, Choice, Output, Result, Tasks, failure, refused


class Images:
    """Makes and edits pictures. `patient` is a connection whose clock allows for the making of one.

    `tell` lets the caller know what of a request was not sent.
    """

    def __init__(self, patient: Native, tasks: Tasks, media: MediaInput, tell: Callable[[str], None]) -> None:
        self._patient = patient
        self._tasks = tasks
        self._media = media
        self._tell = tell

    def at_once(self, model: ResolvedModel) -> int:
        """See `Upstream.images_at_once`."""
        return image_model(model.id).at_once

    async def make(self, scene: Scene, model: ResolvedModel, key: ApiKey) -> Sequence[Picture]:
        """See `Upstream.make_images`. A caller that leaves takes a task along that has not begun."""
        row = image_model(model.id)
        check_scene(scene, row)
        urls = [await self._media.url(image, model.id, key, f"images[{at}]") for at, image in enumerate(scene.images)]
        body, unsent = encode_images(scene, row, model.id, urls)
        if unsent:
            self._tell(unsent_notice(unsent, model.id))
        return pictures_in(await self._made(body, row, key), scene.count, self._patient.origin)

    async def _made(self, body: object, row: ImageModel, key: ApiKey) -> Output:
        if row.protocol.waits:
            answer = await self._patient.post(row.protocol.path, key, Answered, body)
            return answer.output or Output()
        task_id = await self._tasks.submit(row.protocol.path, body, key)
        output = await self._tasks.ended(task_id, key)
        if output.task_status != "SUCCEEDED":
            raise failure(output, self._patient.origin)
        return output


def pictures_in(output: Output, asked: int, origin: DashScopeOrigin) -> Sequence[Picture]:
    """The pictures that were made. Raises why one is missing: a short list would look like success."""
    results = output.results if isinstance(output.results, list) else []
    pictures = [*_shown(output.choices or ()), *_made(results)]
    if output.image_url:
        pictures.append(Picture(output.image_url))
    if len(pictures) >= asked:
        return pictures[:asked]
    raise _too_few(len(pictures), asked, _why(results, origin))


def _shown(choices: Sequence[Choice]) -> Iterator[Picture]:
    """The pictures in messages; words beside them are the prompt as it was rewritten."""
    for choice in choices:
        content = choice.message.content
        items = content if isinstance(content, list) else []
        words = "".join(item.text or "" for item in items)
        yield from (Picture(item.image, revised_prompt=words) for item in items if item.image)


def _made(results: Sequence[Result]) -> Iterator[Picture]:
    for result in results:
        if result.url:
            yield Picture(result.url, revised_prompt=result.actual_prompt or "")


def _why(results: Sequence[Result], origin: DashScopeOrigin) -> QwenError:
    failed = next((result for result in results if result.code), None)
    if failed is None:
        return UpstreamError(f"{origin.name} made fewer images than asked for, and did not say why")
    return refused(failed.code or "", failed.message or "", origin)


def _too_few(made: int, asked: int, error: QwenError) -> QwenError:
    if made:
        error.message = f"{error.message}; {made} of {asked} images were made and are not returned"
        # A blind retry would make, and count, those again.
        error.facts["partial"] = "true"
    return error
