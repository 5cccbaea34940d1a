"""Runs foreign clients beside the house, which lives in the test's own loop."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
BUF = REPOSITORY / ".venv" / "bin" / "buf"


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str


async def run(*command: str | Path, environment: Mapping[str, str], cwd: Path = REPOSITORY) -> Ended:
    """Runs a command to its end; no key of the machine's own environment reaches it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "QWEN_"))}
    return await run_alone(*command, environment={**inherited, **environment}, cwd=cwd)


async def run_alone(*command: str | Path, environment: Mapping[str, str], cwd: Path) -> Ended:
    """Runs a command to its end, in this environment and no other."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())
