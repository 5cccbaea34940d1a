"""Configuration files for tests, and what loading them says."""

from pathlib import Path

import pytest

from qwen_grpc.configuration import Configuration, load_configuration
from qwen_grpc.credentials import WebSession, pack
from qwen_grpc.settings import BadSettings, read_file

# Must never be seen in anything that is printed.
CANARY = "CANARY0123456789CANARY0123456789"
SESSION = pack(WebSession(refresh_token=CANARY))
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6ImFubiJ9.c2ln"
ENVIRONMENT = {"DASHSCOPE": CANARY, "SESSION": SESSION, "JWT": JWT, "WEAK": "CANARY", "EMPTY": "  "}
FILE = Path("qwen-grpc.toml")


def loaded(text: str) -> Configuration:
    """The configuration that is written in the working directory."""
    FILE.write_text(text, encoding="utf-8")
    return load_configuration(FILE, read_file(FILE), ENVIRONMENT)


def lines(text: str) -> list[str]:
    """What is said about a file that is no good, without the name of the file."""
    with pytest.raises(BadSettings) as failure:
        loaded(text)
    said = str(failure.value).splitlines()
    assert all(line.startswith(f"{FILE}: ") for line in said)
    assert "CANARY" not in repr(failure.value)
    return [line.removeprefix(f"{FILE}: ") for line in said]


def secret_file(name: str, content: str = CANARY, mode: int = 0o600) -> Path:
    """A file in the working directory."""
    path = Path(name)
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)
    return path
