import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qwen_grpc.cli import app
from qwen_grpc.configuration import load_configuration
from qwen_grpc.gateway_keys import hash_of
from qwen_grpc.settings import read_file

CONFIG = Path("qwen-grpc.toml")
WRITTEN = """\
# The gateway of the lab.

port = 8080   # odd

[upstreams.gpu]   # ours
kind = "openai_engine"
base_url = "http://127.0.0.1:8001/v1"

[upstreams.web]
kind = "chat_qwen_ai"
# last words
"""
SECRET_LINE = 'key_secret = { file = "qwen-grpc.key-secret" }\n'
KEY = re.compile(r"qk-[A-Za-z0-9_-]{43}")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QWEN_KEY_SECRET", raising=False)
    CONFIG.write_text(WRITTEN, encoding="utf-8")
    return tmp_path


def keys(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["keys", *words])
    return result.exit_code, result.stdout, result.stderr


def added(*words: str) -> str:
    """The key that `add` prints, and nothing else does."""
    code, out, err = keys("add", *words)
    key = out.removesuffix("\n")
    assert (code, bool(KEY.fullmatch(key)), key in err) == (0, True, False)
    return key


def named(key: str) -> str | None:
    """What the configuration calls a key."""
    ring = load_configuration(CONFIG, read_file(CONFIG)).ring
    assert ring is not None
    return ring.named(key)


def test_a_key_is_printed_once_and_only_its_hash_is_kept(folder: Path) -> None:
    key = added("team-a", "--upstreams", "gpu", "--models", "qwen3*, qwen-max")
    secret = (folder / "qwen-grpc.key-secret").read_text(encoding="ascii").strip()
    assert named(key) == "team-a"
    assert CONFIG.read_text(encoding="utf-8") == WRITTEN.replace("lab.\n", f"lab.\n{SECRET_LINE}") + (
        f'\n[keys.team-a]\nhash = "{hash_of(secret.encode(), key)}"\n'
        'upstreams = ["gpu"]\nmodels = ["qwen3*", "qwen-max"]\n'
    )
    assert (len(secret), (folder / "qwen-grpc.key-secret").stat().st_mode & 0o777) == (43, 0o600)


def test_keys_are_listed_without_their_hashes() -> None:
    added("team-a", "--upstreams", "gpu")
    added("b", "--models", "qwen3*,qwen-max")
    code, out, err = keys("list")
    assert (code, out.splitlines(), err) == (0, [
        "name    upstreams  models            calls at once  requests a minute",
        "team-a  gpu        *                 50             no limit",
        "b       *          qwen3*, qwen-max  50             no limit",
    ], "")  # fmt: skip


def test_a_revoked_key_is_unknown_and_the_others_stay() -> None:
    first, second = added("first"), added("second")
    code, out, err = keys("revoke", "first")
    assert (code, out, err.splitlines()) == (0, "", [
        "qwen-grpc.toml has no keys.first any more.", "A running gateway takes that up by itself.",
    ])  # fmt: skip
    assert [named(first), named(second)] == [None, "second"]
    assert keys("revoke", "second")[0] == 0
    assert CONFIG.read_text(encoding="utf-8") == WRITTEN.replace("lab.\n", f"lab.\n{SECRET_LINE}") + "\n"


def test_a_key_secret_of_the_environment_is_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_KEY_SECRET", "s" * 32)
    key = added("a")
    assert [path.name for path in folder.iterdir()] == ["qwen-grpc.toml"]
    assert tomllib.loads(CONFIG.read_text(encoding="utf-8"))["keys"]["a"]["hash"] == hash_of(b"s" * 32, key)


def test_no_second_secret_is_made_while_the_first_is_unknown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_KEY_SECRET", "s" * 32)
    added("a")
    monkeypatch.delenv("QWEN_KEY_SECRET")
    before = CONFIG.read_text(encoding="utf-8")
    line = "QWEN_KEY_SECRET: expected the secret that the other keys were made with\n"
    assert keys("add", "b") == (2, "", line)
    assert ([path.name for path in folder.iterdir()], CONFIG.read_text(encoding="utf-8")) == ([CONFIG.name], before)


def test_a_secret_file_that_is_there_already_is_kept(folder: Path) -> None:
    file = folder / "qwen-grpc.key-secret"
    file.write_text("s" * 40, encoding="ascii")
    file.chmod(0o600)
    key = added("a")
    assert (file.read_text(encoding="ascii"), named(key)) == ("s" * 40, "a")


NAME = "NAME: expected a name of 1 to 32 small letters, digits, - and _, with a letter or digit first"
MISSING = "none.toml: cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("add", "A b"), NAME),
        (("add", "old"), f"{CONFIG}: keys.old: there is one of this name; revoke it first, or take another name"),
        (
            ("add", "a", "--upstreams", "gup"),
            f"{CONFIG}: keys.a.upstreams.0: there is no upstream gup; did you mean gpu?",
        ),
        (
            ("add", "a", "--upstreams", "web"),
            f"{CONFIG}: keys.a.upstreams.0: upstreams.web has no credentials for a key to stand for",
        ),
        (("add", "a", "--config", "none.toml"), MISSING),
        (("revoke", "odl"), f"{CONFIG}: keys.odl: there is no such key; did you mean old?"),
        (("list", "--config", "none.toml"), MISSING),
    ],
)
def test_what_cannot_be_done_has_one_line_and_changes_nothing(folder: Path, words: tuple[str, ...], line: str) -> None:
    added("old")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert keys(*words) == (2, "", f"{line}\n")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_revoking_in_a_file_that_cannot_be_loaded_says_that_the_key_is_still_good() -> None:
    added("a")
    CONFIG.write_text(CONFIG.read_text(encoding="utf-8").replace('"chat_qwen_ai"', '"chat"'), encoding="utf-8")
    code, _, err = keys("revoke", "a")
    assert (code, err.splitlines()) == (1, [
        "qwen-grpc.toml has no keys.a any more.",
        "A running gateway keeps its old configuration, with the key, until these are mended:",
        "qwen-grpc.toml: upstreams.web.kind: expected 'chat_qwen_ai', 'dashscope' or 'openai_engine'",
    ])  # fmt: skip
