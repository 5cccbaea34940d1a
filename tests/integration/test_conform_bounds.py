"""The fault matrix ends, whatever a gateway does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from conform_runs import target

from qwen_grpc.conform.answers import Asked, completion
from qwen_grpc.conform.behaviours import SCRIPTS
from qwen_grpc.conform.markers import find
from qwen_grpc.conform.matrix import Plan, run
from qwen_grpc.conform.trials import Waits
from qwen_grpc.conform.upstream import running

WAITS = Waits(answer_s=1.0)


@asynccontextmanager
async def gateway(upstream: str, stops: Callable[[int], bool]) -> AsyncIterator[str]:
    """Tells the upstream of each question, and answers by itself until it stops to, by the number of the question."""
    count = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal count
        count += 1
        body = await request.read()
        if stops(count):
            await asyncio.sleep(30)
        marker = find(body)
        assert marker is not None
        # It has arrived, as far as the matrix can see.
        reader, writer = await asyncio.open_connection(*upstream.removeprefix("http://").split(":"))
        head = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body)
        writer.write(head + body)
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return web.Response(body=completion(Asked(marker, "conform", False, False, 0.0), {"content": "One"}))

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.asyncio
async def test_a_gateway_that_no_longer_answers_good_questions_fails_in_what_is_left() -> None:
    async with running(SCRIPTS, "127.0.0.1", 0) as upstream, gateway(upstream.url, lambda count: count > 3) as url:
        plan = Plan(target(url), upstream.url, ["answer"], WAITS, settle_s=0.5)
        seen = [result.verdict.seen async for result in run(plan)]
    assert seen == [
        "status 200, text 'One', finish_reason stop",
        "not played: after the row before, a good question got no answer, no end within the time for 0 s",
    ]


@pytest.mark.asyncio
async def test_the_whole_run_ends_in_time() -> None:
    async with running(SCRIPTS, "127.0.0.1", 0) as upstream, gateway(upstream.url, lambda count: count > 1) as url:
        plan = Plan(target(url), upstream.url, ["answer", "html"], WAITS, settle_s=60, timeout_s=1.2)
        results = [result async for result in run(plan)]
    assert {result.verdict.seen for result in results} == {"not played to its end: the 1 s of --timeout are over"}
    assert len(results) == 4
