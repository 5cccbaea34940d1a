"""What every test may ask for."""

from collections.abc import AsyncIterator

import pytest_asyncio
from support import House, open_house


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    """Simulator, gateway and clients with default settings."""
    async with open_house() as opened:
        yield opened
