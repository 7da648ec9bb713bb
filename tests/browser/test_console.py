"""The console in a real browser: an operator logs in, is rung, answers, hears, decides.

Screenshots of each step are kept in the test's temporary folder for people to look at.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from browser.pages import PASSWORD, USER, act, log_in, opened
from playwright.async_api import Browser, Page, expect
from web.served import PLACE, Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD)
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


async def test_an_alert_from_the_ring_to_the_closing(api: Api, page: Page, shots):
    await page.goto("/")
    await expect(page).to_have_url(f"{api.base}/console")
    await shots("1-login")
    await log_in(page)
    await expect(page.locator("#queue-empty")).to_be_visible()
    await shots("2-empty")

    await api.press(loc=PLACE)
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    await expect(page).to_have_title("(1) ALERTE")
    await expect(page.locator("#a-status")).to_have_text("SONNE")
    await expect(page.locator("#a-deadlines")).to_contain_text("Répondre, sinon police")
    await expect(page.locator("#a-position")).to_contain_text("46,58000")
    await expect(page.locator("#blocked")).to_be_hidden()
    await expect(act(page, "verdict", "test")).to_be_disabled()
    await api.press("nobody-1")
    await expect(page.locator("#queue li")).to_have_count(2)
    await expect(page.locator("#queue button").last).to_contain_text("inconnu")
    await shots("3-ringing")

    await act(page, "answer").click()
    await expect(page.locator("#a-status")).to_have_text("PRISE EN CHARGE")
    await act(page, "voice", "holder").click()
    await expect(page.locator("#a-facts")).to_contain_text("bénéficiaire entendue")
    await act(page, "extend").click()
    await page.locator("[name=text]").fill("voix calme, essai annoncé")
    await page.keyboard.press("Enter")
    await expect(page.locator("[name=text]")).to_have_value("")
    await act(page, "verdict", "test").click()
    await expect(act(page, "verdict", "test")).to_have_text("Confirmer ?")
    await shots("4-confirm")
    await act(page, "verdict", "test").click()
    await expect(page.locator("#a-status")).to_have_text("CLOSE — essai")
    await expect(page.locator("#queue li")).to_have_count(1)
    await shots("5-closed")
    [alert] = await api.rows("SELECT verdict, verdict_by, extended FROM alert WHERE known")
    assert dict(alert) == {"verdict": "test", "verdict_by": "operateur-1", "extended": 1}
    assert len(await api.rows("SELECT FROM note")) == 2  # the extension's reason is one


async def test_the_police_are_one_click_away_and_the_hand_off_is_recorded(
    api: Api, page: Page, shots
):
    await log_in(page)
    alert = (await api.press(batt=12))["alert"]
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    await act(page, "police").click()
    await expect(page.locator("#a-status")).to_have_text("POLICE — police saisie")
    await expect(page.locator("#a-status")).to_have_class("told")
    await expect(page.locator("#a-rooms")).to_have_text("Salles ayant confirmé : 0 sur 1")
    await expect(page.locator("#a-dispatches")).to_contain_text("non acquittée")
    await expect(page.locator("#a-tasks a")).to_have_attribute("href", "tel:+33549000017")
    await shots("1-police")

    await page.locator("#close-form button").click()
    await expect(page.locator("#refused")).to_contain_text("Une salle n'a pas encore acquitté.")
    await expect(page.locator("#handoff-form [name=room]")).to_have_value("CIC de la Vienne")
    await page.locator("#handoff-form [name=call_taker]").fill("Brigadier A")
    await page.locator("#handoff-form [name=reference]").fill("2030-77")
    await page.keyboard.press("Enter")
    await expect(page.locator("#a-dispatches")).to_contain_text("acquittée par Brigadier A")
    await expect(page.locator("#a-rooms")).to_have_text("Salles ayant confirmé : 1 sur 1")
    await expect(page.locator("#a-status")).to_have_class("police")
    await shots("2-acknowledged")
    await page.locator("#close-form button").click()
    await expect(page.locator("#a-status")).to_have_text("CLOSE — police saisie")
    assert (await api.alert(alert))["outcome"] == "intervention"


async def test_a_further_press_blocks_what_was_decided_before_it(api: Api, page: Page):
    await log_in(page)
    await api.press()
    await act(page, "answer").click()
    await act(page, "voice", "holder").click()
    await expect(act(page, "verdict", "no_danger")).to_be_enabled()
    await api.press()
    await expect(page.locator("#a-presses li")).to_have_count(2)
    await expect(page.locator("#news")).to_contain_text("Nouvel appui")
    await expect(act(page, "verdict", "no_danger")).to_be_disabled()
    await expect(page.locator("#why-not")).not_to_be_empty()


async def test_the_keyboard_and_the_other_language_suffice(api: Api, page: Page, shots):
    await log_in(page)
    await api.press()
    await expect(page.locator("#queue button")).to_have_count(1)
    await page.locator("#language").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#answer")).to_have_text("Answer")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.locator("#queue button").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#a-who")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator("#answer")).to_be_focused()
    await shots("1-focus")
    await page.keyboard.press("Enter")
    await expect(page.locator("#a-status")).to_have_text("ANSWERED")
    await page.reload()
    await expect(page.locator("#a-status")).to_have_text("ANSWERED")
    await page.locator("#language").click()
    await expect(page.locator("#answer")).to_have_text("Répondre")


async def test_a_page_loaded_again_says_that_the_sound_is_blocked(api: Api, page: Page, shots):
    await log_in(page)
    await api.press()
    await page.reload()
    await expect(page.locator("#blocked")).to_be_visible()
    await shots("1-blocked")
    await page.locator("#blocked").click()
    await expect(page.locator("#blocked")).to_be_hidden()


async def test_a_lost_server_is_said_plainly_and_found_again(api: Api, page: Page, shots):
    await log_in(page)
    await api.press(loc=PLACE)
    await expect(page.locator("#queue li")).to_have_count(1)
    await api.server.stop()
    await expect(page.locator("#lost")).to_contain_text(
        "Connexion perdue — appelez le +33549000000"
    )
    await expect(page).to_have_title("CONNEXION PERDUE")
    await shots("1-lost")
    await act(page, "answer").click()
    await expect(page.locator("#refused")).to_contain_text("téléphonez")
    await api.serve(api.server.port)
    await expect(page.locator("#lost")).to_be_hidden()
    await act(page, "answer").click()
    await expect(page.locator("#a-status")).to_have_text("PRISE EN CHARGE")


async def test_an_ended_session_leads_back_to_the_login(api: Api, page: Page):
    await log_in(page)
    await api.rows("DELETE FROM web_session")
    await expect(page.locator("#login")).to_be_visible()
    await expect(page.locator("#login-error")).to_contain_text("reconnectez-vous")
    await page.locator("[name=username]").fill(USER)
    await page.locator("[name=password]").fill("not the password")
    await page.keyboard.press("Enter")
    await expect(page.locator("#login-error")).to_contain_text("mot de passe ou code faux")


async def test_every_doubt_has_its_words(api: Api, page: Page, shots):
    """A page of presses that have everything wrong with them."""
    await log_in(page)
    alert = (await api.press(loc={"lat": 999, "lon": 0}, created_at=0, tst=-5))["alert"]
    for _ in range(3):
        await api.press(loc=PLACE | {"acc": -1, "tst": 4e9}, tst=1e9)
    await asyncio.gather(*(api.press(f"x-{n}") for n in range(6)))
    await expect(page.locator("#queue li")).to_have_count(7)
    shown = await api.alert(alert)
    said = await page.locator("#a-doubts").inner_text()
    said += await page.locator("#w-doubts").inner_text()
    assert not [code for code in shown["doubts"] if code in said.split()]
    await shots("1-doubts")
