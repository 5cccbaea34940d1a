"""The example in TypeScript: types generated from the contract, checked by the compiler, run by Node over grpc-js."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import node_sdk
import pytest
import pytest_asyncio
from subprocesses import REPOSITORY, Ended, run
from support import House, open_house, session

from qwen_grpc.credentials import pack
from qwen_grpc.simulator import Behaviour

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("node")]

EXAMPLE = REPOSITORY / "examples" / "typescript"


@dataclass(frozen=True)
class Program:
    """The example, pointed at a house."""

    house: House

    async def ask(self, *question: str, **environment: str) -> Ended:
        reach = {"QWEN_GRPC_TARGET": self.house.target, "OPENAI_API_KEY": pack(session())}
        return await run(node_sdk.NODE, "chat.ts", *question, environment=reach | environment, cwd=EXAMPLE)


@pytest.fixture(scope="module")
def generated() -> None:
    node_sdk.install(EXAMPLE)
    node_sdk.npm(EXAMPLE, "run", "generate")


@pytest_asyncio.fixture
async def program(generated: None) -> AsyncIterator[Program]:
    async with open_house(Behaviour(pace_s=0.01, stall_s=60)) as house:
        yield Program(house)


@pytest.mark.asyncio
async def test_the_program_fits_the_types_of_the_contract(generated: None) -> None:
    await asyncio.to_thread(node_sdk.npm, EXAMPLE, "run", "check")


@pytest.mark.asyncio
async def test_it_streams_an_answer(program: Program) -> None:
    assert await program.ask() == Ended(0, "You said: Hello from TypeScript\n", "")


@pytest.mark.asyncio
async def test_when_it_has_heard_enough_the_upstream_is_stopped(program: Program) -> None:
    ended = await program.ask("[[sim:long:1000]]")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("word 0 word 1 ")
    assert ended.out.endswith(" ...\n")
    assert await program.house.simulator.hang_ups(1, within=1.0) == 1


@pytest.mark.asyncio
async def test_its_deadline_stops_the_upstream(program: Program) -> None:
    ended = await program.ask("[[sim:headers_only]]", QWEN_DEADLINE="0.5")
    assert (ended.code, ended.out, ended.err.split()[0]) == (1, "", "DEADLINE_EXCEEDED")
    assert await program.house.simulator.hang_ups(1, within=1.0) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("question", "heard", "told"),
    [
        ("[[sim:rate_limited]]", "", r"RESOURCE_EXHAUSTED QUOTA_EXHAUSTED: .*; try again in 36000 s \(req_\w+\)\n"),
        ("[[sim:eof]]", "Part 1. Part 2. ", r"UNAVAILABLE UPSTREAM_TRUNCATED: .* is incomplete \(req_\w+\)\n"),
    ],
)
async def test_it_tells_reason_delay_and_request_of_a_failure(
    program: Program, question: str, heard: str, told: str
) -> None:
    ended = await program.ask(question)
    assert (ended.code, ended.out) == (1, heard)
    assert re.fullmatch(told, ended.err), ended.err
