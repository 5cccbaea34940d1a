"""The official openai package uploads, finds, lists and deletes files, and names them in messages."""

from typing import Any

import openai
import pytest
from openai_parts import client_of
from support import House, open_house

MIB = 1 << 20


@pytest.mark.asyncio
async def test_a_file_is_made_found_and_deleted(house: House) -> None:
    async with client_of(house) as client:
        made = await client.files.create(file=("notes.txt", b"words" * 100), purpose="user_data")
        found = await client.files.retrieve(made.id)
        gone = await client.files.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            await client.files.retrieve(made.id)

    assert found == made
    assert made.expires_at == made.created_at + 24 * 3600
    assert made.to_dict() | {"id": "?", "created_at": 0, "expires_at": 0} == {
        "id": "?",
        "object": "file",
        "bytes": 500,
        "created_at": 0,
        "expires_at": 0,
        "filename": "notes.txt",
        "purpose": "user_data",
        "status": "processed",
    }
    assert gone.to_dict() == {"id": made.id, "object": "file", "deleted": True}


@pytest.mark.asyncio
async def test_files_are_listed_page_by_page(house: House) -> None:
    async with client_of(house) as client:
        purposes: tuple[Any, ...] = ("vision", "user_data", "vision")
        ids = [(await client.files.create(file=("a.png", b"x"), purpose=purpose)).id for purpose in purposes]
        newest = [file.id async for file in client.files.list(limit=1)]
        oldest = [file.id async for file in client.files.list(limit=2, order="asc")]
        seen = [file.id async for file in client.files.list(purpose="vision")]
        after = await client.files.list(after=ids[1])
        with pytest.raises(openai.BadRequestError):
            await client.files.list(after="file-0")

    assert (newest, oldest, seen) == (ids[::-1], ids, [ids[2], ids[0]])
    assert ([file.id for file in after.data], after.has_more) == ([ids[0]], False)


@pytest.mark.asyncio
async def test_an_uploaded_document_is_asked_about(house: House) -> None:
    async with client_of(house) as client:
        made = await client.files.create(file=("paper.pdf", b"%PDF-1.7 words"), purpose="user_data")
        parts: Any = [{"type": "text", "text": "what?"}, {"type": "file", "file": {"file_id": made.id}}]
        answer = await client.chat.completions.create(model="qwen-max", messages=[{"role": "user", "content": parts}])

    assert answer.choices[0].message.content == "You sent: paper.pdf (file)\nYou said: what?"


@pytest.mark.asyncio
async def test_a_form_over_a_limit_is_refused_with_413(house: House) -> None:
    async with open_house(shim={"max_upload": 2 * MIB}) as small, client_of(small, max_retries=0) as client:
        with pytest.raises(openai.APIStatusError) as form:
            await client.files.create(file=("a.txt", bytes(3 * MIB)), purpose="user_data")
    async with client_of(house, max_retries=0) as client:
        with pytest.raises(openai.APIStatusError) as kind:
            await client.files.create(file=("a.txt", bytes(21 * MIB)), purpose="user_data")

    assert [(one.value.status_code, one.value.code) for one in (form, kind)] == [(413, "request_too_large")] * 2
    assert house.simulator.files == {}


BOUNDARY = {"content-type": "multipart/form-data; boundary=b"}
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nwords\r\n'
PURPOSE = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvision\r\n'
END = b"--b--\r\n"


@pytest.mark.asyncio
@pytest.mark.parametrize("content", [FILE + PURPOSE + END, PURPOSE + FILE + END])
async def test_the_fields_of_a_form_come_in_any_order(house: House, content: bytes) -> None:
    async with client_of(house) as client:
        reply = await house.http.post(
            "/v1/files", content=content, headers={**BOUNDARY, "authorization": f"Bearer {client.api_key}"}
        )

    assert (reply.json()["purpose"], reply.json()["bytes"], reply.json()["filename"]) == ("vision", 5, "a.txt")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("content", "headers", "error"),
    [
        (b"{}", {"content-type": "application/json"}, (400, "invalid_form", None)),
        (b"x", {"content-type": "multipart/form-data"}, (400, "invalid_form", None)),
        (FILE, BOUNDARY, (400, "invalid_form", None)),
        (b"", BOUNDARY, (400, "invalid_form", None)),
        (b"words", BOUNDARY, (400, "invalid_form", None)),
        (FILE + FILE + END, BOUNDARY, (400, "invalid_form", "file")),
        (PURPOSE + END, BOUNDARY, (400, "missing_required_parameter", "file")),
        (FILE.replace(b'; filename="a.txt"', b"") + END, BOUNDARY, (400, "missing_required_parameter", "file")),
        (FILE.replace(b"words", b"") + END, BOUNDARY, (400, "invalid_parameter", "file")),
        (FILE.replace(b"a.txt", b"../a.txt") + END, BOUNDARY, (400, "invalid_parameter", "file")),
        (PURPOSE.replace(b"vision", b"x" * 65) + FILE + END, BOUNDARY, (400, "invalid_parameter", "purpose")),
        (PURPOSE.replace(b"vision", b"x" * 9000) + FILE + END, BOUNDARY, (400, "invalid_form", "purpose")),
        (PURPOSE * 40 + FILE + END, BOUNDARY, (413, "request_too_large", None)),
    ],
)
async def test_a_form_that_is_none_is_refused(
    house: House, content: bytes, headers: dict[str, str], error: tuple[int, str, str | None]
) -> None:
    async with client_of(house) as client:
        headers = {**headers, "authorization": f"Bearer {client.api_key}"}
        reply = await house.http.post("/v1/files", content=content, headers=headers)

    found = reply.json()["error"]
    assert (reply.status_code, found["code"], found["param"]) == error
    assert house.simulator.files == {}
