"""Packages of others against the REST door, over every kind of upstream."""

import json
from pathlib import Path

import node_sdk
import pytest
from faces import CITY, FACES, PROGRAMS, Face, all_faces, environment
from operated import operated
from structlog.testing import capture_logs
from subprocesses import REPOSITORY, run_alone
from verified import SDKS, Client

PYTHON = REPOSITORY / ".venv-clients" / "bin" / "python"
# Some import for ten seconds on a busy machine.
pytestmark = pytest.mark.timeout(120)
RUNNERS = {".py": PYTHON, ".mjs": node_sdk.NODE}


@pytest.mark.asyncio
@pytest.mark.parametrize("client", SDKS, ids=lambda one: f"{one.name} {one.path}")
async def test_a_client_hears_what_each_upstream_says(client: Client, tmp_path: Path) -> None:
    program = PROGRAMS / client.program
    async with operated(all_faces) as house:
        with capture_logs() as lines:
            ended = await run_alone(
                RUNNERS[program.suffix],
                program,
                environment=environment(house.rest, tmp_path, client.path),
                cwd=tmp_path,
            )
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == {name: heard(client, face) for name, face in FACES.items()}
    refused = [line for line in lines if line.get("code") == "UNAUTHENTICATED"]
    assert len(refused) == len(FACES), "a key that is refused is tried once"


def heard(client: Client, face: Face) -> dict[str, str]:
    """What the client has to hear at an upstream."""
    said = {"chat": face.hello, "stream": face.hello, "tools": face.weather}
    said |= {"schema": face.formed, "objects": CITY, "streamed objects": CITY, "errors": client.refusal}
    return {what: said[what] for what in client.shows}
