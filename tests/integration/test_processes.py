import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from both_doors import COMPLETIONS, Doors, question, rest_stream, rest_whole
from gateway_process import gateway_process, started
from support import bearer, open_house, records
from upstream_record import until

from qwen_grpc.simulator import Behaviour, running

pytestmark = pytest.mark.slow
SERVE = ("qwen_grpc", "serve")


# -- a start that fails -----------------------------------------------------------------------------------------------


async def refused_start(folder: Path, *words: str, **env: str) -> list[str]:
    """What a command says that does not start."""
    async with started(*words, folder=folder, **env) as command:
        assert await command.ended() == 2
        return command.lines


@contextmanager
def taken_port(*, shared: bool = False) -> Iterator[int]:
    """A port that somebody listens on, perhaps with others of their own."""
    with socket.socket() as taken:
        if shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.asyncio
async def test_a_taken_port_is_an_error_of_one_line_that_names_the_setting(tmp_path: Path) -> None:
    with taken_port() as port, taken_port(shared=True) as shared:
        rest = (*SERVE, "--grpc-port", "0", "--port")
        calls = (*SERVE, "--port", "0", "--grpc-port")
        said = await asyncio.gather(
            refused_start(tmp_path, *rest, f"{port}"),
            refused_start(tmp_path, *calls, f"{port}"),
            refused_start(tmp_path, *rest, f"{shared}", "--workers", "2"),
            refused_start(tmp_path, *calls, f"{shared}", "--workers", "2"),
        )
    assert said[0] == [f"PORT: cannot listen on 127.0.0.1:{port}: Address already in use"]
    grpc_line = f"GRPC_PORT: cannot listen on 127.0.0.1:{port}: it is taken, or not an address of this machine"
    # Before it, grpc's core says the same in words of its own.
    assert said[1][-1] == grpc_line
    assert said[2] == [f"PORT: cannot listen on 127.0.0.1:{shared}: Address already in use"]
    assert said[3] == [f"GRPC_PORT: cannot listen on 127.0.0.1:{shared}: Address already in use"]


@pytest.mark.asyncio
async def test_bad_settings_are_told_with_name_value_and_what_was_expected(tmp_path: Path) -> None:
    said = await asyncio.gather(
        refused_start(tmp_path, *SERVE, QWEN_MAX_CALLS="lots", QWEN_DRAIN="-1"),
        refused_start(tmp_path, *SERVE, HEARTBEAT="0"),
        refused_start(tmp_path, *SERVE, "--config", str(tmp_path / "missing.toml")),
        refused_start(tmp_path, "rest_shim"),
    )
    assert said[0] == [
        "QWEN_MAX_CALLS='lots': expected a valid integer, unable to parse string as an integer",
        "QWEN_DRAIN='-1': expected greater than or equal to 0",
    ]
    assert said[1] == ["HEARTBEAT='0': expected greater than 0"]
    assert said[2] == [f"{tmp_path}/missing.toml: cannot be read: No such file or directory"]
    assert said[3] == ["--target is missing: name the gRPC server, such as --target 127.0.0.1:50051"]


# -- several workers --------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_two_workers_share_the_ports_and_finish_their_streams_when_asked_to_end(tmp_path: Path) -> None:
    async with (
        running(behaviour=Behaviour(pace_s=0.01)) as simulator,
        gateway_process(simulator.url, tmp_path, "--workers", "2") as gateway,
    ):
        await gateway.heard("REST listens on")
        assert len(gateway.lines) == 4
        assert sorted(set(gateway.lines)) == [
            f"REST listens on {gateway.rest}", f"gRPC listens on {gateway.target}"
        ]  # fmt: skip
        assert len(workers_of(gateway.process.pid)) >= 2
        streams = [asyncio.create_task(a_stream(gateway.rest, 250 if first else 60)) for first in (True, *[False] * 23)]
        await until(lambda: len(simulator.streams) == 24)
        serving = {pid for pid in workers_of(gateway.process.pid) if connections_of(pid, gateway.ports["rest"])}
        assert len(serving) == 2

        gateway.signal()
        assert await asyncio.wait_for(asyncio.gather(*streams), 15) == ["[DONE]"] * 24
        assert await gateway.ended(10) == 0
        assert [line for line in gateway.lines if line == "draining"] == ["draining"] * 2


async def a_stream(url: str, words: int) -> Any:
    """The last record of a stream, on a connection of its own."""
    async with httpx.AsyncClient(base_url=url, timeout=20) as http:
        body = question(f"[[sim:long:{words}]]", stream=True)
        return records((await http.post(COMPLETIONS, json=body, headers=bearer())).text)[-1]


def workers_of(pid: int) -> list[int]:
    """The children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def connections_of(pid: int, port: int) -> int:
    """How many established connections to a local port a process holds."""
    open_files = [file.readlink().name for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()]
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    established = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"}
    return len(established.intersection(open_files))


# -- the two doors in two processes -----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_the_shim_as_a_process_of_its_own_answers_as_the_one_within_the_gateway(tmp_path: Path) -> None:
    async with open_house() as house, gateway_process(house.simulator.url, tmp_path, "--no-rest") as gateway:
        assert "rest" not in gateway.ports
        words = ("rest_shim", "--target", gateway.target, "--port", "0")
        async with started(*words, folder=tmp_path) as shim:
            await shim.heard("REST listens on")
            async with (
                httpx.AsyncClient(base_url=shim.rest, timeout=20) as http,
                grpc.aio.insecure_channel(gateway.target) as channel,
            ):
                apart = Doors(channel, http, gateway.ports["grpc"])
                for prompt in ("Hello", "[[sim:http_429]]", "[[sim:midstream_error]]"):
                    for ask in (rest_whole, rest_stream):
                        assert await ask(apart, question(prompt)) == await ask(house, question(prompt))
                assert (await http.get("/health")).status_code == 200
                reply = await http.post(COMPLETIONS, json=question("Hello"), headers=bearer())
                assert reply.headers["x-qwen-model"] == "qwen3.8-max"

                gateway.signal()
                assert await gateway.ended(10) == 0
                assert (await http.get("/health")).status_code == 503
                reply = await http.post(COMPLETIONS, json=question("Hello"), headers=bearer())
                assert (reply.status_code, reply.headers["x-should-retry"]) == (503, "true")
            shim.signal()
            assert await shim.ended(10) == 0
