import asyncio

import httpx
import pytest
from upstream_client import open_client

from tests.raw_server import EVENT, OPEN_STREAM, Script, Step, answer, raw_server


async def follow(client: httpx.AsyncClient, url: str, method: str, seen: asyncio.Event) -> None:
    async with client.stream(method, url) as response:
        async for _ in response.aiter_raw():
            seen.set()


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("script", [[Step.WAIT], OPEN_STREAM], ids=["before the headers", "in mid-stream"])
async def test_cancelling_closes_the_connection_and_the_pool_goes_on(script: Script, method: str) -> None:
    async with raw_server(*[script, [answer()]] * 10) as server, open_client() as client:
        for _ in range(10):
            seen = asyncio.Event()
            task = asyncio.create_task(follow(client, server.url, method, seen))
            await (seen.wait() if script == OPEN_STREAM else server.arrival())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.hang_ups(1, within=1.0)
            assert (await client.request(method, server.url)).content == b"ok"
            if script != OPEN_STREAM:
                await server.arrival()


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_leaving_a_response_early_closes_the_connection_and_the_pool_goes_on(method: str) -> None:
    async with raw_server(*[OPEN_STREAM, [answer()]] * 10) as server, open_client() as client:
        for _ in range(10):
            async with client.stream(method, server.url) as response:
                assert await anext(response.aiter_raw()) == EVENT
            await server.hang_ups(1, within=1.0)
            assert (await client.request(method, server.url)).content == b"ok"


@pytest.mark.asyncio
async def test_cancelling_a_hundred_streams_closes_a_hundred_connections() -> None:
    async with raw_server(OPEN_STREAM) as server, open_client() as client:
        seen = [asyncio.Event() for _ in range(100)]
        tasks = [asyncio.create_task(follow(client, server.url, "POST", event)) for event in seen]
        for event in seen:
            await event.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.hang_ups(100, within=1.0)
