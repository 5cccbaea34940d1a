"""Metrics of real processes: of each worker, and of loads of the configuration."""

import asyncio
import signal
import socket
from pathlib import Path

import httpx
import pytest
from both_doors import COMPLETIONS, question
from gateway_process import Running, gateway_process
from scraping import Scrape, scrape
from support import bearer

from qwen_grpc.simulator import running

pytestmark = pytest.mark.slow
METRICS = "metrics are at http://127.0.0.1:"
WEB = '[upstreams.web]\nkind = "chat_qwen_ai"\n'
ASKED = 24


def port_in(line: str) -> int:
    """The port that a ready line names."""
    return int(line.removeprefix(METRICS).removesuffix("/metrics"))


async def metrics_ports(gateway: Running, count: int) -> list[int]:
    """The ports of so many workers, as they said them."""
    while len(said := [port_in(line) for line in gateway.lines if line.startswith(METRICS)]) < count:
        await gateway.line()
    return said


async def ask(gateway: Running) -> None:
    """One chat, on a connection of its own."""
    async with httpx.AsyncClient(base_url=gateway.rest, timeout=20) as http:
        assert (await http.post(COMPLETIONS, json=question("Hello"), headers=bearer())).status_code == 200


def answered(found: Scrape) -> float:
    """How many chats a worker has answered."""
    return found.table("qwen_grpc_calls_total").get(("OK", "", "ChatService/CompleteChat"), 0)


def two_free_ports() -> int:
    """The first of two free ports that follow each other."""
    while True:
        with socket.socket() as one, socket.socket() as next_:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                next_.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


@pytest.mark.asyncio
async def test_each_worker_tells_its_own_numbers_on_its_own_port(tmp_path: Path) -> None:
    base = two_free_ports()
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path, "--workers", "2", METRICS_PORT=str(base)) as gateway,
    ):
        assert sorted(await metrics_ports(gateway, 2)) == [base, base + 1]
        await asyncio.gather(*(ask(gateway) for _ in range(ASKED)))
        found = [await scrape(port) for port in (base, base + 1)]
    assert sum(answered(one) for one in found) == ASKED
    assert [one.of("qwen_grpc_jobs", state="RUNNING") for one in found] == [0, 0]


@pytest.mark.asyncio
async def test_workers_without_a_number_take_free_ports_and_say_which(tmp_path: Path) -> None:
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path, "--workers", "2", METRICS_PORT="0") as gateway,
    ):
        ports = await metrics_ports(gateway, 2)
        assert len(set(ports)) == 2
        await ask(gateway)
        assert sum([answered(await scrape(port)) for port in ports]) == 1


@pytest.mark.asyncio
async def test_loads_of_the_configuration_are_counted_with_how_they_went(tmp_path: Path) -> None:
    config = tmp_path / "qwen-grpc.toml"
    config.write_text(WEB)
    flags = ("--config", "qwen-grpc.toml", "--no-rest")
    async with (
        running() as simulator,
        gateway_process(simulator.url, tmp_path, *flags, METRICS_PORT="0") as gateway,
    ):
        (port,) = await metrics_ports(gateway, 1)
        config.write_text("[upstreams.web]\nkind = 4\n")
        gateway.signal(signal.SIGHUP)
        await gateway.heard("configuration not loaded")
        bad = await scrape(port)
        config.write_text(f"# again\n{WEB}")
        gateway.signal(signal.SIGHUP)
        await gateway.heard("configuration loaded")
        good = await scrape(port)
    assert bad.of("qwen_grpc_config_in_force") == 0
    assert bad.table("qwen_grpc_config_reloads_total").keys() == {("failed",)}
    assert good.of("qwen_grpc_config_in_force") == 1
    assert good.table("qwen_grpc_config_reloads_total").keys() == {("failed",), ("ok",)}
