"""Two places and a supervisor in real browsers: whom it rings, when, and who is missed.

With the whole server; the clock is ours, so that what passes with time passes where a test says so.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from browser.pages import PASSWORD, act, log_in, opened
from playwright.async_api import Browser, Page, expect
from world import World, worlds

from tgd.config import Deadlines
from tgd.store import accounts

pytestmark = pytest.mark.needs_chromium
FIRST, MIRROR, CHIEF = "operateur-1", "operateur-2", "superviseur-1"
SITE = "Site miroir"
SOON = Deadlines(closing=20, contact=15)
CLICK = "document.getElementById('answer').click()"


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(database, tmp_path, deadlines=SOON) as world:
        world.room.forgives()
        for name, role in ((FIRST, "operator"), (MIRROR, "operator"), (CHIEF, "supervisor")):
            async with world.database.connection() as connection:
                await accounts.add_account(
                    connection,
                    username=name,
                    password=PASSWORD,
                    role=role,
                    now=world.clock.now(),
                )
        async with world.database.connection() as connection:
            await accounts.place(connection, MIRROR, "second", SITE)
        yield world


@pytest.fixture
async def desks(browser: Browser, world: World) -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def desk(stack: AsyncExitStack, browser: Browser, world: World, who: str) -> Page:
    page = await stack.enter_async_context(opened(browser, world.base))
    await log_in(page, who)
    await expect(page.locator("#state")).to_be_visible()  # it knows who is there
    return page


async def rings(page: Page, *, now: bool = True) -> None:
    """Wait until it rings there, or does not."""
    icon = re.compile("icon-ring" if now else "icon.svg")
    await expect(page.locator("#icon")).to_have_attribute("href", icon)
    await expect(page.locator("#lost")).to_be_hidden()


async def passes(world: World, seconds: int) -> None:
    """Time passes no faster than the pages can say that they are still there."""
    for _ in range(seconds):
        await world.advance(1)
        lately = world.clock.now() - timedelta(seconds=8)
        await world.until_sql("SELECT bool_and(seen_at > $1) FROM presence", lately)


async def test_the_mirror_site_sees_everything_and_rings_after_the_overflow(
    browser: Browser, world: World, desks: AsyncExitStack
):
    first = await desk(desks, browser, world, FIRST)
    mirror = await desk(desks, browser, world, MIRROR)
    chief = await desk(desks, browser, world, CHIEF)
    await expect(mirror.locator("#desk-people li", has_text=MIRROR)).to_contain_text(SITE)
    await world.phone().press()
    await rings(first)
    for page in (mirror, chief):
        await expect(page.locator("#queue button")).to_contain_text("86-01")
        await rings(page, now=False)
    await passes(world, 7)
    for page in (first, mirror, chief):
        await rings(page)
    await mirror.locator("#answer").click()
    for page in (first, mirror, chief):
        await expect(page.locator("#a-facts")).to_contain_text(f"prise par {MIRROR}")
        await rings(page, now=False)


async def test_the_mirror_site_rings_at_once_where_the_first_has_nobody(
    browser: Browser, world: World, desks: AsyncExitStack
):
    mirror = await desk(desks, browser, world, MIRROR)
    await expect(mirror.locator("#alarm")).to_contain_text("premier groupe")
    await world.phone().press()
    await world.advance(1.5)
    await rings(mirror)


async def test_a_holder_s_lost_connection_gives_back_what_she_has(
    browser: Browser, world: World, desks: AsyncExitStack
):
    chief = await desk(desks, browser, world, CHIEF)
    await world.advance(3)
    async with opened(browser, world.base) as first:
        await log_in(first, FIRST)
        press = await world.phone().press()
        await first.locator("#answer").click()
        await expect(chief.locator("#a-facts")).to_contain_text(f"prise par {FIRST}")
        await rings(chief, now=False)
    await world.advance(12)
    await expect(chief.locator("#desk-people li", has_text=FIRST)).to_have_class("away")
    await expect(chief.locator("#queue strong")).to_contain_text("SANS OPÉRATEUR")
    await expect(chief.locator("#alarm")).to_contain_text("PERSONNE N'EST DISPONIBLE")
    await rings(chief)
    await chief.locator("#answer").click()
    await expect(chief.locator("#a-facts")).to_contain_text(f"prise par {CHIEF}")
    held = await world.rows("SELECT kind, actor FROM journal WHERE alert_id = $1", press.alert)
    assert ("holder_gone", "deadline") in [tuple(row) for row in held]


async def test_what_only_a_person_may_forward_and_its_holder_leaves_undecided_rings_every_desk(
    browser: Browser, world: World, desks: AsyncExitStack
):
    first = await desk(desks, browser, world, FIRST)
    mirror = await desk(desks, browser, world, MIRROR)
    await world.phone("stranger-7").press()
    await first.locator("#answer").click()
    await expect(first.locator("#a-deadlines")).to_contain_text("vous seul saisissez la police")
    for page in (first, mirror):
        await rings(page, now=False)
    await passes(world, 31)
    for page in (first, mirror):
        await expect(page.locator("#a-facts")).to_contain_text(f"n'est plus à {FIRST}")
        await rings(page)
    await act(first, "voice", "other").click()  # any act of hers: it is hers again
    for page in (first, mirror):
        await expect(page.locator("#a-facts")).to_contain_text(f"prise par {FIRST}")
        await rings(page, now=False)


async def test_the_reminder_to_close_comes_again_to_the_holder_and_the_supervisor(
    browser: Browser, world: World, desks: AsyncExitStack
):
    first = await desk(desks, browser, world, FIRST)
    mirror = await desk(desks, browser, world, MIRROR)
    chief = await desk(desks, browser, world, CHIEF)
    await world.phone().press()
    await first.locator("#answer").click()
    await act(first, "police").click()
    await expect(first.locator("#a-status")).to_have_text("POLICE — police saisie")
    await world.until_sql("SELECT count(*) = 1 FROM deadline WHERE name = 'closing'")
    for page in (first, chief):
        await expect(page.locator("#queue button")).to_contain_text("86-01")
    for _ in range(2):  # it is repeated
        await passes(world, 21)
        due = await world.value("SELECT due_at FROM deadline WHERE name = 'closing'")
        reminded = re.compile(rf"À clôturer avant \d\d:{due:%M:%S}")
        for page in (first, chief):
            await expect(page.locator("#fresh-list")).to_contain_text(reminded)
            await page.locator("#fresh-seen").click()
            await expect(page.locator("#fresh")).to_be_hidden()
    await expect(mirror.locator("#queue button")).to_contain_text("86-01")
    kind = "SELECT count(*) FROM journal WHERE kind = 'rang_holder_and_supervisors'"
    assert await world.value(kind) == 2


async def test_a_lost_phone_is_told_to_who_has_the_alert(
    browser: Browser, world: World, desks: AsyncExitStack
):
    first = await desk(desks, browser, world, FIRST)
    await world.phone().press()
    await first.locator("#answer").click()
    await expect(first.locator("#a-facts")).to_contain_text(f"prise par {FIRST}")
    await passes(world, 15)
    await expect(first.locator("#fresh-list")).to_contain_text("Le téléphone ne répond plus")


async def test_two_answer_in_the_very_same_moment(
    browser: Browser, world: World, desks: AsyncExitStack
):
    first = await desk(desks, browser, world, FIRST)
    chief = await desk(desks, browser, world, CHIEF)
    for number in range(1, 5):
        press = await world.phone(f"tgd-86-0{number}").press()
        for page in (first, chief):
            await page.locator("#queue button", has_text=f"86-0{number}").press("Enter")
            await expect(page.locator("#answer")).to_be_enabled()
        await asyncio.gather(first.evaluate(CLICK), chief.evaluate(CLICK))
        for page in (first, chief):
            await expect(page.locator("#answer")).to_have_text(re.compile("Répondre|Reprendre"))
        taken = "SELECT actor FROM journal WHERE alert_id = $1 AND kind = 'answered'"
        await world.until_sql(
            "SELECT answered_by IS NOT NULL FROM alert WHERE id = $1", press.alert
        )
        (winner,) = await world.rows(taken, press.alert)
        for page in (first, chief):
            await expect(page.locator("#a-facts")).to_contain_text(f"prise par {winner['actor']}")
