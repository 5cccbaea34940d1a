"""Asks a house for pictures, over gRPC and over REST."""

import base64
from typing import Any
from urllib.parse import unquote

import grpc
import httpx
from google.protobuf.json_format import ParseDict
from google.rpc.error_details_pb2 import BadRequest
from grpc_status import rpc_status
from support import House, bearer
from upstream_record import reason_of, removals, until

from qwen_grpc.simulator import Arrived, Simulator
from qwen_grpc.simulator.renderings import PICTURE_HW, picture
from qwen_grpc.v1.images_pb2 import (
    EditImagesRequest,
    EditImagesResponse,
    GenerateImagesRequest,
    GenerateImagesResponse,
    ImageOptions,
)
from qwen_grpc.v1.images_pb2_grpc import ImagesServiceStub

PNG = picture("a cat", 8, 8).head
DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


def generating(house: House, prompt: str = "a fox", model: str = "", **options: Any) -> Any:
    """The call, which may be awaited or cancelled. Options are those of the proto, in its JSON form."""
    request = GenerateImagesRequest(model=model, prompt=prompt, options=ParseDict(options, ImageOptions()))
    stub: Any = ImagesServiceStub(house.channel)
    return stub.GenerateImages(request, metadata=tuple(bearer().items()))


async def generated(house: House, prompt: str = "a fox", model: str = "", **options: Any) -> GenerateImagesResponse:
    answer: GenerateImagesResponse = await generating(house, prompt, model, **options)
    return answer


def editing(house: House, request: EditImagesRequest) -> Any:
    stub: Any = ImagesServiceStub(house.channel)
    return stub.EditImages(request, metadata=tuple(bearer().items()))


async def edited(house: House, prompt: str = "make it blue", *images: bytes, **options: Any) -> EditImagesResponse:
    request = EditImagesRequest(prompt=prompt, options=ParseDict(options, ImageOptions()))
    for image in images or (PNG,):
        request.images.add(data=image, mime_type="image/png", filename="cat.png")
    answer: EditImagesResponse = await editing(house, request)
    return answer


async def posted(house: House, path: str, **body: Any) -> httpx.Response:
    return await house.http.post(f"/v1/images/{path}", json=body, headers=bearer())


def error_of(reply: httpx.Response) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["param"]


def fetched(simulator: Simulator) -> list[Arrived]:
    """The downloads of results."""
    return [request for request in simulator.requests if request.path.startswith("/output/")]


def bytes_behind(request: Arrived, ratio: str = "1:1") -> bytes:
    """What the simulator delivers at the address of a download."""
    return picture(unquote(request.path.removeprefix("/output/")), *PICTURE_HW[ratio]).head


async def tidied(house: House, count: int = 1) -> None:
    """Waits until so many chats were removed, and checks that nothing of them is left."""
    await until(lambda: len(removals(house.simulator)) == count)
    await until(lambda: house.simulator.chats == {})


async def named(call: Any) -> tuple[str, str]:
    """The reason of a failure, and the one field that it names."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
        wrong = BadRequest()
        assert status is not None
        assert any(part.Unpack(wrong) for part in status.details), status
        (violation,) = wrong.field_violations
        return reason_of(error), violation.field
    raise AssertionError("the call did not fail")
