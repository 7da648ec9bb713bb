"""A real browser beside the server: the system's Chromium, and the marks that its pages set.

The browser is part of what is measured. Its marks count from when the page began, in fractions of a
millisecond; ``timeOrigin`` says when that was, by the same machine's clock as the press's.
"""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator

from playwright.async_api import Browser, Page, async_playwright

_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
_MARKS = """([name, after]) => performance.getEntriesByName(name, "mark").slice(after)
  .map((one) => (performance.timeOrigin + one.startTime) / 1000)"""


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run the system's Chromium for the length of the block."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise RuntimeError("this figure needs Chromium (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        await browser.close()


@contextlib.asynccontextmanager
async def page_of(browser: Browser) -> AsyncIterator[Page]:
    """Open a window as an operator has it."""
    context = await browser.new_context(viewport={"width": 1280, "height": 720}, locale="fr-FR")
    yield await context.new_page()
    await context.close()


class Marks:
    """The marks of one name on a page: their moments, in seconds of the machine's clock."""

    def __init__(self, page: Page, name: str) -> None:
        self._page, self._name, self._read = page, name, 0

    async def next(self, within_s: float = 10.0) -> float:
        """Return the moment of the next mark."""
        return (await self.all(1, within_s))[0]

    async def all(self, n: int, within_s: float) -> list[float]:
        """Return the moments of the next ``n`` marks."""
        found: list[float] = []
        try:
            async with asyncio.timeout(within_s):
                while len(found) < n:
                    await asyncio.sleep(0.05)
                    found = await self._page.evaluate(_MARKS, [self._name, self._read])
        except TimeoutError:
            raise TimeoutError(f"{len(found)} of {n} marks in {within_s:g} s") from None
        self._read += n
        return found[:n]
