import base64
import json
import math
import struct
from typing import Any

import httpx
import pytest
from dashscope_caller import MULTIMODAL, DashScopeCaller, dashscope, fault_of

RESOLVE = {"x-dashscope-ossresourceresolve": "enable"}
MODEL = "qwen3-vl-plus"


async def policy(caller: DashScopeCaller, model: str = MODEL) -> Any:
    reply = await caller.http.get("/api/v1/uploads", params={"action": "getPolicy", "model": model})
    assert "x-request-id" not in reply.headers
    return reply.json()["data"]


def form(leave: Any, name: str = "cat.png", **changed: str) -> dict[str, str]:
    """The fields of an upload in front of its file."""
    fields = {
        "OSSAccessKeyId": leave["oss_access_key_id"],
        "Signature": leave["signature"],
        "policy": leave["policy"],
        "key": f"{leave['upload_dir']}/{name}",
        "x-oss-object-acl": leave["x_oss_object_acl"],
        "x-oss-forbid-overwrite": leave["x_oss_forbid_overwrite"],
        "success_action_status": "200",
    }
    return {**fields, **changed}


async def put(leave: Any, fields: dict[str, str], content: bytes = b"a cat") -> httpx.Response:
    async with httpx.AsyncClient() as stranger:
        return await stranger.post(leave["upload_host"], data=fields, files={"file": ("cat.png", content)})


async def look(caller: DashScopeCaller, url: str, **options: Any) -> Any:
    picture = {"type": "image_url", "image_url": {"url": url}}
    return await caller.chat([picture, {"type": "text", "text": "who?"}], **{"model": MODEL, **options})


@pytest.mark.asyncio
async def test_the_policy_says_what_the_store_will_check() -> None:
    async with dashscope(now=lambda: 1_795_341_600.0) as caller:
        leave = await policy(caller)
        read = json.loads(base64.b64decode(leave["policy"]))

    assert read["expiration"] == "2026-11-22T10:05:00.000Z"
    assert ["starts-with", "$key", leave["upload_dir"]] in read["conditions"]
    assert ["content-length-range", 0, 1_073_741_824] in read["conditions"]
    assert (leave["expire_in_seconds"], leave["max_file_size_mb"]) == (300, 1024)
    assert leave["upload_host"].startswith(caller.simulator.url)


@pytest.mark.asyncio
async def test_an_uploaded_file_can_be_shown_to_its_model() -> None:
    async with dashscope() as caller:
        leave = await policy(caller)
        stored = await put(leave, form(leave))
        url = f"oss://{leave['upload_dir']}/cat.png"
        seen = await look(caller, url, headers=RESOLVE)
        part = {"messages": [{"role": "user", "content": [{"image": url}, {"text": "who?"}]}]}
        native = await caller.native(part, path=MULTIMODAL, model=MODEL, headers=RESOLVE)

    assert (stored.status_code, stored.content) == (200, b"")
    assert seen.json()["choices"][0]["message"]["content"] == "You sent: cat.png (image)\nYou said: who?"
    assert native.status_code == 200
    assert [upload.content for upload in caller.memory.uploads.values()] == [b"a cat"]


@pytest.mark.asyncio
async def test_an_uploaded_file_is_for_its_account_its_model_and_two_days() -> None:
    now = [1_795_341_600.0]
    async with dashscope(now=lambda: now[0]) as caller:
        leave = await policy(caller)
        await put(leave, form(leave))
        url = f"oss://{leave['upload_dir']}/cat.png"
        replies = {
            "no header": await look(caller, url),
            "another model": await look(caller, url, headers=RESOLVE, model="qwen3.7-plus"),
            "another account": await look(caller, url, headers=RESOLVE, key="sk-two"),
            "nothing there": await look(caller, url + "x", headers=RESOLVE),
        }
        now[0] += 172_800
        replies["too late"] = await look(caller, url, headers=RESOLVE)

    words = {name: fault_of(reply)[2] for name, reply in replies.items()}
    assert words.pop("no header") == "url error, please check url\uff01"
    assert set(words.values()) == {"Failed to download multimodal content."}


