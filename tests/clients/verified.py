"""The foreign clients that are run, and what each of them shows: rows for the tests, and for whoever tells of them."""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]
PYTHON_LOCK = ROOT / "requirements" / "clients.txt"
NODE_LOCK = ROOT / "tests" / "clients" / "js" / "package-lock.json"

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"

# A schema is sent as `response_format`; objects are the arguments of a call that is demanded.
Shown = Literal["chat", "stream", "tools", "schema", "objects", "streamed objects", "errors"]


@dataclass(frozen=True)
class Client:
    """A client, the package that it is installed from, the path that it calls, and what it calls a refused key."""

    name: str
    registry: Literal["PyPI", "npm"]
    package: str
    program: str
    path: str
    shows: tuple[Shown, ...]
    refusal: str

    @property
    def version(self) -> str:
        """The version that is installed for the tests."""
        return _of_pypi(self.package) if self.registry == "PyPI" else _of_npm(self.package)


def _of_pypi(package: str) -> str:
    found = re.search(rf"^{package}==([^ ;\\]+)", PYTHON_LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{package} is not in {PYTHON_LOCK.name}"
    return found[1]


def _of_npm(package: str) -> str:
    packages = json.loads(NODE_LOCK.read_text(encoding="utf-8"))["packages"]
    version: str = packages[f"node_modules/{package}"]["version"]
    return version


TALK: tuple[Shown, ...] = ("chat", "stream", "tools", "errors")
WITH_SCHEMA: tuple[Shown, ...] = ("chat", "stream", "tools", "schema", "errors")
WITH_OBJECTS: tuple[Shown, ...] = ("chat", "stream", "tools", "objects", "errors")
OBJECTS: tuple[Shown, ...] = ("objects", "streamed objects", "errors")

# Programs of ours that use a package.
LANGCHAIN = Client(
    name="LangChain",
    registry="PyPI",
    package="langchain-openai",
    program="python/with_langchain.py",
    path=CHAT,
    shows=WITH_OBJECTS,
    refusal="OpenAIAuthenticationError",
)
PYDANTIC_AI = Client(
    "PydanticAI", "PyPI", "pydantic-ai-slim", "python/with_pydantic_ai.py", CHAT, WITH_OBJECTS, "ModelHTTPError 401"
)
SDKS = (
    Client("OpenAI for Python", "PyPI", "openai", "python/with_openai.py", CHAT, WITH_SCHEMA, "AuthenticationError"),
    Client("OpenAI for Node", "npm", "openai", "js/with_openai.mjs", CHAT, TALK, "AuthenticationError"),
    LANGCHAIN,
    replace(LANGCHAIN, path=RESPONSES),
    PYDANTIC_AI,
    replace(PYDANTIC_AI, path=RESPONSES),
    Client("LiteLLM", "PyPI", "litellm", "python/with_litellm.py", CHAT, TALK, "AuthenticationError"),
    Client(
        "Instructor",
        "PyPI",
        "instructor",
        "python/with_instructor.py",
        CHAT,
        OBJECTS,
        "InstructorRetryException AuthenticationError",
    ),
    Client("Qwen-Agent", "PyPI", "qwen-agent", "python/with_qwen_agent.py", CHAT, TALK, "ModelServiceError"),
    Client(
        "Anthropic for Python", "PyPI", "anthropic", "python/with_anthropic.py", MESSAGES, TALK, "AuthenticationError"
    ),
    Client("AI SDK", "npm", "@ai-sdk/openai-compatible", "js/with_ai_sdk.mjs", CHAT, WITH_SCHEMA, "APICallError 401"),
)

# Programs that work by themselves: they always stream, read a file by a tool of theirs, and tell what is in it.
WORK: tuple[Shown, ...] = ("stream", "tools", "errors")
QWEN_CODE = Client(
    "Qwen Code", "npm", "@qwen-code/qwen-code", "js/node_modules/.bin/qwen", CHAT, WORK, "API Error: 401"
)
CODEX = Client("Codex CLI", "npm", "@openai/codex", "js/node_modules/.bin/codex", RESPONSES, WORK, "status 401")
# The command of the package is put together by a script after the installation; this one finds its parts by itself.
_CLAUDE = "@anthropic-ai/claude-code/cli-wrapper.cjs"
CLAUDE_CODE = Client(
    "Claude Code", "npm", "@anthropic-ai/claude-code", f"js/node_modules/{_CLAUDE}", MESSAGES, WORK, "API Error: 401"
)
AGENTS = (QWEN_CODE, CODEX, CLAUDE_CODE)

CLIENTS = (*SDKS, *AGENTS)
