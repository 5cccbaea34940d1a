import base64
import struct
from typing import Any

import pytest
from engine_caller import ENGINES, engines

# What only this engine has beside the API, and a member of it.
PROBES = {
    "vllm": ("version", "version"),
    "sglang": ("get_model_info", "model_path"),
    "ollama": ("api/version", "version"),
    "llamacpp": ("props", "default_generation_settings"),
}
OWNERS = {"vllm": "vllm", "sglang": "sglang", "ollama": "library", "llamacpp": "llamacpp", "generic": "organization"}


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_an_engine_can_be_told_by_what_lies_beside_the_api(engine: str) -> None:
    async with engines() as caller:
        found = {name: await caller.get(f"{engine}/{path}") for name, (path, _) in PROBES.items()}

    answers = {name: reply.json() for name, reply in found.items() if reply.status_code == 200}
    assert set(answers) == {engine} - {"generic"}
    assert all(PROBES[name][1] in answer for name, answer in answers.items())


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_the_list_names_the_owner_and_the_length_where_it_is_known(engine: str) -> None:
    async with engines() as caller:
        caller.behave(context_length=1234)
        listed = (await caller.get(f"{engine}/v1/models")).json()

    row = listed["data"][0]
    lengths = {"vllm": row.get("max_model_len"), "sglang": row.get("max_model_len")}
    assert (listed["object"], row["object"], row["owned_by"]) == ("list", "model", OWNERS[engine])
    assert lengths.get(engine, row.get("meta", {}).get("n_ctx")) == (
        1234 if engine not in ("ollama", "generic") else None
    )
    assert ("permission" in row, "models" in listed) == (engine == "vllm", engine == "llamacpp")


@pytest.mark.asyncio
async def test_one_model_can_be_asked_for_even_with_a_slash_in_its_name() -> None:
    async with engines() as caller:
        known = await caller.get("vllm/v1/models/Qwen/Qwen3-8B")
        unknown = await caller.get("vllm/v1/models/Qwen/Qwen9")

    assert known.json()["id"] == "Qwen/Qwen3-8B"
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, 404)


@pytest.mark.asyncio
async def test_other_models_can_be_served() -> None:
    async with engines() as caller:
        caller.behave(models={"vllm": ("my-model",)})
        listed = (await caller.get("vllm/v1/models")).json()["data"]
        answered = (await caller.chat("vllm")).json()["model"]
        refused = await caller.chat("vllm", model="Qwen/Qwen3-8B")
        other = await caller.chat("ollama")

    assert ([row["id"] for row in listed], answered) == (["my-model"], "my-model")
    assert (refused.status_code, other.status_code) == (404, 200)


@pytest.mark.asyncio
async def test_ollama_tells_what_a_model_can_do() -> None:
    async with engines() as caller:
        tags = (await caller.get("ollama/api/tags")).json()["models"]
        shown = {
            tag["name"]: (await caller.post("ollama/api/show", json={"model": tag["name"]})).json()["capabilities"]
            for tag in tags
        }
        unknown = await caller.post("ollama/api/show", json={"model": "llama4"})

    assert shown == {
        "qwen3:8b": ["completion", "tools", "thinking"],
        "qwen3:4b-instruct": ["completion", "tools"],
        "qwen3-vl:8b": ["completion", "tools", "vision", "thinking"],
        "qwen3-embedding:0.6b": ["embedding"],
    }
    assert unknown.status_code == 404


@pytest.mark.asyncio
async def test_an_engine_that_is_loading_says_so_until_it_has_loaded() -> None:
    async with engines() as caller:
        caller.behave(loading=("llamacpp",))
        during = [(await caller.get("llamacpp/health")), (await caller.chat("llamacpp")), (await caller.chat("vllm"))]
        caller.behave(loading=())
        after = await caller.get("llamacpp/health")

    assert [reply.status_code for reply in during] == [503, 503, 200]
    assert during[0].json()["error"]["message"] == "Loading model"
    assert (after.status_code, after.json()) == (200, {"status": "ok"})


@pytest.mark.asyncio
async def test_some_doors_stand_open_without_a_key() -> None:
    paths = ("vllm/version", "vllm/health", "vllm/v1/models", "llamacpp/health", "llamacpp/v1/models", "llamacpp/props")
    async with engines() as caller:
        caller.behave(api_key="secret")
        statuses = [(await caller.get(path)).status_code for path in paths]

    assert statuses == [200, 200, 401, 200, 200, 401]


