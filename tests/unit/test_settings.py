"""What an operator can set, where it comes from, and how a bad value is told."""

from pathlib import Path

import pytest

from qwen_grpc.settings import BadSettings, Problems, Settings, check_names, load, read_file
from rest_shim.settings import ShimSettings

pytestmark = pytest.mark.usefixtures("nowhere")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for kind in (Settings, ShimSettings):
        for name in kind.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
            monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("kind", [Settings, ShimSettings])
def test_nothing_has_to_be_set(kind: type[Settings]) -> None:
    assert load(kind).model_dump() == {name: field.default for name, field in kind.model_fields.items()}


@pytest.mark.parametrize("kind", [Settings, ShimSettings])
def test_every_setting_says_what_it_is(kind: type[Settings]) -> None:
    assert [name for name, field in kind.model_fields.items() if not (field.description or "").endswith(".")] == []


def test_flags_win_over_the_environment_over_dotenv_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    file = {"grpc_host": "file", "grpc_port": 1, "qwen_max_calls": 1, "log_level": "ERROR"}
    Path(".env").write_text("GRPC_HOST=dotenv\nGRPC_PORT=2\nQWEN_MAX_CALLS=2\nSOMETHING_ELSE=7\n", encoding="utf-8")
    monkeypatch.setenv("GRPC_HOST", "environment")
    monkeypatch.setenv("GRPC_PORT", "3")
    monkeypatch.setenv("LOG_FORMAT", "")

    found = load(Settings, file, grpc_host="flag", grpc_port=None)

    assert (found.grpc_host, found.grpc_port, found.qwen_max_calls, found.log_level, found.log_format) == (
        "flag",
        3,
        2,
        "ERROR",
        "console",
    )


def test_a_file_may_hold_settings_of_both_doors() -> None:
    file = {"grpc_port": 1, "port": 2}
    assert (load(Settings, file).grpc_port, load(ShimSettings, file).port) == (1, 2)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(Settings).grpc_port = 1


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("GRPC_PORT", "lots", "a valid integer, unable to parse string as an integer"),
        ("GRPC_PORT", "65536", "less than or equal to 65535"),
        ("GRPC_PORT", "-1", "greater than or equal to 0"),
        ("QWEN_BASE_URL", "chat.qwen.ai", "a text that matches '^https?://'"),
        ("QWEN_AUTH_URL", "ftp://x", "a text that matches '^https?://'"),
        ("QWEN_UPLOAD_URL", "ftp://x", "a text that matches '^(https?://.*)?$'"),
        ("QWEN_FETCH_MEDIA", "perhaps", "a valid boolean, unable to interpret input"),
        ("MODEL_CACHE_DURATION", "-1", "greater than or equal to 0"),
        ("MODEL_CACHE_DURATION", "nan", "greater than or equal to 0"),
        ("QWEN_KEEP_CHATS", "perhaps", "a valid boolean, unable to interpret input"),
        ("QWEN_CHAT_IDLE", "0.5", "greater than or equal to 1"),
        ("QWEN_MAX_CALLS", "0", "greater than or equal to 1"),
        ("QWEN_DRAIN", "-0.1", "greater than or equal to 0"),
        ("LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("LOG_FORMAT", "xml", "'console' or 'json'"),
    ],
)
def test_a_bad_value_is_told_with_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as failure:
        load(Settings)
    assert str(failure.value) == f"{name}={value!r}: expected {expected}"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "x", "a valid integer, unable to parse string as an integer"),
        ("EARLY_HEADERS", "0", "greater than 0"),
        ("HEARTBEAT", "0", "greater than 0"),
        ("MAX_BODY", "1023", "greater than or equal to 1024"),
    ],
)
def test_so_is_one_of_the_rest_door(monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as failure:
        load(ShimSettings)
    assert str(failure.value) == f"{name}={value!r}: expected {expected}"


def test_every_bad_value_has_a_line_and_a_long_one_is_cut() -> None:
    with pytest.raises(BadSettings) as failure:
        load(Settings, {"grpc_port": "x" * 99}, qwen_max_calls=0)
    assert str(failure.value).splitlines() == [
        f"GRPC_PORT='{'x' * 80}': expected a valid integer, unable to parse string as an integer",
        "QWEN_MAX_CALLS='0': expected greater than or equal to 1",
    ]


def test_a_bad_value_of_a_file_is_told_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_DRAIN", "-1")
    with pytest.raises(BadSettings) as failure:
        load(Settings, {"grpc_port": "x", "qwen_drain": -2}, Path("gateway.toml"))
    assert str(failure.value).splitlines() == [
        "gateway.toml: grpc_port: expected a valid integer, unable to parse string as an integer",
        "QWEN_DRAIN='-1': expected greater than or equal to 0",
    ]


def test_a_file_is_toml(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text('grpc_host = "ü"\nport = 0\n', encoding="utf-8")
    assert read_file(path) == {"grpc_host": "ü", "port": 0}
    assert read_file(None) == {}


def test_every_unknown_name_of_a_file_has_a_line() -> None:
    with pytest.raises(BadSettings) as failure:
        check_names(Path("gateway.toml"), ["port", "prot", "GRPC_PORT", "x" * 40], ShimSettings.model_fields.keys())
    assert str(failure.value).splitlines() == [
        "gateway.toml: GRPC_PORT: there is no such key; did you mean port?",
        "gateway.toml: prot: there is no such key; did you mean port?",
        f"gateway.toml: {'x' * 32}: there is no such key; expected a setting or a table (docs/configuration.md)",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"port = ", "expected TOML: Invalid value (at end of document)"),
        (b"a = 1\nport: 0", "expected TOML: Expected '=' after a key in a key/value pair (at line 2, column 5)"),
        (b"[keys.a]\n[keys.a]", "expected TOML: Cannot declare ('keys', 'a') twice (at line 2, column 8)"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "gateway.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadSettings) as failure:
        read_file(path)
    assert str(failure.value) == f"{path}: {said}"


def test_the_lines_of_several_steps_are_told_together() -> None:
    problems = Problems()
    for line in ("one", "two\nthree"):
        with problems:
            raise BadSettings(line)
    with pytest.raises(BadSettings, match=r"\Aone\ntwo\nthree\Z"):
        problems.settle()
    with pytest.raises(KeyError), problems:
        raise KeyError
