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
_MARKS = """([name, after, n]) => new Promise((told) => {
  const tell = () => {
    const marks = performance.getEntriesByName(name, "mark").slice(after);
    if (marks.length < n) return;
    watch.disconnect();
    told(marks.map((one) => (performance.timeOrigin + one.startTime) / 1000));
  };
  const watch = new PerformanceObserver(tell);
  watch.observe({ type: "mark" });
  tell();
})"""
"""Waits within the page: one that is asked again and again has less time for what is measured."""


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
        try:
            async with asyncio.timeout(within_s):
                found: list[float] = await self._page.evaluate(_MARKS, [self._name, self._read, n])
        except TimeoutError:
            raise TimeoutError(f"no {n} marks in {within_s:g} s") from None
        self._read += n
        return found[:n]
