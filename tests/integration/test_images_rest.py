"""POST /v1/images/generations and /v1/images/edits."""

import base64
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest
from picture_calls import DATA_URL, PNG, bytes_behind, error_of, fetched, posted
from support import House, bearer, open_house
from upstream_record import sent

from qwen_grpc.simulator import Behaviour
from rest_shim.routes import ROUTES

BOUNDARY = "----of-the-form"


async def form(house: House, fields: dict[str, Any], files: list[tuple[str, Any]]) -> httpx.Response:
    """An edit as a form; all values are texts, as forms have no others."""
    return await house.http.post("/v1/images/edits", data=fields, files=files, headers=bearer())


async def raw_form(
    house: House, body: bytes, kind: str = f"multipart/form-data; boundary={BOUNDARY}"
) -> httpx.Response:
    headers = bearer() | {"content-type": kind}
    return await house.http.post("/v1/images/edits", content=body, headers=headers)


def file_names(house: House) -> list[list[str]]:
    return [[file["name"] for file in body["messages"][0]["files"]] for body in sent(house.simulator)]


@pytest.mark.asyncio
async def test_the_reply_has_the_shape_that_clients_know(house: House) -> None:
    before = int(time.time())
    reply = await posted(house, "generations", prompt="a fox", model="qwen-max", n=2, size="1024x1536")
    shown = reply.json()
    assert (reply.status_code, list(shown), [list(entry) for entry in shown["data"]]) == (
        200,
        ["created", "data"],
        [["url"], ["url"]],
    )
    assert before <= shown["created"] <= time.time()
    assert [body["size"] for body in sent(house.simulator)] == ["3:4"] * 2


@pytest.mark.asyncio
async def test_the_content_comes_as_base64(house: House) -> None:
    reply = await posted(house, "generations", prompt="a fox", response_format="b64_json")
    (entry,), (download,) = reply.json()["data"], fetched(house.simulator)
    assert list(entry) == ["b64_json", "mime_type"]
    assert (base64.b64decode(entry["b64_json"]), entry["mime_type"]) == (bytes_behind(download), "image/png")
    assert {"authorization", "cookie"}.isdisjoint(download.headers)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "status", "code", "param"),
    [
        ({"prompt": None}, 400, "missing_required_parameter", "prompt"),
        ({"prompt": ""}, 400, "missing_required_parameter", "prompt"),
        ({"prompt": 5}, 400, "invalid_type", "prompt"),
        ({"model": 5}, 400, "invalid_type", "model"),
        ({"model": "qwen-mega"}, 404, "model_not_found", None),
        ({"model": "qwen-max-thinking"}, 400, "unsupported_parameter", "model"),
        ({"n": "2"}, 400, "invalid_type", "n"),
        ({"n": 0}, 400, "invalid_parameter", "n"),
        ({"n": 5}, 400, "unsupported_parameter", "n"),
        ({"size": 5}, 400, "invalid_type", "size"),
        ({"size": "640x480"}, 400, "invalid_parameter", "size"),
        ({"response_format": "jpeg"}, 400, "invalid_value", "response_format"),
        ({"quality": 5}, 400, "invalid_type", "quality"),
        ({"stream": True}, 400, "unsupported_parameter", "stream"),
        ({"partial_images": 2}, 400, "unsupported_parameter", "partial_images"),
    ],
)
@pytest.mark.parametrize("path", ["generations", "edits"])
async def test_what_is_wrong_is_named(
    house: House, path: str, change: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    body = {"prompt": "a fox", "images": [{"image_url": DATA_URL}]} | change
    assert error_of(await posted(house, path, **body)) == (status, code, param)
    assert sent(house.simulator) == []


@pytest.mark.asyncio
async def test_members_that_the_site_does_not_have_are_taken_without_effect(house: House) -> None:
    words = {"quality": "hd", "style": "vivid", "background": "auto", "output_format": "png", "moderation": "low"}
    nothing = {"stream": False, "partial_images": 0, "n": None, "size": None, "response_format": None}
    reply = await posted(house, "generations", prompt="a fox", **words, **nothing)
    assert (reply.status_code, len(reply.json()["data"])) == (200, 1)


@pytest.mark.asyncio
async def test_an_edit_takes_addresses_and_ids_of_files(house: House) -> None:
    headers, files = bearer(), {"file": ("cat.png", PNG, "image/png")}
    uploaded = await house.http.post("/v1/files", data={"purpose": "vision"}, files=files, headers=headers)
    images = [{"image_url": DATA_URL}, {"image_url": {"url": DATA_URL}}, {"file_id": uploaded.json()["id"]}]
    reply = await posted(house, "edits", prompt="make it blue", images=images)
    assert reply.status_code == 200
    assert file_names(house) == [["image.png", "image.png", "cat.png"]]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"images": None}, "images"),
        ({"images": []}, "images"),
        ({"images": "x"}, "images"),
        ({"images": [{"image_url": DATA_URL}] * 6}, "images"),
        ({"images": ["x"]}, "images[0]"),
        ({"images": [{"image_url": DATA_URL}, {}]}, "images[1]"),
        ({"images": [{"file_id": ""}]}, "images[0]"),
        ({"images": [{"image_url": "data:image/png;base64,"}]}, "images[0]"),
        ({"images": [{"image_url": "data:text/plain;base64,aGVsbG8="}]}, "images[0]"),
        ({"mask": {"image_url": DATA_URL}}, "mask"),
        ({"mask": 5}, "mask"),
    ],
)
async def test_a_wrong_image_is_named(house: House, change: dict[str, Any], param: str) -> None:
    body = {"prompt": "make it blue", "images": [{"image_url": DATA_URL}]} | change
    status, _, named = error_of(await posted(house, "edits", **body))
    assert (status, named) == (400, param)
    assert (sent(house.simulator), house.simulator.files) == ([], {})


