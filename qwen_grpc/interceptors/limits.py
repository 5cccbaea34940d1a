"""For how long at most."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from qwen_grpc.calls import Call
from qwen_grpc.errors import ClientDeadline

UNARY_S = 900.0
STREAM_S = 3600.0


@asynccontextmanager
async def default_deadline(call: Call) -> AsyncIterator[None]:
    """Bounds calls whose client set no deadline: 15 minutes for a unary call, an hour for a stream."""
    if call.context.time_remaining() is not None:
        yield
        return
    limit = STREAM_S if call.streams else UNARY_S
    try:
        async with asyncio.timeout(limit) as clock:
            yield
    except TimeoutError as error:
        if not clock.expired():
            raise
        raise ClientDeadline(f"the call set no deadline and ran into the server's own of {limit:.0f} s") from error
