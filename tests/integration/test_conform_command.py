"""`qwen-grpc conform` as a command: what it says, to whom, and with which exit code."""

import json
import sys
from pathlib import Path

import httpx
import pytest
from conform_runs import conform_gateway
from gateway_process import started
from operated import TEAM_A
from raw_server import answer, raw_server
from subprocesses import Ended, run

from qwen_grpc.conform.behaviours import SCRIPTS
from qwen_grpc.conform.upstream import running

pytestmark = pytest.mark.slow
ADVICE = 'base_url = "http://127.0.0.1:'


async def conform(folder: Path, *words: str, **environment: str) -> Ended:
    return await run(sys.executable, "-m", "qwen_grpc", "conform", *words, environment=environment, cwd=folder)


@pytest.mark.asyncio
async def test_a_row_is_told_with_what_was_expected_and_seen(tmp_path: Path) -> None:
    async with running(SCRIPTS, "127.0.0.1", 0) as upstream, conform_gateway(upstream.url) as url:
        only = ["--only", "html", "--only", "answer"]
        ended = await conform(tmp_path, url, "--upstream", upstream.url, *only, CONFORM_KEY=TEAM_A)

    assert (ended.code, ended.err) == (0, "")
    *lines, empty, counts = ended.out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == [
        "ok    answer (stream): a good answer",
        "ok    answer (whole): a good answer",
        "ok    html (stream): 200 with an HTML page",
        "ok    html (whole): 200 with an HTML page",
    ]
    assert lines[7:9] == [
        "      expected: an error status, an error event, or a broken connection; no finish reason, no [DONE]",
        "      seen:     status 502, error server_error/upstream_protocol",
    ]
    assert (empty, counts) == ("", "4 ok, 0 FAIL, 0 n/a")


@pytest.mark.asyncio
async def test_programs_get_json_and_a_failure_the_exit_code_one(tmp_path: Path) -> None:
    async with running(SCRIPTS, "127.0.0.1", 0) as upstream, conform_gateway(upstream.url) as url:
        only = ["--only", "no-key", "--only", "silent-start", "--silence", "0.1"]
        ended = await conform(tmp_path, url, "--upstream", upstream.url, "--key", TEAM_A, "--json", *only)

    told = json.loads(ended.out)
    assert (ended.code, told["passed"], told["gateway"]) == (1, False, url)
    assert [(row["name"], row["way"], row["verdict"]) for row in told["results"]] == [
        ("silent-start", "stream", "FAIL"),
        ("no-key", "whole", "ok"),
    ]
    assert told["results"][0]["seen"].startswith("longest silence ")


@pytest.mark.asyncio
async def test_a_gateway_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    ended = await conform(tmp_path, "http://127.0.0.1:9", "--listen", "127.0.0.1:0")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("http://127.0.0.1:9 does not answer")
    assert ADVICE not in ended.err


@pytest.mark.asyncio
async def test_a_gateway_that_wants_a_key_is_told_as_such(tmp_path: Path) -> None:
    async with running(SCRIPTS, "127.0.0.1", 0) as upstream, conform_gateway(upstream.url) as url:
        ended = await conform(tmp_path, url, "--upstream", upstream.url)
    assert ended.code == 2
    assert ended.err.startswith("the gateway wants a key (status 401,")


@pytest.mark.asyncio
async def test_a_gateway_with_another_upstream_gets_the_lines_to_configure(tmp_path: Path) -> None:
    async with running(SCRIPTS, "127.0.0.1", 0) as other, conform_gateway(other.url) as url:
        ended = await conform(tmp_path, url, "--listen", "127.0.0.1:0", "--key", TEAM_A)
    assert ended.code == 2
    assert ended.err.startswith("the gateway answers, but not from the fault upstream: nothing arrived there")
    assert ADVICE in ended.err


@pytest.mark.asyncio
async def test_a_gateway_that_does_not_know_the_model_gets_the_lines_to_configure(tmp_path: Path) -> None:
    unknown = answer(b'{"error": {"message": "no such model"}}', status=b"404 Not Found")
    async with raw_server([unknown]) as gateway:
        ended = await conform(tmp_path, gateway.url, "--listen", "127.0.0.1:0", "--model", "counter")
    assert ended.code == 2
    assert ended.err.startswith("the gateway does not serve the model 'counter' from the fault upstream (status 404,")
    assert "model: openai/counter" in ended.err


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--only", "html5"], "there is no row 'html5'; there are answer, usage,"),
        (["--listen", "9300"], "--listen='9300': expected HOST:PORT"),
        (["--upstream", "http://127.0.0.1:9"], "the fault upstream at http://127.0.0.1:9/conform/ does not answer"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
async def test_a_bad_option_is_told_as_such(tmp_path: Path, words: list[str], told: str) -> None:
    ended = await conform(tmp_path, "http://127.0.0.1:9", *words, COLUMNS="200")
    assert (ended.code, told in ended.err) == (2, True), ended.err


@pytest.mark.asyncio
async def test_something_else_than_a_fault_upstream_is_told_as_such(tmp_path: Path) -> None:
    async with raw_server([answer(b"hello")]) as other:
        ended = await conform(tmp_path, "http://127.0.0.1:9", "--upstream", other.url)
    assert (ended.code, "is not a fault upstream" in ended.err) == (2, True), ended.err


@pytest.mark.asyncio
async def test_the_upstream_alone_says_where_it_is_and_how_to_use_it(tmp_path: Path) -> None:
    async with started("qwen_grpc", "conform-upstream", "--port", "0", folder=tmp_path) as process:
        url = (await process.line()).removeprefix("the fault upstream listens on ")
        await process.heard(f'base_url = "{url}/v1"')
        async with httpx.AsyncClient(base_url=url) as http:
            told = (await http.get("/conform/")).json()
        process.signal()
        code = await process.ended()
    assert (told["tool"], told["behaviours"], code) == ("qwen-grpc conform", sorted(SCRIPTS), 0)


@pytest.mark.asyncio
async def test_a_port_that_is_taken_is_told_as_such(tmp_path: Path) -> None:
    async with raw_server([answer()]) as other:
        taken = other.url.removeprefix("http://")
        ended = await conform(tmp_path, "http://127.0.0.1:9", "--listen", taken)
    assert ended.code == 2
    assert ended.err.startswith(f"cannot listen on {taken}: ")
