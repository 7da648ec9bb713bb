"""The fixture of the flow tests; the world itself is in ``world``."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from world import World, worlds


@pytest.fixture
async def world(
    request: pytest.FixtureRequest, database: str, tmp_path: Path
) -> AsyncIterator[World]:
    """A server on a seeded register; settings by ``@pytest.mark.settings(...)``."""
    marker = request.node.get_closest_marker("settings")
    async with worlds(database, tmp_path, **(dict(marker.kwargs) if marker else {})) as made:
        yield made


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "settings(**more): how the world of this test differs")
