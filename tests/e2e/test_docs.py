"""Runs the code of README.md and docs/, as a reader would paste it.

A fenced block whose info string ends with `test`, such as "python test", is
run. The sentence after it says what it prints, in backticks: "It prints `...`."
"""

import asyncio
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import House

from qwen_grpc.cli.demo import demo_credential

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "docs/clients.md",
    "docs/responses.md",
    "docs/messages.md",
    "docs/images.md",
    "docs/files.md",
    "docs/chats.md",
)
LIMIT_S = 40

_block = re.compile(r"^```(python|sh|js) test\n(.*?)^```\n\n(.*)$", re.MULTILINE | re.DOTALL)
_prints = re.compile(r"It prints [^`\n]*`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    code: str
    prints: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for start in re.finditer(r"^```\w+ test$", text, re.MULTILINE):
        language, code, after = _block.match(text, start.start()).groups()  # type: ignore[union-attr]
        promise = _prints.match(after)
        line = text.count("\n", 0, start.start()) + 1
        assert promise, f"{page}:{line}: expected a line 'It prints `...`' below the block"
        found.append(Block(page, line, language, code, promise[1]))
    return found


def commands(block: Block, house: House) -> list[str]:
    """The block with the addresses of this house, as a command."""
    host, port = house.target.split(":")
    code = block.code.replace("http://127.0.0.1:8000", house.rest)
    code = code.replace("127.0.0.1:50051", house.target).replace('"127.0.0.1", 50051', f'"{host}", {port}')
    tools = Path(sys.executable).parent
    if block.language == "python":
        return [sys.executable, "-c", code]
    return ["bash", "-euc", code.replace(".venv/bin/", f"{tools}/")]


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.parametrize("block", [block for page in PAGES for block in blocks(page)], ids=str)
async def test_code_in_the_documents_prints_what_they_say(block: Block, house: House) -> None:
    child = await asyncio.create_subprocess_exec(
        *commands(block, house),
        cwd=ROOT,
        env={**os.environ, "OPENAI_API_KEY": demo_credential()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            out, err = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()

    assert (child.returncode, err.decode() if child.returncode else "") == (0, "")
    assert block.prints in out.decode()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_code_that_runs(page: str) -> None:
    assert blocks(page) != []
