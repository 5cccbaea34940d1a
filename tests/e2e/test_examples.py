"""Every example runs as its README says, without a credential of its own, and prints what it promises."""

import asyncio
import json
import re
import sys
import tomllib
from pathlib import Path

import node_sdk
import pytest
from operated import operated
from subprocesses import REPOSITORY, Ended, run
from support import House, open_house, records

from qwen_grpc.configuration import TABLES, Configuration, load_configuration
from qwen_grpc.simulator import Simulator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXAMPLES = REPOSITORY / "examples"
MAX_LINES = 60
# Where `qwen-grpc simulate` listens.
SIMULATE = "http://127.0.0.1:9100"
PRINTED = {
    "openai_sdk.py": "You said: Hello from the openai package\n",
    "langchain_chat.py": "You said: Hello from LangChain\n(8 tokens)\n",
    "grpc_stream.py": "You said: Hello from grpc.aio\n",
    "typed_client.py": "You said: Hello from the typed client\n",
    "thinking_and_search.py": (
        "thinking: The person wants to hear the words again. An echo is enough.\n"
        "answer: You said: Where do echoes come from? [[1]].\n"
        "source: How echoes work https://example.org/echo\n"
    ),
    "official_api.py": (
        "official, qwen-plus: You said: Where do echoes come from? [1].\n"
        "source: How echoes work https://example.org/echo\n"
        "tokens: 26\n"
    ),
    "deep_research.py": (
        "asked back: Which period should the report cover, and for which readers?\n"
        "progress: Searched the web for In caves: 2 pages.\n"
        "source: How echoes work https://example.org/echo\n"
        "report: # Report In caves: echoes come back [[1]].\n"
    ),
    "stored_chats.py": (
        "listed: True\nuser: Hello from a stored chat\nassistant: You said: Hello from a stored chat\ndeleted: 1\n"
    ),
}
OTHERS = {
    "openai_sdk.mjs",
    "rest_stream.sh",
    "buf_curl.sh",
    "make_picture.py",
    "edit_picture.py",
    "save_video.py",
    "ask_document.py",
    "own_engine.py",
}


def reach(house: House) -> dict[str, str]:
    """The variables that point an example at the house."""
    return {"OPENAI_BASE_URL": f"{house.rest}/v1", "QWEN_GRPC_TARGET": house.target}


async def example(house: House, *command: str | Path) -> Ended:
    """Runs an example from the top of the repository and expects it to succeed in silence."""
    ended = await run(*command, environment=reach(house))
    assert (ended.code, ended.err) == (0, "")
    return ended


@pytest.mark.asyncio
@pytest.mark.parametrize("name", PRINTED)
async def test_a_python_example_prints_its_answer(house: House, name: str) -> None:
    ended = await example(house, sys.executable, EXAMPLES / name)
    assert ended.out == PRINTED[name]


@pytest.mark.asyncio
@pytest.mark.xdist_group("node")
async def test_the_node_example_prints_its_answer(house: House, tmp_path: Path) -> None:
    await asyncio.to_thread(node_sdk.install)
    # Node looks for packages beside the file, and the repository has them elsewhere.
    (tmp_path / "node_modules").symlink_to(node_sdk.CLIENT / "node_modules")
    script = tmp_path / "openai_sdk.mjs"
    script.write_bytes((EXAMPLES / "openai_sdk.mjs").read_bytes())
    ended = await example(house, node_sdk.NODE, script)
    assert ended.out == "You said: Hello from Node\n"


@pytest.mark.asyncio
async def test_the_curl_example_shows_the_events(house: House) -> None:
    *chunks, last = records((await example(house, EXAMPLES / "rest_stream.sh")).out)
    assert last == "[DONE]"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "You said: Hello from curl"


@pytest.mark.asyncio
async def test_the_buf_example_lists_methods_and_streams(house: House) -> None:
    lines, brace, streamed = (await example(house, EXAMPLES / "buf_curl.sh")).out.partition("{")
    contents = re.findall(r'"content": ("[^"]*")', brace + streamed)
    assert "qwen.v1.ChatService/StreamChat" in lines.split()
    assert "".join(json.loads(content) for content in contents) == "You said: Hello from buf"


