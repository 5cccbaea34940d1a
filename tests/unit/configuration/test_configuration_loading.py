from pathlib import Path

import pytest
from authority import Authority
from written import CANARY, FILE, JWT, SESSION, lines, loaded, secret_file

from qwen_grpc.configuration import Configuration, UpstreamConfig, files_of, load_configuration
from qwen_grpc.configuration.patterns import begin_alike, covers
from qwen_grpc.credentials import ApiKey, WebSession
from qwen_grpc.gateway_keys import hash_of
from qwen_grpc.settings import read_file

ROOT = Path(__file__).parents[3]
POOL = """
[upstreams.official]
kind = "dashscope"
base_url = "https://dashscope.test/"
credentials = [{ env = "DASHSCOPE" }, { file = "second" }]

[upstreams.web]
kind = "chat_qwen_ai"
credentials = [{ env = "JWT" }, { env = "SESSION" }]
"""


def test_credentials_are_read_once_and_have_labels_in_the_order_of_the_file() -> None:
    secret_file("second", f"  {CANARY}2\n")
    configuration = loaded(POOL)
    Path("second").unlink()
    assert configuration.secrets == {
        "official": (("official/1", ApiKey(CANARY)), ("official/2", ApiKey(f"{CANARY}2"))),
        "web": (("web/1", WebSession(JWT)), ("web/2", WebSession(refresh_token=CANARY))),
    }
    assert configuration.upstreams["official"].base_url == "https://dashscope.test"


def test_a_configuration_does_not_print_its_secrets() -> None:
    secret_file("second", f"{CANARY}2")
    text = f'key_secret = {{ env = "DASHSCOPE" }}\n{POOL}[keys.a]\nhash = "{hash_of(b"x", "y")}"\n'
    configuration = loaded(text)
    printed = repr(configuration) + str(configuration) + configuration.model_dump_json() + repr(configuration.secrets)
    assert "CANARY" not in printed
    assert "second" in printed


def test_gateway_keys_are_known_by_what_the_key_secret_makes_of_them() -> None:
    hashed = hash_of(CANARY.encode(), "qk-right")
    engine = '[upstreams.gpu]\nkind = "openai_engine"\nbase_url = "http://h"\n'
    configuration = loaded(f'key_secret = {{ env = "DASHSCOPE" }}\n{engine}[keys.team-a]\nhash = "{hashed}"\n')
    assert configuration.ring is not None
    assert [configuration.ring.named(key) for key in ("qk-right", "qk-wrong", "right")] == ["team-a", None, None]
    assert loaded(engine).ring is None


def test_without_a_file_there_are_upstreams_for_callers_own_credentials() -> None:
    configuration = load_configuration(None, {})
    assert configuration.model_dump() == Configuration().model_dump()
    assert configuration.upstreams == {
        "web": UpstreamConfig(kind="chat_qwen_ai"), "official": UpstreamConfig(kind="dashscope")
    }  # fmt: skip
    assert (configuration.ring, dict(configuration.secrets)) == (None, {"web": (), "official": ()})


def test_files_lie_beside_the_configuration_wherever_the_process_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Authority(folder).issue("server")
    secret_file("second", f"{CANARY}2")
    FILE.write_text(f'{POOL}[tls]\ncertificate = "server.pem"\nkey = "{pair.key}"\n', encoding="utf-8")
    monkeypatch.chdir("/")
    environment = {"DASHSCOPE": CANARY, "JWT": JWT, "SESSION": SESSION}
    configuration = load_configuration(folder / FILE, read_file(folder / FILE), environment)
    assert files_of(configuration) == [folder / "second", folder / "server.pem", folder / "server.key"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.issue("server")
    made.issue("other")
    return made


@pytest.mark.parametrize(
    ("certificate", "key", "client_ca", "line"),
    [
        ("none.pem", "server.key", "", "tls.certificate: this file cannot be read: No such file or directory"),
        ("server.pem", "none.key", "", "tls.key: this file cannot be read: No such file or directory"),
        ("server.pem", "other.key", "", "tls.key: this key does not belong to the certificate"),
        ("server.pem", "open.key", "", "tls.key: others may read this file (mode 644); `chmod 600` it"),
        ("server.key", "server.key", "", "tls.certificate: expected a PEM chain and its key, without a password"),
        ("server.pem", "server.key", "none.pem", "tls.client_ca: this file cannot be read: No such file or directory"),
        ("server.pem", "server.key", "server.key", "tls.client_ca: expected certificates in PEM form"),
    ],
)
def test_certificates_have_to_fit(
    authority: Authority, folder: Path, certificate: str, key: str, client_ca: str, line: str
) -> None:
    for source in authority.certificate.parent.iterdir():
        secret_file(source.name, source.read_text())
    secret_file("open.key", Path("server.key").read_text(), mode=0o644)
    ca = f'client_ca = "{client_ca}"\n' if client_ca else ""
    assert lines(f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n{ca}') == [line]


def test_the_example_in_the_repository_is_good(folder: Path) -> None:
    pair = Authority(folder).issue("server")
    Path("tls").mkdir()
    pair.certificate.rename("tls/chain.pem")
    pair.key.rename("tls/key.pem")
    secret_file("qwen-grpc.key-secret")
    secret_file("dashscope-2.key", f"{CANARY}2")
    FILE.write_text((ROOT / "deploy/qwen-grpc.toml").read_text(encoding="utf-8"), encoding="utf-8")
    configuration = load_configuration(FILE, read_file(FILE), {"DASHSCOPE_API_KEY": CANARY})
    assert [label for label, _ in configuration.secrets["official"]] == ["official/1", "official/2"]


def test_the_example_in_the_documents_is_good() -> None:
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    secret_file("dashscope-2.key", f"{CANARY}2")
    FILE.write_text(page.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    configuration = load_configuration(FILE, read_file(FILE), {"DASHSCOPE_API_KEY": CANARY})
    assert list(configuration.upstreams) == ["official", "gpu"]


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("*", "qwen*", True),
        ("qwen*", "qwen*", True),
        ("q*3", "q*w*3", True),
        ("qwen3*", "qwen*", False),
        ("qwen?", "qwen*", False),
        ("qwen[3]", "qwen3", False),
        ("qwen[3]", "qwen[3]", True),
    ],
)
def test_a_pattern_covers_another(wide: str, narrow: str, expected: bool) -> None:
    assert covers(wide, narrow) is expected


def test_patterns_begin_alike_unless_what_is_fixed_differs() -> None:
    pairs = [("qwen*", "qwen3*"), ("*", "x"), ("llama3", "llama3:*"), ("qwen*", "llama*"), ("a[b]", "b")]
    assert [begin_alike(*pair) for pair in pairs] == [True, True, True, False, False]
