"""A page's way to the gRPC door: connect-web speaks gRPC-Web to Envoy, which speaks gRPC to the gateway."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import node_sdk
import pytest
import pytest_asyncio
from subprocesses import BUF, REPOSITORY, run
from support import House, open_house, session

from qwen_grpc.credentials import pack
from qwen_grpc.simulator import Behaviour

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("grpc-web")]

ENVOY = REPOSITORY / ".venv-clients" / "bin" / "envoy"
CONFIGURATION = REPOSITORY / "deploy" / "envoy-grpc-web.yaml"
PAGE = Path(__file__).parent / "web"
CHAT = "/qwen.v1.ChatService/StreamChat"
READY_S = 20


@dataclass(frozen=True)
class Web:
    """A house behind Envoy."""

    house: House
    url: str

    async def page(self, *words: str) -> dict[str, Any]:
        """What the page has seen."""
        reach = {"GRPC_WEB_URL": self.url, "OPENAI_API_KEY": pack(session())}
        ended = await run(node_sdk.NODE, "chat.mjs", *words, environment=reach, cwd=PAGE)
        assert (ended.code, ended.err) == (0, "")
        seen: dict[str, Any] = json.loads(ended.out)
        return seen


@pytest.fixture(scope="module")
def generated() -> None:
    node_sdk.install(PAGE)
    path = {"PATH": f"{node_sdk.NODE.parent}:/usr/bin:/bin"}
    done = subprocess.run(
        [BUF, "generate"], cwd=PAGE, env=path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest_asyncio.fixture
async def web(generated: None, tmp_path: Path) -> AsyncIterator[Web]:
    async with (
        open_house(Behaviour(pace_s=0.01, stall_s=60)) as house,
        envoy(tmp_path, house.gateway.grpc_port) as port,
    ):
        yield Web(house, f"http://127.0.0.1:{port}")


@asynccontextmanager
async def envoy(folder: Path, grpc_port: int) -> AsyncIterator[int]:
    """Envoy with the configuration that we publish, on a free port."""
    port, text = free_port(), CONFIGURATION.read_text(encoding="utf-8")
    for old, new in (("port_value: 8081", f"port_value: {port}"), ("port_value: 50051", f"port_value: {grpc_port}")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    file = folder / "envoy.yaml"
    file.write_text(text, encoding="utf-8")
    words = ("-c", file, "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error")
    process = await asyncio.create_subprocess_exec(ENVOY, *words)
    try:
        async with asyncio.timeout(READY_S):
            await listens(port)
        yield port
    finally:
        process.terminate()
        await process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def listens(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


@pytest.mark.asyncio
async def test_a_page_streams_an_answer(web: Web) -> None:
    assert await web.page("Hello") == {"text": "You said: Hello"}


@pytest.mark.asyncio
async def test_a_page_that_leaves_or_waits_no_longer_stops_the_upstream(web: Web) -> None:
    left = await web.page("[[sim:long:1000]]")
    assert await web.house.simulator.hang_ups(1, within=1.0) == 1
    late = await web.page("[[sim:headers_only]]", "500")
    assert await web.house.simulator.hang_ups(2, within=1.0) == 2
    assert left == {"text": "word 0 word 1 word 2", "code": "Canceled", "details": []}
    # The gateway says why shortly before the page's own clock rings; a slow machine may let that be first.
    assert (late["text"], late["code"]) == ("", "DeadlineExceeded")
    assert late["details"] in (["google.rpc.ErrorInfo", "google.rpc.RequestInfo"], [])


@pytest.mark.asyncio
async def test_a_page_sees_why_a_call_failed_before_and_after_it_began(web: Web) -> None:
    told = ["google.rpc.ErrorInfo", "google.rpc.RequestInfo"]
    assert await web.page("[[sim:eof]]") == {"text": "Part 1. Part 2. ", "code": "Unavailable", "details": told}
    limited = await web.page("[[sim:rate_limited]]")
    assert limited == {
        "text": "",
        "code": "ResourceExhausted",
        "details": [*told, "google.rpc.RetryInfo", "google.rpc.QuotaFailure"],
    }


@pytest.mark.asyncio
async def test_only_pages_of_the_configured_origin_may_call(web: Web) -> None:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-grpc-web"}
    async with httpx.AsyncClient(base_url=web.url) as http:
        ours = await http.options(CHAT, headers={"origin": "https://app.example", **asks})
        theirs = await http.options(CHAT, headers={"origin": "https://other.example", **asks})
    allowed = "access-control-allow-origin"
    assert (ours.headers[allowed], ours.headers["access-control-allow-methods"]) == ("https://app.example", "POST")
    assert allowed not in theirs.headers