# What is changed in the form, and status and code of the refusal.
WRONG_FORMS: dict[str, tuple[dict[str, str], tuple[int, bytes]]] = {
    "another place": ({"key": "elsewhere/cat.png"}, (403, b"Policy Condition failed: key")),
    "forged": ({"Signature": "forged"}, (403, b"SignatureDoesNotMatch")),
    "another policy": ({"policy": "e30="}, (403, b"SignatureDoesNotMatch")),
    "public": ({"x-oss-object-acl": "public-read"}, (403, b"Policy Condition failed: x-oss-object-acl")),
    "overwriting": ({"x-oss-forbid-overwrite": "false"}, (403, b"Policy Condition failed: x-oss-forbid-overwrite")),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("case", WRONG_FORMS)
async def test_the_store_refuses_a_form_that_the_policy_does_not_allow(case: str) -> None:
    changed, (status, words) = WRONG_FORMS[case]
    async with dashscope() as caller:
        leave = await policy(caller)
        refused = await put(leave, form(leave, **changed))

    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/xml")
    assert words in refused.content
    assert not caller.memory.uploads


@pytest.mark.asyncio
async def test_the_store_wants_the_file_last_once_and_in_time() -> None:
    async with dashscope() as caller:
        leave = await policy(caller)
        first = {"file": ("cat.png", b"a cat"), **{name: (None, value) for name, value in form(leave).items()}}
        async with httpx.AsyncClient() as stranger:
            misplaced = await stranger.post(leave["upload_host"], files=first)
        quiet = await put(leave, form(leave, success_action_status="204"))
        again = await put(leave, form(leave))
        caller.behave(policy_ttl_s=-1)
        late = await policy(caller)
        expired = await put(late, form(late))

    assert (misplaced.status_code, b"must be the last field" in misplaced.content) == (400, True)
    assert (quiet.status_code, again.status_code) == (204, 409)
    assert b"Invalid according to Policy: Policy expired." in expired.content


@pytest.mark.asyncio
async def test_a_policy_is_for_a_model() -> None:
    async with dashscope() as caller:
        nameless = await caller.http.get("/api/v1/uploads?action=getPolicy")

    assert nameless.status_code == 400


async def keep(caller: DashScopeCaller, name: str = "a.pdf", purpose: str = "file-extract", key: str = "") -> Any:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return await caller.http.post(
        "/compatible-mode/v1/files", data={"purpose": purpose}, files={"file": (name, b"words")}, headers=headers
    )


@pytest.mark.asyncio
async def test_files_are_kept_listed_and_forgotten() -> None:
    path = "/compatible-mode/v1/files"
    async with dashscope(now=lambda: 1000.0) as caller:
        made = [(await keep(caller, f"{number}.pdf")).json() for number in range(3)]
        batch = (await keep(caller, "b.jsonl", "batch")).json()
        await keep(caller, key="sk-two")
        page = (await caller.http.get(path, params={"purpose": "file-extract", "limit": "2"})).json()
        rest = (await caller.http.get(path, params={"purpose": "file-extract", "after": made[1]["id"]})).json()
        one = (await caller.http.get(f"{path}/{made[0]['id']}")).json()
        gone = (await caller.http.delete(f"{path}/{made[0]['id']}")).json()
        missing = await caller.http.get(f"{path}/{made[0]['id']}")

    assert made[0] == one
    assert one == {
        "id": one["id"],
        "object": "file",
        "bytes": 5,
        "filename": "0.pdf",
        "purpose": "file-extract",
        "status": "processed",
        "created_at": 1000,
    }
    assert one["id"].startswith("file-fe-")
    assert batch["id"].startswith("file-batch-")
    assert ([row["filename"] for row in page["data"]], page["has_more"]) == (["2.pdf", "1.pdf"], True)
    assert ([row["filename"] for row in rest["data"]], rest["has_more"]) == (["0.pdf"], False)
    assert gone == {"id": one["id"], "object": "file", "deleted": True}
    assert missing.status_code == 404


@pytest.mark.asyncio
async def test_a_kept_file_is_read_by_the_model_that_reads_files() -> None:
    async with dashscope() as caller:
        file_id = (await keep(caller)).json()["id"]
        asked = [{"role": "system", "content": f"fileid://{file_id}"}, {"role": "user", "content": "sum up"}]
        read = await caller.chat(model="qwen-long", messages=asked)
        strange = await caller.chat(model="qwen-long", messages=asked, key="sk-two")
        unknown = await keep(caller, purpose="fun")

    assert read.json()["choices"][0]["message"]["content"] == "You sent: a.pdf (file)\nYou said: sum up"
    assert (strange.status_code, unknown.status_code) == (404, 400)


async def embed(caller: DashScopeCaller, given: Any, **body: Any) -> Any:
    asked = {"model": "text-embedding-v4", "input": given, **body}
    return await caller.http.post("/compatible-mode/v1/embeddings", json=asked)


@pytest.mark.asyncio
async def test_a_text_always_gets_the_same_vector_of_length_one() -> None:
    async with dashscope() as caller:
        one = (await embed(caller, "cat")).json()
        two = (await embed(caller, ["dog", "cat"], dimensions=64)).json()
        same = (await embed(caller, "cat", dimensions=64)).json()

    assert (one["object"], one["model"], len(one["data"][0]["embedding"])) == ("list", "text-embedding-v4", 1024)
    assert [(row["index"], row["object"]) for row in two["data"]] == [(0, "embedding"), (1, "embedding")]
    assert two["data"][1]["embedding"] == same["data"][0]["embedding"] != two["data"][0]["embedding"]
    assert math.isclose(sum(value * value for value in one["data"][0]["embedding"]), 1.0)
    assert two["usage"] == {"prompt_tokens": 2, "total_tokens": 2}


@pytest.mark.asyncio
async def test_vectors_come_as_base64_too() -> None:
    async with dashscope() as caller:
        plain = (await embed(caller, "cat", dimensions=64)).json()["data"][0]["embedding"]
        packed = (await embed(caller, "cat", dimensions=64, encoding_format="base64")).json()["data"][0]["embedding"]

    unpacked = struct.unpack("<64f", base64.b64decode(packed))
    assert all(math.isclose(left, right, rel_tol=1e-6) for left, right in zip(plain, unpacked, strict=True))


@pytest.mark.asyncio
async def test_wrong_embeddings_are_refused() -> None:
    async with dashscope() as caller:
        replies = {
            "many": await embed(caller, ["x"] * 11),
            "none": await embed(caller, []),
            "numbers": await embed(caller, [1, 2]),
            "long": await embed(caller, "word" * 8193),
            "dimensions": await embed(caller, "x", dimensions=100),
            "encoding": await embed(caller, "x", encoding_format="hex"),
            "model": await embed(caller, "x", model="qwen-plus"),
            "throttled": await embed(caller, "[[sim:rate_quota]] x"),
        }

    statuses = {name: reply.status_code for name, reply in replies.items()}
    assert (statuses.pop("model"), statuses.pop("throttled")) == (404, 429)
    assert set(statuses.values()) == {400}
    assert "batch size is invalid, it should not be larger than 10" in fault_of(replies["many"])[2]


@pytest.mark.asyncio
async def test_models_are_listed_in_both_dialects() -> None:
    async with dashscope() as caller:
        compat = (await caller.http.get("/compatible-mode/v1/models")).json()
        native = (await caller.http.get("/api/v1/models?page_no=2&page_size=3")).json()["output"]
        named = (await caller.http.get("/api/v1/models?name=embedding")).json()["output"]

    ids = [row["id"] for row in compat["data"]]
    assert (compat["object"], compat["data"][0].keys()) == ("list", {"id", "object", "created", "owned_by"})
    assert {"qwen3.8-max", "qwen-plus", "text-embedding-v4"} <= set(ids)
    assert "qwen-max" not in ids
    assert ([row["model"] for row in native["models"]], native["total"]) == (ids[3:6], len(ids))
    assert [row["model"] for row in named["models"]] == ["text-embedding-v4", "text-embedding-v3"]


@pytest.mark.asyncio
async def test_tokens_are_counted_without_the_template() -> None:
    async with dashscope() as caller:
        asked = {"model": "qwen-plus", "input": {"messages": [{"role": "user", "content": "hello world"}]}}
        reply = (await caller.http.post("/api/v1/tokenizer", json=asked)).json()

    assert "".join(reply["output"]["tokens"]) == "hello world"
    assert len(reply["output"]["token_ids"]) == reply["usage"]["input_tokens"] == 3
