"""Coding agents against the REST door, over every kind of upstream: each reads a file with a tool of its own."""

from pathlib import Path

import pytest
from agents import AGENTS, Agent, Way
from faces import FACES, Face, all_faces, alone
from operated import Operated, operated
from structlog.testing import capture_logs
from subprocesses import Ended, run_alone

NOTE = "The secret word is heron."

pytestmark = pytest.mark.timeout(120)
each_agent = pytest.mark.parametrize("agent", AGENTS, ids=lambda one: one.client.name)
each_face = pytest.mark.parametrize("name", FACES)


async def asked(house: Operated, agent: Agent, face: Face, key: str, home: Path) -> Ended:
    """How the agent ended that was asked to read the note; in a home and a folder of its own."""
    way, folder = Way(house.rest, face, key), home / "work"
    folder.mkdir()
    (folder / "note.txt").write_text(NOTE, encoding="utf-8")
    for name, text in agent.settings(way).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    command = (*agent.command, agent.question(folder / "note.txt"))
    return await run_alone(*command, environment={**alone(home), **agent.environment(way)}, cwd=folder)


@pytest.mark.asyncio
@each_agent
@each_face
async def test_an_agent_reads_a_file_and_tells_of_it(agent: Agent, name: str, tmp_path: Path) -> None:
    face = FACES[name]
    async with operated(all_faces) as house:
        ended = await asked(house, agent, face, face.key, tmp_path)
    assert ended.code == 0, ended.out + ended.err
    told = agent.answer(ended.out)
    assert (told.startswith(f"{face.told}: "), NOTE in told) == (True, True), told


@pytest.mark.asyncio
@each_agent
@each_face
async def test_an_agent_tells_of_a_refused_key_at_once(agent: Agent, name: str, tmp_path: Path) -> None:
    face = FACES[name]
    async with operated(all_faces) as house:
        with capture_logs() as lines:
            ended = await asked(house, agent, face, face.wrong_key, tmp_path)
    told = agent.answer(ended.out)
    assert (ended.code, agent.client.refusal in told) == (1, True), ended.out + ended.err
    assert [line["code"] for line in lines if "code" in line] == ["UNAUTHENTICATED"]