@pytest.mark.asyncio
@pytest.mark.parametrize(("name", "count"), [("image", 1), ("image", 2), ("image[]", 1), ("image[]", 5)])
async def test_a_form_has_one_image_or_several(house: House, name: str, count: int) -> None:
    files = [(name, (f"{at}.png", PNG, "image/png")) for at in range(count)]
    fields = {"prompt": "make it blue", "n": "2", "size": "16:9", "stream": "false", "response_format": "url"}
    reply = await form(house, fields, files)
    assert (reply.status_code, len(reply.json()["data"])) == (200, 2)
    assert file_names(house) == [[f"{at}.png" for at in range(count)]] * 2
    assert [body["size"] for body in sent(house.simulator)] == ["16:9"] * 2


@pytest.mark.asyncio
@pytest.mark.parametrize("told", [None, "application/octet-stream", "text/plain", "image/png"])
async def test_the_type_of_an_image_is_seen_when_it_is_not_told(house: House, told: str | None) -> None:
    file = ("cat", PNG) if told is None else ("cat", PNG, told)
    reply = await form(house, {"prompt": "make it blue"}, [("image", file)])
    assert reply.status_code == 200
    assert [file["file_type"] for file in sent(house.simulator)[0]["messages"][0]["files"]] == ["image/png"]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fields", "names", "param"),
    [
        ({}, ["image"], "prompt"),
        ({"prompt": "x"}, ["other"], "images"),
        ({"prompt": "x", "n": "many"}, ["image"], "n"),
        ({"prompt": "x", "n": "9"}, ["image"], "n"),
        ({"prompt": "x", "size": "0x0"}, ["image"], "size"),
        ({"prompt": "x", "response_format": "png"}, ["image"], "response_format"),
        ({"prompt": "x", "stream": "true"}, ["image"], "stream"),
        ({"prompt": "x", "partial_images": "1"}, ["image"], "partial_images"),
        ({"prompt": "x", "image": "text"}, ["image"], "image"),
        ({"prompt": "x"}, ["image", "mask"], "mask"),
    ],
)
async def test_what_is_wrong_in_a_form_is_named(
    house: House, fields: dict[str, str], names: list[str], param: str
) -> None:
    reply = await form(house, fields, [(name, ("cat.png", PNG, "image/png")) for name in names])
    status, _, named = error_of(reply)
    assert (status, named) == (400, param)
    assert sent(house.simulator) == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--" + BOUNDARY.encode(), f"multipart/form-data; boundary={BOUNDARY}"),
        (b"nothing like it", f"multipart/form-data; boundary={BOUNDARY}"),
        (b"x", "multipart/form-data"),
        (b"", f"multipart/form-data; boundary={BOUNDARY}"),
    ],
)
async def test_a_broken_form_is_a_400(house: House, body: bytes, kind: str) -> None:
    assert error_of(await raw_form(house, body, kind)) == (400, "invalid_form", None)


@pytest.mark.asyncio
async def test_a_form_of_too_many_parts_is_a_413(house: House) -> None:
    fields = {f"field{number}": "x" for number in range(40)}
    assert error_of(await form(house, fields, [("image", PNG)]))[:2] == (413, "request_too_large")


@pytest.mark.asyncio
async def test_an_edit_may_be_larger_than_other_bodies_up_to_its_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    smaller = tuple(replace(route, max_body=300_000) if route.max_body else route for route in ROUTES)
    monkeypatch.setattr("rest_shim.app.ROUTES", smaller)
    async with open_house(shim={"max_body": 100_000}) as house:
        larger = [("image", ("cat.png", PNG + bytes(200_000), "image/png"))]
        too_large = [("image", ("cat.png", PNG + bytes(400_000), "image/png"))]
        assert (await form(house, {"prompt": "make it blue"}, larger)).status_code == 200
        assert error_of(await form(house, {"prompt": "make it blue"}, too_large))[:2] == (413, "request_too_large")
        generation = await posted(house, "generations", prompt="x" * 200_000)
        assert error_of(generation)[:2] == (413, "request_too_large")


@pytest.mark.asyncio
async def test_a_used_up_quota_says_when_it_comes_back() -> None:
    async with open_house(Behaviour(quota={"t2i": 1}, quota_wait_h=3)) as house:
        reply = await posted(house, "generations", prompt="a fox", n=2)
        assert error_of(reply) == (429, "quota_exhausted", None)
        assert (reply.headers["retry-after"], reply.headers["x-should-retry"]) == (str(3 * 3600), "false")
        assert "1 of 2 images were made" in reply.json()["error"]["message"]


@pytest.mark.asyncio
async def test_a_challenge_is_told_as_one(house: House) -> None:
    reply = await posted(house, "generations", prompt="a fox [[sim:json_challenge]]")
    assert error_of(reply) == (403, "upstream_challenge", None)
    assert "punish" not in reply.text


@pytest.mark.asyncio
@pytest.mark.parametrize("path", ["generations", "edits"])
async def test_a_credential_is_needed(house: House, path: str) -> None:
    reply = await house.http.post(f"/v1/images/{path}", json={"prompt": "a fox", "images": [{"image_url": DATA_URL}]})
    assert error_of(reply) == (401, "invalid_api_key", None)


@pytest.mark.asyncio
async def test_variations_are_no_endpoint(house: House) -> None:
    assert error_of(await posted(house, "variations", prompt="a fox")) == (404, "unknown_url", None)
