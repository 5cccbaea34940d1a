"""A real engine behind our gateway, served by code that is not ours: `make test-engine`."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest
import pytest_asyncio
from both_doors import COMPLETIONS, WAYS, Doors, GrpcFailure, Outcome, open_doors, request_of
from subprocesses import REPOSITORY, run
from support import records

from qwen_grpc.configuration import UpstreamConfig
from qwen_grpc.credentials import ApiKey
from qwen_grpc.upstreams.openai_engine import OpenAiEngine
from qwen_grpc.v1.chat_pb2 import FINISH_REASON_LENGTH

# The Python of an environment with requirements/engine.txt.
PYTHON = os.environ.get("QWEN_E2E_ENGINE", "")
MODEL, KEY, CONTEXT = "qwen3-tiny", "engine-key", 256
READY_S = 60.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(not PYTHON, reason="needs an engine: make test-engine"),
]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@asynccontextmanager
async def served(model: Path, log: IO[bytes]) -> AsyncIterator[str]:
    """llama-cpp-python's server with a model; gives the base URL of its API."""
    port = free_port()
    options = {"model": model, "model_alias": MODEL, "host": "127.0.0.1", "port": port, "api_key": KEY}
    options |= {"n_ctx": CONTEXT, "n_threads": 1, "verbose": False}
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    process = await asyncio.create_subprocess_exec(PYTHON, "-m", "llama_cpp.server", *words, stdout=log, stderr=log)
    try:
        await ready(f"http://127.0.0.1:{port}/v1", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        await process.wait()


async def ready(url: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(READY_S), httpx.AsyncClient() as http:
        while process.returncode is None:
            try:
                await http.get(f"{url}/models")
                return
            except httpx.TransportError:
                await asyncio.sleep(0.1)
    raise AssertionError("the engine ended before it was ready")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[IO[bytes]]:
    """Where the engine writes what it has to say; shown when a test fails."""
    with (tmp_path / "engine.log").open("w+b") as file:
        yield file
        file.seek(0)
        print(file.read().decode(errors="replace"))


@pytest_asyncio.fixture
async def doors(tmp_path: Path, log: IO[bytes]) -> AsyncIterator[Doors]:
    """Both doors of a gateway before the real engine."""
    model = tmp_path / "tiny.gguf"
    written = await run(PYTHON, REPOSITORY / "tests" / "integration" / "tiny_qwen.py", model, environment={})
    assert written.code == 0, written.err
    async with served(model, log) as url:
        config = UpstreamConfig.model_validate({"kind": "openai_engine", "base_url": url, "caller_keys": ["engine-*"]})
        async with open_doors(OpenAiEngine("gpu", config)) as opened:
            yield opened


def question(content: str = "Hello", **more: Any) -> dict[str, Any]:
    said = {"model": MODEL, "messages": [{"role": "user", "content": content}]}
    return {**said, "max_tokens": 16, "temperature": 0, "seed": 1, **more}


def headers(key: str = KEY) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def word_of(outcome: Outcome) -> str:
    """What went wrong, in the door's own word."""
    failure = outcome.failure
    assert failure is not None
    return failure.reason if isinstance(failure, GrpcFailure) else failure.code


async def whole(doors: Doors, **more: Any) -> dict[str, Any]:
    reply = await doors.http.post(COMPLETIONS, json=question(**more), headers=headers())
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


@pytest.mark.asyncio
async def test_a_real_engine_answers_whole_and_streamed_alike_through_both_doors(doors: Doors) -> None:
    answers = {name: await ask(doors, question(), ApiKey(KEY)) for name, ask in WAYS.items()}

    assert [outcome.failure for outcome in answers.values()] == [None] * 4
    assert len({outcome.text for outcome in answers.values()}) == 1
    assert answers["REST whole"].text


@pytest.mark.asyncio
async def test_the_stream_of_a_real_engine_is_what_clients_of_openai_expect(doors: Doors) -> None:
    reply = await doors.http.post(COMPLETIONS, json=question(stream=True), headers=headers())
    *chunks, last = records(reply.text)

    assert last == "[DONE]"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert {chunk["model"] for chunk in chunks} == {MODEL}
    assert len(chunks) > 2
    assert [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]][-1] == "length"


@pytest.mark.asyncio
async def test_a_real_engine_stops_where_it_is_told_to(doors: Doors) -> None:
    text = (await whole(doors))["choices"][0]["message"]["content"]

    answer = await whole(doors, stop=[text[2]])

    assert answer["choices"][0]["message"]["content"] == text[:2].partition(text[2])[0]
    assert answer["choices"][0]["finish_reason"] == "stop"


@pytest.mark.asyncio
async def test_grpc_streams_a_real_engine(doors: Doors) -> None:
    call = doors.chat.StreamChat(request_of(question()), metadata=tuple(headers().items()), timeout=60)
    messages = [message async for message in call]

    assert messages[0].start.model == MODEL
    deltas = [delta for message in messages for delta in message.deltas]
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == [FINISH_REASON_LENGTH]


@pytest.mark.asyncio
async def test_a_stream_that_a_real_engine_breaks_off_is_never_an_answer(doors: Doors) -> None:
    # The server says 200, and finds only then that the prompt is longer than its context.
    outcomes = [await ask(doors, question("x" * 2 * CONTEXT), ApiKey(KEY)) for ask in WAYS.values()]

    assert [outcome.text for outcome in outcomes] == [""] * 4
    assert {word_of(outcome) for outcome in outcomes} <= {
        "UPSTREAM_EMPTY",
        "UPSTREAM_TRUNCATED",
        "upstream_empty",
        "stream_interrupted",
    }


@pytest.mark.asyncio
async def test_a_key_that_a_real_engine_refuses_is_told_with_its_host(doors: Doors) -> None:
    reply = await doors.http.post(COMPLETIONS, json=question(), headers=headers("engine-wrong"))

    assert reply.status_code == 401
    assert "127.0.0.1" in reply.json()["error"]["message"]


@pytest.mark.asyncio
async def test_the_models_of_a_real_engine_are_listed(doors: Doors) -> None:
    reply = await doors.http.get("/v1/models", headers=headers())

    assert MODEL in [model["id"] for model in reply.json()["data"]]
