"""A supervisor takes a case back from a room that has it by mistake: by keyboard, asked twice.

An operator is not shown the way at all; what the server refuses is said in the dialogue, with whom
to call.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser.pages import PASSWORD, USER, act, flawless, log_in, opened
from playwright.async_api import Browser, Page, expect
from two_rooms import OTHER, OTHER_ADDRESS, sent_to_both
from world import BY_HAND, ROOM, World, worlds

from tgd.store import accounts

pytestmark = pytest.mark.needs_chromium
CHIEF = "superviseur-1"


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(database, tmp_path, behaviour=BY_HAND) as world:
        for name, role in ((USER, "operator"), (CHIEF, "supervisor")):
            async with world.database.connection() as connection:
                await accounts.add_account(
                    connection, username=name, password=PASSWORD, role=role, now=world.clock.now()
                )
        yield world


@pytest.fixture
async def page(browser: Browser, world: World) -> AsyncIterator[Page]:
    async with opened(browser, world.base) as page:
        yield page


async def test_an_operator_is_not_shown_the_way(page: Page, world: World):
    await sent_to_both(world)
    await log_in(page)
    await expect(page.locator("#a-dispatches li")).to_have_count(2)
    await expect(act(page, "cancel")).to_have_count(0)


async def asks(page: Page, room: str) -> None:
    """Open the dialogue by keyboard, choose a reason, and stand before the last question."""
    await act(page, "cancel", room).focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#sure-why input").first).to_be_focused()
    await page.keyboard.press("Enter")  # without a reason it does not go on
    await expect(page.locator("#sure-why")).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator("#sure-no")).to_be_focused()


async def confirms(page: Page) -> None:
    await page.keyboard.press("Shift+Tab")
    await expect(page.locator("#sure-do")).to_be_focused()
    await page.keyboard.press("Enter")


async def test_a_case_sent_twice_is_taken_back_by_keyboard(page: Page, world: World, shots):
    alert = await sent_to_both(world)
    await log_in(page, CHIEF)
    await expect(act(page, "cancel")).to_have_count(2)
    dialog, told = page.locator("#sure"), page.locator("#sure-not")
    # Nobody else has it yet.
    await asks(page, OTHER)
    await confirms(page)
    await expect(told).to_contain_text("Aucune autre salle n'a confirmé")
    await expect(page.locator("#sure-no")).to_be_focused()
    await shots("1-nobody-else")
    await flawless(page)
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    await world.operator().hands_off(alert)
    await expect(page.locator("#a-dispatches li.done")).to_have_count(2)  # for its neighbour, too
    # Somebody there took it by telephone, and may have sent a patrol.
    await asks(page, ROOM)
    await confirms(page)
    await expect(told).to_contain_text("l'a prise par téléphone")
    await expect(told).to_contain_text("CIC de la Vienne\u00a0: +33549000017.")
    await shots("2-by-telephone")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await asks(page, OTHER)
    await expect(page.locator("#sure-title")).to_have_text("Retirer l'affaire à CIC 17\u00a0?")
    await expect(page.locator("#sure-do")).to_have_text("Oui, retirer à CIC 17")
    await shots("3-last-question")
    await flawless(page)
    await page.keyboard.press("a")  # no act of the page behind it
    await page.keyboard.press("Enter")  # where the focus is: nothing is done
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#a-dispatches")).not_to_contain_text("n’est plus avertie")
    await asks(page, OTHER)
    await confirms(page)
    await expect(dialog).to_be_hidden()
    await expect(page.locator("#a-dispatches")).to_contain_text("n’est plus avertie depuis")
    await expect(act(page, "cancel", OTHER)).to_have_count(0)
    await shots("4-taken-back")
    entries = await world.rows(
        "SELECT actor, details ->> 'why' AS why FROM journal WHERE kind = 'dispatch_cancelled'"
    )
    assert [tuple(one) for one in entries] == [(CHIEF, "twice")]


async def test_the_keyboard_keeps_its_place_while_a_room_says_more(page: Page, world: World):
    await sent_to_both(world)
    await log_in(page, CHIEF)
    button = act(page, "cancel", OTHER)
    await button.focus()
    told = next(one for one in world.room.told if one.room == OTHER_ADDRESS)
    await world.room.says(told, "RECU")
    steps = page.locator("#a-dispatches li", has_text="CIC 17").locator(".here")
    await expect(steps).to_have_text("reçu")  # its line is made anew, with the button
    await expect(button).to_be_focused()


async def test_the_link_of_a_sheet_is_withdrawn_only_when_asked_twice(
    page: Page, world: World, shots
):
    await sent_to_both(world)
    await log_in(page, CHIEF)
    await expect(act(page, "revoke")).to_have_count(2)
    button = page.get_by_role("button", name="Retirer le lien de la fiche de CIC 17")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#sure-title")).to_contain_text("Retirer à CIC 17 le lien")
    await expect(page.locator("#sure-no")).to_be_focused()
    await shots("1-question")
    await flawless(page)
    await page.keyboard.press("Enter")
    await expect(page.locator("#sure")).to_be_hidden()
    revoked = "SELECT count(*) FROM dispatch WHERE sheet_revoked_at IS NOT NULL"
    assert await world.value(revoked) == 0
    await button.focus()
    await page.keyboard.press("Enter")
    await confirms(page)
    await expect(page.locator("#a-dispatches")).to_contain_text("lien retiré à")
    await expect(act(page, "revoke")).to_have_count(1)
    assert await world.value(revoked) == 1


async def test_a_double_click_goes_one_step_and_english_says_the_same(
    page: Page, world: World, shots
):
    alert = await sent_to_both(world)
    await world.operator().hands_off(alert)
    await log_in(page, CHIEF)
    await page.locator("#language").click()
    await act(page, "cancel", OTHER).click()
    await expect(page.locator("#sure-title")).to_have_text("Withdraw the case from CIC 17?")
    await flawless(page)
    await page.get_by_label("Sent to the wrong room").check()
    await page.locator("#sure-do").dblclick()
    await expect(page.locator("#sure-do")).to_have_text("Yes, withdraw from CIC 17")
    await expect(page.locator("#sure")).to_be_visible()
    await shots("1-english")
    await flawless(page)
    await page.locator("#sure-do").click()
    await expect(page.locator("#a-dispatches")).to_contain_text("told nothing more since")