@pytest.mark.asyncio
async def test_the_examples_with_pictures_save_them(house: House, tmp_path: Path) -> None:
    made, edited = tmp_path / "made.png", tmp_path / "edited.png"
    for command in (("make_picture.py", made), ("edit_picture.py", edited), ("edit_picture.py", edited, made)):
        ended = await example(house, sys.executable, EXAMPLES / command[0], *command[1:])
        saved = command[1]
        assert ended.out == f"saved {saved.name}: {saved.stat().st_size} bytes\n"
    assert [file.read_bytes()[:8] for file in (made, edited)] == [b"\x89PNG\r\n\x1a\n"] * 2
    chats = [request.json for request in house.simulator.requests if request.path == "/api/v2/chats/new"]
    assert [chat["chat_type"] for chat in chats] == ["t2i", "t2i", "image_edit", "image_edit"]


@pytest.mark.asyncio
async def test_the_example_with_a_clip_waits_for_it_and_saves_it(tmp_path: Path) -> None:
    clip = tmp_path / "fox.mp4"
    async with open_house(qwen_video_poll=0.05) as house:
        ended = await example(house, sys.executable, EXAMPLES / "save_video.py", clip)
        [task] = house.simulator.tasks.values()
    states, saved = ended.out.splitlines()[:-1], ended.out.splitlines()[-1]
    assert (states[-1], saved) == ("succeeded", f"saved fox.mp4: {clip.stat().st_size} bytes")
    assert (clip.read_bytes()[4:8], task.kind, task.size) == (b"ftyp", "t2v", "16:9")


@pytest.mark.asyncio
async def test_the_example_with_a_document_asks_about_it(house: House, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("Foxes hear mice under the snow.\n", encoding="utf-8")
    for arguments, size in (([notes], 32), ([], (EXAMPLES / "README.md").stat().st_size)):
        ended = await example(house, sys.executable, EXAMPLES / "ask_document.py", *arguments)
        name = "notes.txt" if arguments else "README.md"
        assert ended.out == (f"uploaded {name}: {size} bytes\nYou sent: {name} (file)\nYou said: What is this about?\n")
    first = next(iter(house.simulator.files.values()))
    assert (first.content, first.kind, first.parse_status) == (notes.read_bytes(), "file", "success")


def three_kinds(simulator: Simulator) -> Configuration:
    """The configuration of the examples, with this simulator's address in place of the usual one."""
    values = tomllib.loads((EXAMPLES / "qwen-grpc.toml").read_text().replace(SIMULATE, simulator.url))
    return load_configuration(None, {name: value for name, value in values.items() if name in TABLES})


@pytest.mark.asyncio
async def test_the_example_with_an_own_engine_runs_before_the_configuration_that_lies_beside_it() -> None:
    async with operated(three_kinds) as house:
        ended = await example(house, sys.executable, EXAMPLES / "own_engine.py")
        names = ("official_api.py", "openai_sdk.py")
        others = [await example(house, sys.executable, EXAMPLES / name) for name in names]
        paths = {request.path for request in house.simulator.requests}

    served, thinking, answer = ended.out.splitlines()
    assert served.startswith("served: Qwen/Qwen3-8B, ")
    assert (thinking, answer) == (
        "thinking: The person wants to hear the words again. An echo is enough.",
        "answer: You said: Hello from the engine",
    )
    assert [other.out for other in others] == [PRINTED[name] for name in names]
    assert {"/engine/vllm/v1/chat/completions", "/api/v2/chat/completions"} < paths


@pytest.mark.asyncio
async def test_an_example_that_is_given_a_credential_uses_it(house: House) -> None:
    given = {**reach(house), "OPENAI_API_KEY": "garbage"}
    ended = await run(sys.executable, EXAMPLES / "openai_sdk.py", environment=given)
    assert ended.code == 1
    assert "openai.AuthenticationError" in ended.err


def test_every_example_is_short_run_here_and_named_in_the_readme() -> None:
    scripts = [file for file in EXAMPLES.iterdir() if file.suffix in (".py", ".mjs", ".sh")]
    files = {file.name: len(file.read_text().splitlines()) for file in scripts}
    named = re.findall(r"^- `[^`]*examples/([\w.]+)`", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert set(files) == set(PRINTED) | OTHERS
    assert sorted(named) == sorted(files)
    assert [name for name, lines in files.items() if lines >= MAX_LINES] == []
