"""The console in a real browser, for the tests of this folder: opened, watched, logged in."""

import json
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import chromium
from axe_playwright_python.async_playwright import Axe
from playwright._impl._driver import compute_driver_executable
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright, expect

from tgd.demo.child import Child

USER, PASSWORD = "operateur-1", "un mot de passe"
expect.set_options(timeout=90_000)  # milliseconds; the machine may have other work
STARTED_S = 180.0
RULES = {"target-size": {"enabled": True}}  # of 2.2; not looked at unless it is asked for
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """One Chromium that many tests share, each with windows of its own; its address."""
    plan, log = folder / "chromium.json", folder / "chromium.log"
    plan.write_text(
        json.dumps({"executablePath": chromium.found(), "args": _ARGUMENTS, "headless": True})
    )
    # The driver itself: ended, it ends the browser; playwright's own command would leave both.
    command = [*compute_driver_executable(), "launch-server", "--browser", "chromium"]
    server = Child([*command, "--config", str(plan)], log=log, final=signal.SIGTERM)
    try:
        yield _address(server, log)
    finally:
        server.end(signal.SIGTERM)


def _address(server: Child, log: Path) -> str:
    until = time.monotonic() + STARTED_S
    while server.running() and time.monotonic() < until:
        if found := re.search(r"^ws://\S+$", log.read_text(), re.MULTILINE):
            return found[0]
        time.sleep(0.02)
    raise RuntimeError(f"Chromium does not start: {log.read_text()}")


@asynccontextmanager
async def started(address: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect(address)
        yield browser
        await browser.close()


@asynccontextmanager
async def opened(browser: Browser, base: str) -> AsyncIterator[Page]:
    """A page as an operator has it; any error or refusal by the policy fails the test."""
    context = await browser.new_context(
        viewport={"width": 1280, "height": 720}, base_url=base, locale="fr-FR"
    )
    page = await context.new_page()
    page.set_default_timeout(90_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"{error}\n{error.stack}"))
    page.on("console", lambda said: wrong.append(said.text) if _is_wrong(said) else None)
    yield page
    await context.close()
    assert wrong == []


async def _findings(page: Page) -> list[str]:
    """What axe finds on the page as it stands, once it has asked who is there."""
    await expect(page.locator("main:visible")).to_be_visible()
    asked = {"runOnly": {"type": "tag", "values": TAGS}, "rules": RULES}
    found = await Axe().run(page, options=asked)
    assert found.response["passes"]
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


async def flawless(page: Page) -> None:
    """Axe finds nothing (WCAG 2.2 AA and its good habits)."""
    told = await _findings(page)
    assert told == [], "\n".join(told)


async def faultless(page: Page) -> None:
    """Axe finds nothing, in the language shown and in the other one."""
    for _ in range(2):
        await flawless(page)
        before = await page.locator("#language").inner_text()
        await page.locator("#language").click()
        await expect(page.locator("#language")).not_to_have_text(before)


def _is_wrong(said: ConsoleMessage) -> bool:
    """Violations of the policy are errors; the network's own are the browser's habit of logging."""
    return said.type == "error" and "Failed to load resource" not in said.text


def act(page: Page, what: str, value: str | None = None) -> Locator:
    """The button that does an act."""
    more = f"[data-value={value}]" if value else ""
    return page.locator(f"[data-act={what}]{more}")


async def confirmed(button: Locator) -> None:
    """Click a button that asks for a second click, and give it.

    The second is due within five seconds: both are one step, which no busy machine can part.
    """
    await button.click(trial=True)
    await expect(button).to_be_enabled()
    await button.evaluate("(one) => { one.click(); one.click(); }")


async def log_in(page: Page, user: str = USER) -> None:
    await page.goto("/")
    await expect(page.locator("[name=username]")).to_be_focused()
    await page.keyboard.type(user)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#who")).to_have_text(user)
