"""Clients that do not read: an answer waits for them upstream, and is whole when they read on."""

import asyncio
from collections.abc import Iterator

import pytest
from both_doors import COMPLETIONS, open_doors, question, site
from http_wire import Wire, post, wire
from qwen_wire import CREATED, FINISHED, GOODBYE, MODELS, NEW_CHAT, said
from raw_server import LAST_CHUNK, STREAM_HEAD, chunk, raw_server
from support import bearer, records

PIECES = 240
PADDING = "x" * 100_000


class Counted(list[bytes]):
    """Steps of a script, and how many of them were begun."""

    begun = 0

    def __iter__(self) -> Iterator[bytes]:
        for step in super().__iter__():
            self.begun += 1
            yield step


async def standing(counted: Counted) -> int:
    """How far the upstream has come when it comes no further."""
    seen = still = 0
    while still < 30:
        await asyncio.sleep(0.01)
        still = still + 1 if counted.begun == seen else 0
        seen = counted.begun
    return seen


async def numbers(line: Wire) -> list[int]:
    """The numbers of the pieces that are still to come."""
    parts = []
    while part := await line.chunk():
        parts.append(part)
    *chunks, done = records(b"".join(parts).decode())
    assert done == "[DONE]"
    texts = (made["choices"][0]["delta"].get("content", "") for made in chunks)
    return [int(text.partition(":")[0]) for text in texts if text]


@pytest.mark.asyncio
async def test_a_client_that_does_not_read_holds_the_upstream_back_and_loses_nothing() -> None:
    pieces = [chunk(said(f"{number}:{PADDING}")) for number in range(PIECES)]
    script = Counted([STREAM_HEAD + chunk(CREATED), *pieces, chunk(FINISHED), LAST_CHUNK])
    async with (
        raw_server([MODELS], [NEW_CHAT], script, [GOODBYE]) as server,
        open_doors(site(server.url), shim={"heartbeat": 0.05}) as doors,
        wire(doors.http.base_url.port or 0) as line,
    ):
        line.send(post(COMPLETIONS, question("Hello", stream=True), **bearer()))
        await line.head()
        reached = await standing(script)
        found = await numbers(line)

    assert 1 < reached < PIECES * 3 / 4
    assert found == list(range(PIECES))
