"""The console in a real browser, for the tests of this folder: opened, watched, logged in."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright, expect

USER, PASSWORD = "operateur-1", "un mot de passe"
expect.set_options(timeout=15_000)  # milliseconds; the machine may have other work
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@asynccontextmanager
async def started() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=_CHROMIUM, args=_ARGUMENTS, headless=True
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(browser: Browser, base: str) -> AsyncIterator[Page]:
    """A page as an operator has it; any error or refusal by the policy fails the test."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 720}, base_url=base, locale="fr-FR"
    )
    page = await context.new_page()
    page.set_default_timeout(10_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"{error}\n{error.stack}"))
    page.on("console", lambda said: wrong.append(said.text) if _is_wrong(said) else None)
    yield page
    await context.close()
    assert wrong == []


def _is_wrong(said: ConsoleMessage) -> bool:
    """Violations of the policy are errors; the network's own are the browser's habit of logging."""
    return said.type == "error" and "Failed to load resource" not in said.text


def act(page: Page, what: str, value: str | None = None) -> Locator:
    """The button that does an act."""
    more = f"[data-value={value}]" if value else ""
    return page.locator(f"[data-act={what}]{more}")


async def log_in(page: Page, user: str = USER) -> None:
    await page.goto("/")
    await expect(page.locator("[name=username]")).to_be_focused()
    await page.keyboard.type(user)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#who")).to_have_text(user)
