"""Real processes that take up their configuration again."""

import asyncio
import os
import signal
import sys
import tomllib
from pathlib import Path

import httpx
import pytest
from authority import Authority
from both_doors import COMPLETIONS, question
from gateway_process import Running, gateway_process, started
from subprocesses import run
from support import bearer
from tls_clients import client_context, rest, rpc, tls_table

from qwen_grpc.simulator import running

pytestmark = pytest.mark.slow
WEB = '[upstreams.web]\nkind = "chat_qwen_ai"\n'
ALIAS = f'{WEB}[aliases]\nmine = ["web/qwen-max"]\n'
LOADED = "configuration loaded"
KEPT = "configuration not loaded, the old one is kept"


async def status_of(gateway: Running, model: str) -> int:
    """How a chat with a model ends."""
    async with httpx.AsyncClient(base_url=gateway.rest, timeout=20) as http:
        reply = await http.post(COMPLETIONS, json={**question("Hello"), "model": model}, headers=bearer())
    return reply.status_code


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.asyncio
async def test_a_bad_file_at_a_hangup_changes_nothing_and_a_good_one_is_served(tmp_path: Path) -> None:
    config = write(tmp_path / "qwen-grpc.toml", WEB)
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path, "--config", "qwen-grpc.toml") as gateway,
    ):
        assert [await status_of(gateway, model) for model in ("qwen-max", "mine")] == [200, 404]
        write(config, ALIAS.replace("web/", "wbe/"))
        gateway.signal(signal.SIGHUP)
        await gateway.heard(KEPT)
        assert "qwen-grpc.toml: aliases.mine.0: there is no upstream wbe; did you mean web?" in gateway.lines[-1]
        assert [await status_of(gateway, model) for model in ("qwen-max", "mine")] == [200, 404]
        write(config, ALIAS)
        gateway.signal(signal.SIGHUP)
        await gateway.heard(LOADED)
        assert [await status_of(gateway, model) for model in ("qwen-max", "mine")] == [200, 200]
        gateway.signal()
        assert await gateway.ended(10) == 0


@pytest.mark.asyncio
async def test_every_worker_takes_it_up(tmp_path: Path) -> None:
    write(tmp_path / "qwen-grpc.toml", WEB)
    flags = ("--config", "qwen-grpc.toml", "--workers", "2")
    async with running() as simulator, gateway_process(simulator.url, tmp_path, *flags) as gateway:
        await gateway.heard("REST listens on")
        gateway.signal(signal.SIGHUP)
        for _ in range(2):
            await gateway.heard(LOADED)
        assert await status_of(gateway, "qwen-max") == 200
        gateway.signal()
        assert await gateway.ended(10) == 0


@pytest.mark.asyncio
async def test_a_start_with_a_bad_file_ends_with_a_line_for_each_mistake(tmp_path: Path) -> None:
    write(tmp_path / "qwen-grpc.toml", f'port = "x"\n{WEB}base_url = "CANARY"\n[keys.a]\nhash = "CANARY"\n')
    words = ("qwen_grpc", "serve", "--config", "qwen-grpc.toml")
    for more in ((), ("--workers", "2")):
        async with started(*words, *more, folder=tmp_path) as command:
            assert await command.ended() == 2
        assert command.lines == [
            "qwen-grpc.toml: port: expected a valid integer, unable to parse string as an integer",
            "qwen-grpc.toml: keys.a.hash: expected hmac-sha256: and 64 hexadecimal digits, "
            "as `qwen-grpc keys add` writes them",
            "qwen-grpc.toml: upstreams.web.base_url: expected an address with http:// or https:// and a host",
        ]


@pytest.mark.asyncio
async def test_certificates_of_both_processes_are_renewed_by_a_hangup(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    server, shim, caller = (ours.issue(name) for name in ("server", "shim", "caller"))
    write(tmp_path / "qwen-grpc.toml", f"{WEB}{tls_table(server, ours.certificate)}")
    words = ("--no-rest", "--config", "qwen-grpc.toml")
    to_server = ("--ca", str(ours.certificate), "--certificate", str(shim.certificate), "--key", str(shim.key))
    own = {"DOOR_CERTIFICATE": "door.pem", "DOOR_KEY": "door.key", "DOOR_CLIENT_CA": str(ours.certificate)}
    ours.issue("door")
    async with running() as simulator, gateway_process(simulator.url, tmp_path, *words) as gateway:
        door = ("rest_shim", "--target", gateway.target, "--port", "0", *to_server)
        async with started(*door, folder=tmp_path, **own) as apart:
            await apart.heard("REST listens on https://")
            # The shim asks its target, so this goes the whole way.
            assert await rest(apart.ports["rest"], client_context(ours, caller)) == "door"
            assert await rest(apart.ports["rest"], client_context(ours)) == "refused"

            theirs = Authority(tmp_path, "theirs")
            renewed = theirs.issue("renewed")
            renewed.certificate.replace(tmp_path / "door.pem")
            renewed.key.replace(tmp_path / "door.key")
            write(tmp_path / "qwen-grpc.toml", f"{WEB}{tls_table(theirs.issue('server'), ours.certificate)}")
            for process in (apart, gateway):
                process.signal(signal.SIGHUP)
            await gateway.heard(LOADED)
            await apart.heard("certificates renewed")
            assert await rest(apart.ports["rest"], client_context(theirs, caller)) == "renewed"
            assert await rpc(gateway.ports["grpc"], theirs, caller) == "answered"
            assert await rpc(gateway.ports["grpc"], ours, caller) == "refused"


@pytest.mark.asyncio
async def test_a_key_that_is_added_while_serving_is_good_until_it_is_revoked(tmp_path: Path) -> None:
    async with running() as simulator:
        engine = f'[upstreams.gpu]\nkind = "openai_engine"\nbase_url = "{simulator.url}/engine/vllm/v1"\n'
        write(tmp_path / "qwen-grpc.toml", engine)
        async with gateway_process(simulator.url, tmp_path, "--config", "qwen-grpc.toml") as gateway:
            key = (await keys(tmp_path, "add", "team-a")).strip()
            await gateway.heard(LOADED)
            assert await models_status(gateway, key) == 200
            assert await models_status(gateway, key[:-1] + "_") == 401
            await keys(tmp_path, "revoke", "team-a")
            await gateway.heard(LOADED)
            assert await models_status(gateway, key) == 401


async def keys(folder: Path, *words: str) -> str:
    """What a command about keys prints on standard output."""
    command = (sys.executable, "-m", "qwen_grpc", "keys", *words)
    ended = await run(*command, environment={"PYTHONPATH": os.pathsep.join(sys.path)}, cwd=folder)
    assert ended.code == 0
    return ended.out


async def models_status(gateway: Running, key: str) -> int:
    async with httpx.AsyncClient(base_url=gateway.rest, timeout=20) as http:
        return (await http.get("/v1/models", headers={"authorization": f"Bearer {key}"})).status_code


@pytest.mark.asyncio
async def test_keys_that_are_added_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    config = write(tmp_path / "qwen-grpc.toml", '[upstreams.gpu]\nkind = "openai_engine"\nbase_url = "http://h"\n')
    names = [f"team-{number}" for number in range(4)]

    async def add(name: str) -> int:
        async with started("qwen_grpc", "keys", "add", name, folder=tmp_path) as command:
            return await command.ended()

    assert await asyncio.gather(*map(add, names)) == [0] * 4
    assert sorted(tomllib.loads(config.read_text(encoding="utf-8"))["keys"]) == names
