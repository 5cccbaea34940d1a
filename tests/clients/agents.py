"""How each coding agent is set up for an upstream, asked without a person, and understood."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import node_sdk
from faces import PROGRAMS, Face
from verified import CLAUDE_CODE, CODEX, QWEN_CODE, Client


@dataclass(frozen=True)
class Way:
    """The gateway, the upstream behind it, and the key that is used."""

    rest: str
    face: Face
    key: str


@dataclass(frozen=True)
class Agent:
    """One agent: its command before the question, its settings, its tool that reads a file, and where it tells."""

    client: Client
    command: tuple[str | Path, ...]
    environment: Callable[[Way], Mapping[str, str]]
    settings: Callable[[Way], Mapping[str, str]]
    call: Callable[[Path], tuple[str, Mapping[str, str]]]
    answer: Callable[[str], str]

    def question(self, file: Path) -> str:
        """A question that spells out the call by which the agent reads a file."""
        name, arguments = self.call(file)
        return f"What does it say? [[call:{name} {json.dumps(arguments)}]]"


# -- Qwen Code --------------------------------------------------------------------------------------------------------


def _qwen_environment(way: Way) -> Mapping[str, str]:
    reach = {"OPENAI_BASE_URL": f"{way.rest}/v1", "OPENAI_API_KEY": way.key, "OPENAI_MODEL": way.face.model}
    return {**reach, "QWEN_CODE_SUPPRESS_YOLO_WARNING": "1"}


def _qwen_settings(_: Way) -> Mapping[str, str]:
    quiet = {
        "privacy": {"usageStatisticsEnabled": False},
        "telemetry": {"enabled": False},
        "general": {"enableAutoUpdate": False},
    }
    return {".qwen/settings.json": json.dumps(quiet)}


def _qwen_answer(out: str) -> str:
    last = json.loads(out)[-1]
    return str(last["error"]["message"] if last["is_error"] else last["result"])


# -- Codex CLI --------------------------------------------------------------------------------------------------------

CODEX_SETTINGS = """
model = "{model}"
model_provider = "qwen"
web_search = "disabled"
check_for_update_on_startup = false
[model_providers.qwen]
name = "Qwen"
base_url = "{rest}/v1"
env_key = "QWEN_KEY"
wire_api = "responses"
# Without it a refused key is tried six times.
stream_max_retries = 0
[analytics]
enabled = false
"""


def _codex_settings(way: Way) -> Mapping[str, str]:
    return {".codex/config.toml": CODEX_SETTINGS.format(model=way.face.model, rest=way.rest)}


def _codex_answer(out: str) -> str:
    events = [json.loads(line) for line in out.splitlines()]
    said = [event["item"]["text"] for event in events if event.get("item", {}).get("type") == "agent_message"]
    failed = [event["error"]["message"] for event in events if event["type"] == "turn.failed"]
    return "\n".join([*said, *failed])


# -- Claude Code ------------------------------------------------------------------------------------------------------


def _claude_environment(way: Way) -> Mapping[str, str]:
    reach = {"ANTHROPIC_BASE_URL": way.rest, "ANTHROPIC_API_KEY": way.key, "ANTHROPIC_MODEL": way.face.model}
    quiet = ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_AUTOUPDATER", "DISABLE_TELEMETRY")
    return {**reach, **dict.fromkeys(quiet, "1")}


AGENTS = (
    Agent(
        QWEN_CODE,
        (node_sdk.NODE, PROGRAMS / QWEN_CODE.program, "--auth-type=openai", "--yolo", "--output-format=json", "-p"),
        _qwen_environment,
        _qwen_settings,
        lambda file: ("read_file", {"file_path": str(file)}),
        _qwen_answer,
    ),
    Agent(
        CODEX,
        (
            *(node_sdk.NODE, PROGRAMS / CODEX.program, "exec", "--json", "--skip-git-repo-check"),
            # Not every machine has what its own sandbox needs, and it only reads a file of this test.
            "--dangerously-bypass-approvals-and-sandbox",
        ),
        lambda way: {"QWEN_KEY": way.key},
        _codex_settings,
        lambda file: ("exec_command", {"cmd": f"cat '{file}'"}),
        _codex_answer,
    ),
    Agent(
        CLAUDE_CODE,
        (node_sdk.NODE, PROGRAMS / CLAUDE_CODE.program, "--output-format=json", "--allowedTools=Read", "-p"),
        _claude_environment,
        lambda _: {},
        lambda file: ("Read", {"file_path": str(file)}),
        lambda out: str(json.loads(out)["result"]),
    ),
)
