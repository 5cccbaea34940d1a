"""`qwen-grpc doctor` as a real process, on a configuration with good and bad parts."""

import os
import sys
from pathlib import Path

import pytest
from authority import Authority
from subprocesses import Ended, run
from support import USER, bearer, session
from tls_clients import tls_table

from qwen_grpc.credentials import pack
from qwen_grpc.simulator import running

pytestmark = pytest.mark.slow
GONE = "http://127.0.0.1:9"


async def examined(folder: Path, text: str, **environment: str) -> Ended:
    """What the doctor says to a configuration."""
    (folder / "qwen-grpc.toml").write_text(f"port = 0\ngrpc_port = 0\n{text}", encoding="utf-8")
    path = {"PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = (sys.executable, "-m", "qwen_grpc", "doctor", "--config", "qwen-grpc.toml")
    return await run(*command, environment=path, cwd=folder)


def web(url: str, *variables: str) -> str:
    refs = ", ".join(f'{{ env = "{name}" }}' for name in variables)
    return f'[upstreams.web]\nkind = "chat_qwen_ai"\nbase_url = "{url}"\ncredentials = [{refs}]\n'


@pytest.mark.asyncio
async def test_a_good_configuration_is_found_good_down_to_each_credential(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("server", days=30)
    async with running() as simulator:
        text = web(simulator.url, "ONE") + tls_table(pair)
        secrets = {"ONE": pack(session()), "QWEN_TOKEN": pack(session("00000000-0000-4000-8000-000000000002"))}
        ended = await examined(tmp_path, text, **secrets)
    lines = ended.out.splitlines()
    assert (ended.code, ended.err) == (0, "")
    assert lines[:4] == [
        "ok    settings are valid",
        "ok    PORT 127.0.0.1:0 is free",
        "ok    GRPC_PORT 127.0.0.1:0 is free",
        "ok    tls.certificate is valid for 29 days more",
    ]
    assert lines[4].startswith("ok    upstream web lists ")
    assert lines[5].startswith(f"ok    credential web/1 is accepted: the web session of account {USER[:8]} (")
    assert lines[6].startswith("ok    the credential in QWEN_TOKEN is accepted: the web session of account 00000000 (")
    assert len(lines) == 7
    assert not any(secret in ended.out for secret in secrets.values())


@pytest.mark.asyncio
async def test_what_is_wrong_is_named_with_what_to_do(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("server", days=2)
    async with running() as simulator:
        text = f'{web(simulator.url, "ONE", "TWO")}[upstreams.gpu]\nkind = "openai_engine"\nbase_url = "{GONE}/v1"\n'
        good, ended_one = session(), session("00000000-0000-4000-8000-000000000002", ttl_s=-60, refresh=False)
        ended = await examined(tmp_path, text + tls_table(pair), ONE=pack(good), TWO=pack(ended_one))
    bad = [line for line in ended.out.splitlines() if line.startswith("FAIL")]
    assert ended.code == 1
    assert bad == [
        "FAIL  tls.certificate is valid for 1 days more",
        "FAIL  credential web/2 is not accepted",
        "FAIL  upstream gpu gives no model list",
    ]
    assert "      renew it; a running gateway takes the new one up by itself" in ended.out.splitlines()
    assert bearer(good)["authorization"].removeprefix("Bearer ") not in ended.out


@pytest.mark.asyncio
async def test_a_bad_configuration_is_told_as_at_a_start(tmp_path: Path) -> None:
    ended = await examined(tmp_path, '[upstreams.web]\nkind = "chat"\n[aliases]\nmine = ["wbe/x"]\n')
    assert (ended.code, ended.out.splitlines()) == (1, [
        "FAIL  settings",
        "      qwen-grpc.toml: upstreams.web.kind: expected 'chat_qwen_ai', 'dashscope' or 'openai_engine'",
        "      qwen-grpc.toml: aliases.mine.0: there is no upstream wbe; did you mean web?",
    ])  # fmt: skip
