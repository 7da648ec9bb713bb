"""The fixtures of the browser tests: one Chromium, and pictures of the page for people."""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from browser.pages import running, started
from playwright.async_api import Browser, Page


@pytest.fixture(scope="session")
def chromium_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
async def browser(chromium_running: str) -> AsyncIterator[Browser]:
    async with started(chromium_running) as browser:
        yield browser


@pytest.fixture
def shots(
    request: pytest.FixtureRequest, tmp_path: Path, page: Page
) -> Callable[..., Awaitable[None]]:
    """Keeps a picture of the page, or of another, under that name.

    In the test's temporary folder, or all together in the one that ``SHOTS`` names.
    """
    folder, test = tmp_path, ""
    if "SHOTS" in os.environ:
        folder = Path(os.environ["SHOTS"])
        test = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")) + "-"

    async def shoot(name: str, other: Page | None = None) -> None:
        await (other or page).screenshot(path=folder / f"{test}{name}.png")

    return shoot
