"""The fixtures of the browser tests: one Chromium, and pictures of the page for people."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from browser.pages import started
from playwright.async_api import Browser, Page


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with started() as browser:
        yield browser


@pytest.fixture
def shots(tmp_path: Path, page: Page) -> Callable[[str], Awaitable[None]]:
    """Keeps a picture under that name in the test's temporary folder."""

    async def shoot(name: str) -> None:
        await page.screenshot(path=tmp_path / f"{name}.png")

    return shoot
