"""The fixture of the HTTP tests; the server itself is in ``served``."""

from collections.abc import AsyncIterator

import pytest
from web.served import Api, serving
from world import ManualClock


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    """A server on a seeded register, with a clock moved by hand."""
    async with serving(database, ManualClock()) as started:
        yield started