@pytest.mark.asyncio
async def test_where_nothing_is_each_engine_says_so_in_its_own_way() -> None:
    async with engines() as caller:
        texts = {engine: (await caller.get(f"{engine}/v1/nothing/here")) for engine in ENGINES}

    assert {reply.status_code for reply in texts.values()} == {404}
    assert {engine: reply.text for engine, reply in texts.items()} == {
        "vllm": '{"detail":"Not Found"}',
        "sglang": '{"detail":"Not Found"}',
        "ollama": "404 page not found",
        "llamacpp": '{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}',
        "generic": '{"detail":"Not Found"}',
    }


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_a_text_always_gets_the_same_vector(engine: str) -> None:
    async with engines() as caller:
        many = (await caller.post(f"{engine}/v1/embeddings", json={"input": ["one", "two"]})).json()
        one = (await caller.post(f"{engine}/v1/embeddings", json={"input": "one"})).json()
        packed = (
            await caller.post(f"{engine}/v1/embeddings", json={"input": "one", "encoding_format": "base64"})
        ).json()

    vector = many["data"][0]["embedding"]
    assert [row["index"] for row in many["data"]] == [0, 1]
    assert one["data"][0]["embedding"] == vector != many["data"][1]["embedding"]
    assert struct.unpack("<64f", base64.b64decode(packed["data"][0]["embedding"])) == pytest.approx(vector, abs=1e-6)
    assert many["usage"]["prompt_tokens"] == 2
    assert caller.memory.embeddings == {engine: 3}


@pytest.mark.asyncio
async def test_vectors_are_as_long_as_asked_for() -> None:
    async with engines() as caller:
        short = (await caller.post("vllm/v1/embeddings", json={"input": [[1, 2], [3]], "dimensions": 4})).json()

    assert [len(row["embedding"]) for row in short["data"]] == [4, 4]


# What an engine refuses to make vectors of.
WRONG: dict[str, tuple[str, dict[str, Any], int]] = {
    "nothing": ("vllm", {"input": []}, 400),
    "an empty text": ("vllm", {"input": [""]}, 400),
    "another encoding": ("vllm", {"input": "a", "encoding_format": "hex"}, 400),
    "a chat model": ("vllm", {"input": "a", "model": "Qwen/Qwen3-8B"}, 400),
    "a chat model of llama.cpp": ("llamacpp", {"input": "a", "model": "Qwen3-8B-Q4_K_M.gguf"}, 501),
    "an unknown model": ("ollama", {"input": "a", "model": "bge"}, 404),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("what", WRONG)
async def test_no_vectors_of(what: str) -> None:
    engine, body, status = WRONG[what]
    async with engines() as caller:
        reply = await caller.post(f"{engine}/v1/embeddings", json=body)

    assert (reply.status_code, dict(caller.memory.embeddings)) == (status, {})


@pytest.mark.asyncio
async def test_lists_of_vectors_may_be_wrong() -> None:
    async with engines() as caller:
        backwards = await caller.post("vllm/v1/embeddings", json={"input": ["a [[sim:backwards]]", "b"]})
        too_few = await caller.post("vllm/v1/embeddings", json={"input": ["a [[sim:too_few]]", "b"]})
        broken = await caller.post("vllm/v1/embeddings", json={"input": "a [[sim:internal_error]]"})

    assert [row["index"] for row in backwards.json()["data"]] == [1, 0]
    assert (len(too_few.json()["data"]), broken.status_code) == (1, 500)


@pytest.mark.asyncio
async def test_the_face_can_be_switched_and_read_from_outside() -> None:
    async with engines() as caller:
        changed = await caller.http.post("/_sim/engine/behaviour", json={"api_key": "secret", "fail_next": 1})
        wrong = await caller.http.post("/_sim/engine/behaviour", json={"colour": "red"})
        await caller.http.post("/_sim/engine/behaviour", json={"api_key": "", "fail_next": 0})
        await caller.chat("sglang")
        record = (await caller.http.get("/_sim/engine/record")).json()

    assert (changed.json()["api_key"], changed.json()["fail_next"]) == ("***", 1)
    assert (wrong.status_code, "unknown behaviour 'colour'" in wrong.json()["error"]) == (400, True)
    assert record == {"completions": {"sglang": 1}, "embeddings": {}, "pictures": {}, "created": {}, "clips": []}
