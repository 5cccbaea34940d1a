"""What every test may ask for."""

from collections.abc import AsyncIterator

import pytest_asyncio
from hypothesis import HealthCheck, settings
from support import House, open_house

# A busy machine makes examples slowly; that says nothing about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    """Simulator, gateway and clients with default settings."""
    async with open_house() as opened:
        yield opened
