"""Several operators in real browsers: who is there, who has an alert, how it changes hands.

The server speaks HTTP only; what passes with time is `test_from_ring_to_police.py`'s.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from browser.pages import PASSWORD, USER, act, log_in, opened
from playwright.async_api import Browser, Page, expect
from web.served import PLACE, ROOM, Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium
CHIEF, OTHER = "superviseur-1", "operateur-2"
LINES = """(element) => {
  const height = element.clientHeight;
  element.style.whiteSpace = "nowrap";
  const one = element.clientHeight;
  element.style.whiteSpace = "";
  return height / one;
}"""


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD)
        await started.account(OTHER, PASSWORD)
        await started.account(CHIEF, PASSWORD, role="supervisor")
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        await log_in(page)
        yield page


@pytest.fixture
async def other(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        await log_in(page, OTHER)
        yield page


def people(page: Page):
    return page.locator("#desk-people > li")


async def test_the_second_who_answers_is_told_who_was_first(api: Api, page: Page, other: Page):
    await api.press(loc=PLACE)
    await expect(other.locator("#answer")).to_be_enabled()
    await expect(page.locator("#answer")).to_be_enabled()
    await page.route("**/alerts?*", lambda route: route.abort())  # a screen that has frozen
    await other.locator("#answer").click()
    await expect(other.locator("#a-facts")).to_contain_text(f"prise par {OTHER}")
    await page.locator("#answer").click()
    await expect(page.locator("#refused")).to_contain_text(f"prise en charge par {OTHER}")
    await page.unroute_all(behavior="wait")
    await expect(page.locator("#answer")).to_be_disabled()
    assert [row["answered_by"] for row in await api.rows("SELECT answered_by FROM alert")] == [
        OTHER
    ]


async def test_an_offer_rings_and_says_by_whom_and_why(page: Page, other: Page, api: Api, shots):
    alert = (await api.press())["alert"]
    await page.locator("#answer").click()
    await expect(other.locator("#answer")).to_be_disabled()
    await expect(people(page)).to_have_count(2)
    await page.keyboard.press("o")
    await expect(page.locator("#offer-form select")).to_be_focused()
    await expect(page.locator("#offer-form select")).to_have_value(OTHER)
    await page.locator("#offer-form [name=note]").fill("elle ne parle que lingala")
    await expect(page.locator("#offer-do")).to_be_enabled()
    await page.keyboard.press("Enter")
    await expect(page.locator("#passing-not")).to_contain_text(f"Proposée à {OTHER}")
    said = other.locator("#offered-said")
    await expect(said).to_contain_text(f"{USER} vous propose cette alerte")
    await expect(said).to_contain_text("elle ne parle que lingala")
    await expect(other).to_have_title("(1) ALERTE")
    await expect(other.locator("#queue strong")).to_contain_text("vous la propose")
    await shots("1-offered", other)
    await other.keyboard.press("a")
    await expect(other.locator("#a-facts")).to_contain_text(f"prise par {OTHER}")
    await expect(page.locator("#answer")).to_be_disabled()
    assert (await api.alert(alert))["answered_by"] == OTHER


async def test_what_is_given_back_rings_everyone(page: Page, other: Page, api: Api):
    await api.press()
    await expect(other.locator("#answer")).to_have_text("Répondre")
    await page.locator("#answer").click()
    await expect(other).not_to_have_title("(1) ALERTE")
    await page.locator("#passing summary").click()
    await page.locator("#release-form [name=reason]").fill("je pars")
    await expect(page.locator("#release-do")).to_be_enabled()  # this screen knows it, too
    await page.keyboard.press("Enter")
    await expect(other.locator("#a-facts")).to_contain_text(f"n'est plus à {USER}")
    await expect(other.locator("#queue strong")).to_contain_text("SANS OPÉRATEUR")
    await expect(other.locator("#answer")).to_have_text("Reprendre")
    await other.locator("#answer").click()
    await expect(other.locator("#a-facts")).to_contain_text(f"prise par {OTHER}")


async def test_the_room_is_another_s_to_call_while_one_has_her_on_the_line(
    page: Page, other: Page, api: Api, shots
):
    alert = (await api.press())["alert"]
    await page.locator("#answer").click()
    await expect(people(page)).to_have_count(2)
    await act(page, "voice", "holder").click()
    await expect(other.locator("#a-facts")).to_contain_text("bénéficiaire entendue")
    await expect(other.locator("#queue strong")).to_have_count(0)  # nobody is to be called yet
    await act(page, "police").click()
    await expect(other.locator("#queue strong")).to_have_text("À APPELER\u00a0: CIC de la Vienne")
    await expect(other.locator("#news")).to_contain_text(f"{USER} est en ligne avec elle")
    await expect(other.locator("#a-tasks")).to_contain_text("à vous d'appeler")
    await expect(other.locator("#a-tasks a")).to_have_attribute("href", "tel:+33549000017")
    await expect(page.locator("#a-tasks")).to_contain_text("Demandé aussi aux autres postes")
    await expect(page.locator("#queue strong")).to_have_count(0)
    assert await other.locator("#queue b").evaluate(LINES) == 1  # beside what comes next
    await shots("1-to-be-called", other)
    told = {"room": ROOM, "call_taker": "poste 4", "reference": "12"}
    await api.act(alert, "voice-handoff", told, name=OTHER)
    await expect(other.locator("#queue")).not_to_contain_text("À APPELER")
    await expect(page.locator("#a-tasks")).to_have_text("Aucun appel à passer.")


async def test_where_nobody_else_is_there_she_calls_herself(page: Page, api: Api):
    await api.press()
    await page.locator("#answer").click()
    await expect(people(page)).to_have_count(1)
    await act(page, "voice", "holder").click()
    await act(page, "police").click()
    await expect(page.locator("#a-tasks")).to_contain_text("appelez vous-même, sans la quitter")


async def test_a_shift_ends_with_everything_handed_over(page: Page, other: Page, api: Api, shots):
    for number in (1, 2):
        await api.press(f"tgd-86-0{number}")
        button = page.locator("#queue button", has_text=f"86-0{number}")
        await button.click()
        await page.locator("#answer").click()
        await expect(page.locator("#a-facts")).to_contain_text(f"prise par {USER}")
    await expect(people(other).first.locator("button")).to_have_count(2)
    await expect(page.locator("#handover-do")).to_be_enabled()
    await page.locator("#a-who").focus()
    await page.keyboard.press("h")
    await page.locator("#handover-form [name=note]").fill("relève de 6 h")
    await page.keyboard.press("Enter")
    await expect(page.locator("#news")).to_have_text(f"2 alertes proposées à {OTHER}.")
    await expect(other.locator("#queue strong")).to_have_count(2)
    await shots("1-handed-over", other)


async def test_who_is_there_is_seen_and_nobody_is_an_alarm(page: Page, other: Page, shots):
    await expect(people(page)).to_have_count(2)
    await expect(page.locator("#state")).to_have_text("Vous : disponible")
    await expect(page.locator("#alarm")).to_be_hidden()
    await page.keyboard.press("s")  # one key by mistake makes nobody absent
    await expect(page.locator("#state")).to_have_text("Confirmer\u00a0?")
    await shots("0-leaving", page)
    await expect(page.locator("#state")).to_have_text("Vous : disponible")  # it asks no more
    await expect(people(other).first).to_have_class("available")
    await page.keyboard.press("s")
    await page.keyboard.press("s")
    await expect(page.locator("#state")).to_have_text("Vous : absent")
    await expect(people(other).first).to_have_class("away")
    await expect(other.locator("#alarm")).to_be_hidden()
    await other.locator("#state").evaluate("(one) => { one.click(); one.click(); }")
    for one in (page, other):
        await expect(one.locator("#alarm")).to_contain_text("PERSONNE N'EST DISPONIBLE")
    await shots("1-nobody", page)
    await page.keyboard.press("s")
    await expect(other.locator("#alarm")).to_be_hidden()


async def test_a_supervisor_sees_who_holds_what_and_takes_over(
    browser: Browser, page: Page, api: Api, shots
):
    await api.press()
    await page.locator("#answer").click()
    async with AsyncExitStack() as stack:
        chief = await stack.enter_async_context(opened(browser, api.base))
        await log_in(chief, CHIEF)
        held = people(chief).filter(has_text=USER).locator("button")
        await expect(held).to_have_text("Bénéficiaire 86-01")
        await held.click()
        await expect(chief.locator("#answer")).to_have_text("Reprendre")
        await shots("1-overview", chief)
        await chief.locator("#answer").click()
        await expect(chief.locator("#a-facts")).to_contain_text(f"prise par {CHIEF}")
    await expect(page.locator("#a-facts")).to_contain_text(f"prise par {CHIEF}")


async def test_a_further_press_raises_an_alert_that_its_holder_does_not_look_at(
    page: Page, api: Api, shots
):
    await api.press("tgd-86-01")
    await page.locator("#answer").click()
    await expect(page.locator("#a-facts")).to_contain_text(f"prise par {USER}")
    await api.press("tgd-86-02")
    await page.locator("#queue button", has_text="86-02").click()
    await page.locator("#answer").click()
    await api.press("tgd-86-01")
    first = page.locator("#queue li").first
    await expect(first).to_contain_text("86-01")
    await expect(first.locator("strong")).to_have_text("Du nouveau")
    await first.locator("button").click()
    await expect(page.locator("#fresh-list")).to_contain_text("Nouvel appui à")
    await shots("1-news", page)
    await page.keyboard.press("v")
    await expect(page.locator("#fresh")).to_be_hidden()
    await expect(page.locator("#queue strong")).to_have_count(0)


async def test_what_a_colleague_notes_raises_the_alert_and_is_read_at_once(page: Page, api: Api):
    alert = (await api.press())["alert"]
    await page.locator("#answer").click()
    await expect(page.locator("#a-facts")).to_contain_text(f"prise par {USER}")
    await page.locator("#note").fill("un homme crie")
    await page.locator("#note").press("Enter")
    await expect(page.locator("#notes summary")).to_contain_text("Notes (1)")
    await expect(page.locator("#queue strong")).to_have_count(0)  # one's own is no news
    noted = await api.act(
        alert, "notes", {"text": "sa sœur appelle"}, role="supervisor", name=CHIEF
    )
    assert noted[0] == 200
    await expect(page.locator("#fresh-list")).to_contain_text(f"Note de {CHIEF} à")
    await expect(page.locator("#queue strong")).to_have_text("Du nouveau")
    await expect(page.locator("#notes-list li").first).to_contain_text("sa sœur appelle")
    await expect(page.locator("#notes-list li")).to_have_count(2)


async def test_the_keys_alone_lead_from_the_ring_to_the_verdict(page: Page, api: Api, shots):
    alert = (await api.press(loc=PLACE))["alert"]
    await expect(page.locator("#a-status")).to_have_text("SONNE")
    await page.keyboard.press("a")
    await expect(page.locator("#a-status")).to_have_text("PRISE EN CHARGE")
    await page.keyboard.press("1")
    await expect(page.locator("#a-facts")).to_contain_text("bénéficiaire entendue")
    for times in (1, 2):
        await page.keyboard.press("+")
        await expect(page.locator("#notes summary")).to_contain_text(f"Notes ({times})")
    await page.keyboard.press("n")
    await page.keyboard.type("appel test, voix calme")  # no letter of it is an act
    await page.keyboard.press("Enter")
    await expect(page.locator("#notes summary")).to_contain_text("Notes (3)")
    await page.locator("#a-who").focus()
    await page.keyboard.press("p")  # the police are never one slip away
    await page.keyboard.press("e")
    await expect(page.locator("#a-status")).to_have_text("PRISE EN CHARGE")
    await page.keyboard.press("e")
    await expect(page.locator("#a-status")).to_have_text("CLOSE — essai")
    assert (await api.alert(alert))["extended"] == 2
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    await shots("1-keys", page)
    await page.keyboard.press("Tab")
    await page.locator("#keys-on").uncheck()
    await page.locator("#keys-shut").click()
    await page.keyboard.press("Shift+P")
    await expect(page.locator("#a-status")).to_have_text("CLOSE — essai")
    await page.locator("#help").click()
    await page.locator("#keys-on").check()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Shift+P")  # a test becomes police at any time
    await expect(page.locator("#a-status")).to_have_text("POLICE — police saisie")


async def test_the_ring_is_tested_by_ear(page: Page, shots):
    await page.keyboard.press("b")
    await expect(page.locator("#hear")).to_be_visible()
    await page.locator("#hear-no").click()
    await expect(page.locator("#hear-not")).to_contain_text("Réactiver le son du site")
    await shots("1-not-heard", page)
    await page.locator("#hear-yes").click()
    await expect(page.locator("#hear")).to_be_hidden()
    assert (await page.locator("#icon").get_attribute("href")).endswith("/icon.svg")


async def test_the_icon_changes_while_it_rings(page: Page, api: Api):
    await api.press()
    icon = page.locator("#icon")
    await expect(icon).to_have_attribute("href", f"{await folder(page)}icon-ring.svg")
    await page.locator("#answer").click()
    await expect(icon).to_have_attribute("href", f"{await folder(page)}icon.svg")


async def folder(page: Page) -> str:
    return await page.evaluate("new URL('.', document.querySelector('script').src).href")


async def test_a_closed_alert_is_found_again_and_becomes_police(page: Page, api: Api, shots):
    alert = (await api.press(loc=PLACE))["alert"]
    await page.locator("#answer").click()
    await page.locator("[data-act=voice][data-value=holder]").click()
    await expect(page.locator("[data-act=verdict][data-value=test]")).to_be_enabled()
    seen = (await api.alert(alert))["last_press"]
    await api.act(alert, "decision", {"verdict": "test", "seen": seen}, name=USER)
    await expect(page.locator("#a-status")).to_have_text("CLOSE — essai")
    await page.reload()
    await page.locator("#language").click()
    await page.locator("#closed summary").click()
    await page.locator("#closed-list button").click()
    await expect(page.locator("#a-status")).to_have_text("CLOSED — test")
    report = page.locator("#a-report-link")
    await expect(report).to_have_attribute("href", f"/console/report/{alert}")
    await shots("1-closed", page)
    await page.locator("#police").click()
    await expect(page.locator("#a-status")).to_have_text("POLICE — police sent")
    await expect(page.locator("#a-facts")).to_contain_text("follows a closed alert")
    assert len(await api.rows("SELECT FROM alert WHERE follows = $1", alert)) == 1
    await shots("2-police", page)
