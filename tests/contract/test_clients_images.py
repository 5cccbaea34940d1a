"""Pictures through foreign clients: the official openai package, and betterproto2 over grpclib."""

import base64
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import BadRequestError
from openai_parts import asking, client_of, completions
from support import House
from typed_calls import client_to, failure

from qwen_grpc.client import RequestRefused
from qwen_grpc.simulator.renderings import picture
from qwen_grpc.typed.qwen.v1 import (
    EditImagesRequest,
    GenerateImagesRequest,
    ImageFormat,
    ImageOptions,
    Media,
)

CAT, DOG = picture("cat", 8, 8).head, picture("dog", 8, 8).head
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def sent_files(house: House) -> list[str]:
    """The names of the images in the one turn that was asked for."""
    (turn,) = [request.json for request in house.simulator.requests if request.path == "/api/v2/chat/completions"]
    return [file["name"] for file in turn["messages"][0]["files"]]


async def content_at(url: str) -> bytes:
    async with httpx.AsyncClient() as http:
        return (await http.get(url)).content


@pytest.mark.asyncio
async def test_the_openai_package_generates_a_picture(house: House) -> None:
    async with client_of(house) as client:
        made = await client.images.generate(prompt="a fox", model="qwen-max", size="1792x1024", n=2)
    urls = [image.url or "" for image in made.data or []]
    assert [(await content_at(url))[:8] for url in urls] == [SIGNATURE] * 2
    assert made.created > 1_700_000_000


@pytest.mark.asyncio
async def test_the_openai_package_gets_the_content_itself(house: House) -> None:
    async with client_of(house) as client:
        made = await client.images.generate(prompt="a fox", response_format="b64_json")
    (image,) = made.data or []
    assert (image.url, base64.b64decode(image.b64_json or "")[:8]) == (None, SIGNATURE)


@pytest.mark.asyncio
async def test_the_openai_package_edits_a_file(house: House, tmp_path: Path) -> None:
    file = tmp_path / "cat.png"
    file.write_bytes(CAT)
    async with client_of(house) as client:
        made = await client.images.edit(image=file, prompt="make it blue")
    assert [image.url for image in made.data or []] != []
    assert sent_files(house) == ["cat.png"]


@pytest.mark.asyncio
@pytest.mark.parametrize("image", [CAT, io.BytesIO(CAT), ("cat", CAT), ("cat.png", CAT, "image/png")])
async def test_the_openai_package_edits_an_image_in_any_form(house: House, image: Any) -> None:
    if isinstance(image, io.BytesIO):
        image = io.BytesIO(CAT)
    async with client_of(house) as client:
        made = await client.images.edit(image=image, prompt="make it blue", response_format="b64_json")
    assert [base64.b64decode(entry.b64_json or "")[:8] for entry in made.data or []] == [SIGNATURE]


@pytest.mark.asyncio
async def test_the_openai_package_edits_several_images(house: House) -> None:
    async with client_of(house) as client:
        await client.images.edit(image=[("cat.png", CAT), ("dog.png", DOG)], prompt="put them together")
    assert sent_files(house) == ["cat.png", "dog.png"]


@pytest.mark.asyncio
async def test_the_openai_package_is_told_which_argument_is_wrong(house: House) -> None:
    async with client_of(house) as client:
        with pytest.raises(BadRequestError) as size:
            await client.images.generate(prompt="a fox", size="256x256")
        with pytest.raises(BadRequestError) as mask:
            await client.images.edit(image=CAT, mask=DOG, prompt="make it blue")
        with pytest.raises(BadRequestError) as stream:
            await client.images.generate(prompt="a fox", stream=True)
    assert [failure.value.param for failure in (size, mask, stream)] == ["size", "mask", "stream"]
    assert completions(house.simulator) == 0


@pytest.mark.asyncio
async def test_the_openai_package_finds_the_picture_of_a_chat(house: House) -> None:
    async with client_of(house) as client:
        completion = await client.chat.completions.create(**asking("a fox", "qwen-max-image"))
    message = completion.choices[0].message
    (part,) = (message.model_extra or {})["images"]
    assert message.content == f"![a fox]({part['image_url']['url']})"


@pytest.mark.asyncio
async def test_the_typed_client_generates_and_edits(house: House) -> None:
    options = ImageOptions(size="3:4", format=ImageFormat.DATA)
    async with client_to(house) as qwen:
        made = await qwen.generate_images(GenerateImagesRequest(prompt="a fox", options=options))
        (first,) = made.images
        given = Media(data=first.data, mime_type=first.mime_type, filename="fox.png")
        changed = await qwen.edit_images(EditImagesRequest(prompt="make it blue", images=[given]))
    assert ((first.data or b"")[:8], first.mime_type, first.url) == (SIGNATURE, "image/png", None)
    assert [(await content_at(image.url or ""))[:8] for image in changed.images] == [SIGNATURE]


@pytest.mark.asyncio
async def test_the_typed_client_learns_why(house: House) -> None:
    async with client_to(house) as qwen:
        error = await failure(qwen.generate_images(GenerateImagesRequest(prompt="a fox", options=ImageOptions(n=5))))
    assert (type(error), error.reason, error.message) == (
        RequestRefused,
        "UNSUPPORTED",
        "n is 5: at most 4 images are made in one call with qwen3.7-plus",
    )
