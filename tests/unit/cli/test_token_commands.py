import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qwen_grpc.cli.token import app
from qwen_grpc.credentials import WebSession, pack, read_bearer

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6Im5ld2VyIn0.c2ln"
SESSION = WebSession(JWT, "CANARY-refresh", (("cna", "CANARY-cookie"),), "CANARY-agent", (("bx-v", "CANARY-header"),))
FACTS = """\
kind:          web session
account:       newer
access token:  states no expiry
refresh token: yes
user agent:    yes
cookies:       cna
headers:       bx-v
enough for:    reading and chat, but a chat may be challenged without the browser's own headers
"""


def run(*arguments: str, given: str | bytes = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments, input=given)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("arguments", [(), ("-",)])
@pytest.mark.parametrize("prefix", ["", "Bearer ", "\n"])
def test_inspect_reads_standard_input_and_prints_facts(arguments, prefix):
    assert run("inspect", *arguments, given=prefix + pack(SESSION) + "\n") == (0, FACTS, "")


def test_inspect_reads_an_argument():
    assert run("inspect", pack(SESSION)) == (0, FACTS, "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "no credential came with the call"),
        ("eyJCANARY", "its JWT does not have exactly three parts"),
        ("k" * 100_000, "it is longer than 14336 characters"),
        (b"\xffCANARY-CANARY", "characters outside of ASCII"),
    ],
)
def test_a_bad_credential_ends_with_one_line_and_exit_code_2(given, words):
    code, out, err = run("inspect", given=given)

    assert (code, out, err.count("\n"), words in err, "CANARY" in err) == (2, "", 1, True, False)


def test_pack_compresses_an_object_from_standard_input_or_a_file(tmp_path):
    fields = {
        "token": JWT,
        "refresh_token": "CANARY-refresh",
        "cookies": dict(SESSION.cookies),
        "user_agent": "CANARY-agent",
        "headers": dict(SESSION.headers),
    }
    file = tmp_path / "session.json"
    file.write_text(json.dumps(fields, indent=2))

    assert run("pack", given=json.dumps(fields)) == (0, pack(SESSION) + "\n", "")
    assert run("pack", str(file)) == (0, pack(SESSION) + "\n", "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "its text is not one small JSON object"),
        ('{"token": "CANARY"}', "its JWT does not have exactly three parts"),
        (b"\xff{CANARY", "its text is not one small JSON object"),
    ],
)
def test_pack_refuses_what_is_no_session(given, words):
    code, out, err = run("pack", given=given)

    assert (code, out, err.count("\n"), words in err, "CANARY" in err) == (2, "", 1, True, False)


def test_import_prints_the_credential_alone_and_the_facts_beside_it():
    text = f"cna=CANARY-cookie; token={JWT}; refresh_token=CANARY-refresh"
    code, out, err = run("import", "-", "--user-agent", "CANARY-agent", given=text)

    assert (code, "CANARY" in err) == (0, False)
    assert err.splitlines()[5] == "cookies:       cna, token, refresh_token"
    assert read_bearer(out.strip()) == WebSession(
        JWT,
        "CANARY-refresh",
        (("cna", "CANARY-cookie"), ("token", JWT), ("refresh_token", "CANARY-refresh")),
        "CANARY-agent",
    )


def test_import_tells_a_har_and_a_curl_command_apart():
    har = Path(__file__).parent.parent / "credentials" / "session.har"
    curl = f"curl 'https://chat.qwen.ai/api/v2/chats/' -H 'authorization: Bearer {JWT}'"

    assert read_bearer(run("import", str(har))[1].strip()).refresh_token == "newer-refresh"
    assert read_bearer(run("import", "-", given=curl)[1].strip()) == WebSession(JWT)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    missing = tmp_path / "missing.har"

    assert run("import", str(missing)) == (2, "", f"cannot read {missing}: No such file or directory\n")


@pytest.mark.parametrize("given", ["", "CANARY=1", "{CANARY", "curl CANARY"])
def test_import_refuses_what_is_no_export(given):
    code, out, err = run("import", "-", given=given)

    assert (code, out, err.count("\n"), "CANARY" in err) == (2, "", 1, False)


def test_the_help_of_inspect_advises_standard_input():
    assert "standard input, which is better" in " ".join(run("inspect", "--help")[1].replace("│", " ").split())
