"""A room's sheet in a real browser: on a screen, on paper on one page, and from the console."""

import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from browser.furnished import furnish, put_file
from browser.pages import act, flawless, log_in, opened
from cisu_messages import MESSAGE, PLACE, PLATFORM, ROOM, report
from playwright.async_api import Browser, Page, expect
from world import PLACE as FIX
from world import World, worlds

from tgd.demo.salle import Salle
from tgd.demo.salle_room import Behaviour
from tgd.platform.channels import cisu
from tgd.platform.channels.cisu_message import Access, Hers, KnownPlace, Note
from tgd.platform.channels.cisu_risks import DANGER, HIM

LINE = "the-lines-token"
LONG = "Une phrase plus longue que d'habitude, comme il en vient la nuit. " * 5
HOME = KnownPlace(
    "home",
    address="12 rue Inventée, 86000 Poitiers",
    access=Access(
        floor="3", codes=("A1234", "5678B"), interphone="12", building="B", door="droite"
    ),
    how=("Entrer par la cour.",),
)
FULL = {
    "callback": "+33549000000",
    "operator_id": "operateur-1",
    "lead": ROOM,
    "others": ("fr.gendarmerie.corg86",),
    "voice": "child",
    "doubts": ("late",),
    "position": replace(PLACE, at=HOME),
    "hers": Hers(
        risks=("R05",),
        children=2,
        lines=(f"{DANGER}armes : fusil de chasse.", f"{HIM}ex-conjoint, voiture grise."),
    ),
    "notes": (Note(MESSAGE.sent_at, "L'enfant dit qu'il est dans la cuisine."),),
}
LONGEST = {
    **FULL,
    "reason": "W" * 300,
    "others": tuple(f"fr.gendarmerie.corg{n:02}-{'W' * 40}" for n in range(20)),
    "notes": tuple(Note(MESSAGE.sent_at, LONG) for _ in range(20)),
    "hers": Hers(lines=tuple(f"{DANGER}{LONG}" for _ in range(12))),
    "doubts": tuple(f"{'W' * 38}{n}" for n in range(20)),
    "exercise": True,
}


@pytest.fixture
async def salle() -> AsyncIterator[Salle]:
    nobody = "http://127.0.0.1:9/api/v1/cisu/inbound"
    it = Salle(
        token=LINE, inbound=nobody, inbound_tokens={}, behaviour=Behaviour(silent=True)
    )  # fmt: skip
    await it.start()
    yield it
    await it.stop()


@pytest.fixture
async def page(browser: Browser, salle: Salle) -> AsyncIterator[Page]:
    async with opened(browser, salle.origin) as page:
        yield page


async def sheet(page: Page, salle: Salle, **changes) -> None:
    """Open the sheet of a message that has arrived."""
    body = cisu.encode(cisu.envelope(report(**changes)))
    async with aiohttp.ClientSession() as session:
        bearer = {"Authorization": f"Bearer {LINE}"}
        async with session.post(salle.url, data=body, headers=bearer) as taken:
            assert taken.status == 202
    await page.goto(f"/salle/sheet?room={ROOM}&case={PLATFORM}.{MESSAGE.case_id}")


def pages(file: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", file))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("full", FULL),
        ("exercise", {"exercise": True, "callback": "+33549000000"}),
        ("nowhere", {"position": None, "doubts": ("location_refused",)}),
        ("longest", LONGEST),
        ("wide", {"position": replace(PLACE, r95_m=4200.0, method="C", age_s=1800.0)}),
    ],
)
async def test_it_is_read_on_a_screen_and_printed_on_one_page(
    page: Page, salle: Salle, shots, name: str, changes: dict
):
    await sheet(page, salle, **changes)
    await expect(page.locator(".never")).to_contain_text("NE JAMAIS APPELER")
    await flawless(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await shots(f"{name}-screen")
    file = await page.pdf(prefer_css_page_size=True, print_background=True)
    assert pages(file) == 1
    await page.emulate_media(media="print")
    await page.set_viewport_size({"width": 718, "height": 1047})  # A4 within its margins
    assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert await page.evaluate(
        "[...document.querySelectorAll('p, h1, h2, dd, dt')]"
        ".every((one) => one.scrollWidth <= one.clientWidth + 1)"
    )
    await shots(f"{name}-paper")


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(database, tmp_path) as world:
        await furnish(world)
        await put_file(world)
        world.room.forgives()
        yield world


async def test_an_operator_opens_the_room_s_sheet_from_the_console(
    browser: Browser, world: World, tmp_path: Path
):
    folder = Path(os.environ.get("SHOTS", tmp_path))
    async with opened(browser, world.base) as page:
        await log_in(page)
        await world.phone().press(loc=FIX | {"acc": 3000.0, "pm": "C"})
        await act(page, "answer").click()
        await act(page, "voice", "nobody").click()
        await expect(page.locator("#guide-do")).to_contain_text("Rappelez UNE fois")
        await act(page, "voice", "nobody").click()
        link = page.get_by_role("link", name="Fiche de la salle")
        await expect(link.first).to_be_visible()
        await expect(page.locator("#a-dispatches li.done")).to_have_count(1)
        await page.locator("#a-dispatches").scroll_into_view_if_needed()
        await page.screenshot(path=folder / "operator-console.png")
        async with page.context.expect_page() as other:
            await link.first.click()
        sheet = await other.value
        await expect(sheet.locator("h1")).to_contain_text("intervention immédiate demandée")
        await expect(sheet.locator(".plan .border")).to_have_attribute("d", re.compile(r"M.+M"))
        await expect(sheet.locator(".plan")).to_contain_text("pointillés : communes")
        await flawless(sheet)
        await sheet.screenshot(path=folder / "operator-sheet.png")
        printed = await page.request.get(f"{sheet.url}.pdf")
        assert (printed.status, pages(await printed.body())) == (200, 1)
        (folder / "operator-sheet.pdf").write_bytes(await printed.body())
        await expect(page.locator("#a-dispatches")).not_to_contain_text("fiche ouverte")
