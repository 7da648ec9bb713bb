"""The simulated room's page in a real browser: what it says, in both languages, and its buttons."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from browser.pages import flawless, opened
from cisu_messages import MESSAGE, PLATFORM, ROOM, report
from playwright.async_api import Browser, Page, expect

from tgd.demo.salle import Salle
from tgd.demo.salle_room import Behaviour
from tgd.platform.channels import cisu

LINE = "the-lines-token"
CASE = f"{PLATFORM}.{MESSAGE.case_id}"


@pytest.fixture
async def salle() -> AsyncIterator[Salle]:
    nobody = "http://127.0.0.1:9/api/v1/cisu/inbound"  # the room's answers wait to be taken
    it = Salle(
        token=LINE, inbound=nobody, inbound_tokens={}, behaviour=Behaviour(silent=True)
    )  # fmt: skip
    it.room()
    await it.start()
    yield it
    await it.stop()


@pytest.fixture
async def page(browser: Browser, salle: Salle) -> AsyncIterator[Page]:
    async with opened(browser, salle.page) as page:
        await page.goto(salle.page)
        yield page


async def test_a_case_is_shown_and_answered_in_both_languages(page: Page, salle: Salle, shots):
    await expect(page).to_have_title("Salle de commandement simulée")
    await expect(page.locator("#link")).to_have_text("À jour.")
    await expect(page.locator("#shown-none")).to_have_text("Aucune fiche : aucune affaire.")
    await expect(page.locator("section .orders .quiet")).to_have_text(
        "0 affaire, 0 message, 0 répétition"
    )
    body = cisu.encode(cisu.envelope(report(position=None, exercise=True)))
    async with aiohttp.ClientSession() as session:
        bearer = {"Authorization": f"Bearer {LINE}"}
        for _ in range(3):
            async with session.post(salle.url, data=body, headers=bearer) as taken:
                assert taken.status == 202
    await expect(page.locator(".quiet").first).to_have_text("1 affaire, 1 message, 2 répétitions")
    await expect(page.locator("h3")).to_contain_text("EXERCICE · Affaire ")
    await expect(page.locator("article .tag")).to_have_text("EXERCICE — NE PAS INTERVENIR")
    sheet = page.frame_locator("#sheet")
    await expect(sheet.locator(".exercise")).to_have_text("EXERCICE — NE PAS INTERVENIR")
    await page.get_by_role("button", name="Recevoir").click()
    await expect(page.locator("article .warning").last).to_have_text(
        "1 réponse pas encore reçue par la plateforme"
    )
    await shots("1-french")
    await page.locator("#language").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page).to_have_title("Simulated control room")
    await expect(page.locator("#link")).to_have_text("Up to date.")
    await expect(page.locator(".quiet").first).to_have_text("1 case, 1 message, 2 repetitions")
    await expect(page.locator("h3")).to_contain_text("EXERCISE · Case ")
    await expect(page.locator("article .state")).to_contain_text("Received")
    await shots("2-english")
    await page.locator("#language").click()
    await expect(page.locator("h1")).to_have_text("Salle de commandement simulée")


async def told(salle: Salle, **changes) -> None:
    """A message arrives at the room."""
    body = cisu.encode(cisu.envelope(report(**changes)))
    async with aiohttp.ClientSession() as session:
        bearer = {"Authorization": f"Bearer {LINE}"}
        async with session.post(salle.url, data=body, headers=bearer) as taken:
            assert taken.status == 202


async def test_a_person_takes_a_case_from_the_sheet_to_its_disposition(
    page: Page, salle: Salle, shots
):
    salle.room().order(Behaviour(automatic=False))
    await told(salle, callback="+33549000000", lead=ROOM, others=("fr.gendarmerie.corg86",))
    sheet = page.frame_locator("#sheet")
    await expect(sheet.locator("h1")).to_contain_text("intervention immédiate demandée")
    await expect(sheet.locator(".never")).to_contain_text("+33549000000")
    await expect(page.get_by_role("button", name="Sur place")).to_have_count(0)
    await shots("1-new")
    await page.get_by_role("button", name="Prendre en compte").click()
    await expect(page.locator("article .state")).to_have_text("Consultée")
    await page.get_by_role("button", name="Envoyer une patrouille").click()
    await expect(page.locator("article .state")).to_have_text("Patrouille engagée")
    await expect(page.get_by_role("button", name="Refuser")).to_have_count(0)
    await told(salle, kind="Update", reason="nouvel appui")
    await expect(page.locator("article .warning").first).to_have_text(
        "Message nouveau : à consulter"
    )
    await page.get_by_role("button", name="Prendre en compte").click()
    await expect(page.locator("article")).not_to_contain_text("à consulter")
    await page.get_by_role("button", name="Sur place").click()
    await expect(page.locator("article .state")).to_have_text("Patrouille sur place · 2 messages")
    await page.get_by_label("Issue").select_option("assisted")
    await page.get_by_role("button", name="Clore").click()
    await expect(page.locator("article .state")).to_have_text(
        "Close · personne mise en sécurité · 2 messages"
    )
    await shots("2-closed")
    assert [answer.step for answer in salle.room().cases[CASE].answers] == [
        "CONSULTE", "engaged", "CONSULTE", "on_scene", "closed",
    ]  # fmt: skip


async def test_a_refusal_says_why_and_the_next_message_can_be_taken(page: Page, salle: Salle):
    salle.room().order(Behaviour(automatic=False))
    await told(salle)
    await page.get_by_label("Motif du refus").select_option("elsewhere")
    await page.get_by_role("button", name="Refuser").click()
    await expect(page.locator("article .state")).to_have_text("Refusée · hors de notre ressort")
    await expect(page.get_by_role("button", name="Prendre en compte")).to_have_count(0)
    await told(salle)
    await expect(page.get_by_role("button", name="Prendre en compte")).to_have_count(1)


async def test_a_fault_is_ordered_seen_and_ended(page: Page, salle: Salle, shots):
    salle.room().order(Behaviour(automatic=False))
    await told(salle)
    for fault, word in (("429", "429, réessayer après 2 s"), ("invalid_json", "JSON illisible")):
        await page.get_by_label("Panne à simuler").select_option(fault)
        await expect(page.locator(".fault")).to_contain_text("PANNE EN COURS")
        await expect(page.locator(".fault")).to_contain_text(word)
    await shots("1-fault")
    assert salle.room().behaviour.wrong == "json"
    await page.get_by_label("Panne à simuler").select_option("off")
    await expect(page.locator(".fault")).to_have_count(0)
    assert salle.room().behaviour == Behaviour(automatic=False)


async def test_axe_finds_nothing_on_the_page_and_it_fits_the_screen(page: Page, salle: Salle):
    salle.room().order(Behaviour(automatic=False))
    await told(salle, case_id="20261121-000043", exercise=True)
    await told(salle)
    await page.get_by_label("Panne à simuler").select_option("silent")
    await expect(page.locator(".fault")).to_be_visible()
    await expect(page.locator("article")).to_have_count(2)
    await page.frame_locator("#sheet").locator("h1").wait_for()
    await flawless(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
