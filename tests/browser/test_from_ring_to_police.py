"""An alert with the whole server: silence, coercion, a child's voice, the call to a room, a map.

The clock is ours, so that a deadline passes where a test says so and nowhere else.
"""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from browser.furnished import furnish, link, put_file
from browser.pages import act, confirmed, log_in, opened
from playwright.async_api import Browser, Page, expect
from world import PLACE, World, worlds

from tgd.platform.dossier import WORD_ABOUT

pytestmark = pytest.mark.needs_chromium


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(database, tmp_path) as world:
        await furnish(world)
        await put_file(world)
        world.room.forgives()
        yield world


@pytest.fixture
async def page(browser: Browser, world: World) -> AsyncIterator[Page]:
    async with opened(browser, world.base) as page:
        await log_in(page)
        yield page


async def test_silence_is_forwarded_by_a_second_nobody(world: World, page: Page, shots):
    await world.phone().press(loc=PLACE)
    await act(page, "answer").click()
    await expect(page.locator("#guide-do")).to_contain_text("Elle ne vous entend pas")
    await act(page, "voice", "nobody").click()
    await expect(page.locator("#guide-do")).to_contain_text("Rappelez UNE fois")
    await shots("1-nobody")
    await act(page, "voice", "nobody").click()
    await expect(page.locator("#a-status")).to_have_text(
        "POLICE — transmise à la police — aucune voix entendue"
    )


async def test_silence_is_forwarded_by_the_deadline(world: World, page: Page, shots):
    await world.phone().press(loc=PLACE)
    await act(page, "answer").click()
    await expect(page.locator("#a-deadlines")).to_contain_text("Entendre une voix, sinon police")
    await world.advance(8)
    await page.evaluate("() => undefined")
    await world.advance(23)
    await expect(page.locator("#a-status")).to_contain_text("transmise à la police")
    await expect(page.locator("#fresh-list")).to_contain_text("Transmise à la police")
    await shots("1-forwarded")


async def test_the_wrong_word_is_coercion_and_says_so_to_the_operator_alone(
    world: World, page: Page, shots
):
    sealed = world.sealer.seal("bleu océan".encode(), WORD_ABOUT)
    await world.owner("UPDATE beneficiary SET all_clear_word = $1", sealed)
    phone = world.phone()
    await phone.press()
    await act(page, "answer").click()
    await act(page, "voice", "holder").click()
    await expect(act(page, "verdict", "no_danger")).to_be_enabled()
    await page.keyboard.press("w")
    await page.keyboard.type("rouge")
    await confirmed(act(page, "verdict", "no_danger"))
    await expect(page.locator("#a-status")).to_contain_text("contrainte probable")
    await expect(page.locator("#w-live")).to_be_visible()
    await world.until(lambda: "closed" in phone.states())  # as after an accepted verdict
    await shots("1-coercion")


async def test_a_test_rehearses_the_word_and_shows_nothing_of_it(world: World, page: Page, shots):
    sealed = world.sealer.seal("bleu océan".encode(), WORD_ABOUT)
    await world.owner(
        "UPDATE beneficiary SET all_clear_word = $1 WHERE id IN"
        " (SELECT beneficiary_id FROM assignment WHERE device_id = 'tgd-86-01')",
        sealed,
    )
    tested, why = page.locator("#tested"), page.locator("#why-not")
    screens = []
    for device, word in (("tgd-86-01", "Bleu Océan"), ("tgd-86-02", "")):
        press = await world.phone(device).press()
        await page.locator(f"#queue [data-id='{press.alert}']").click()
        await act(page, "answer").click()
        await expect(tested).to_have_text("Téléphone JAMAIS ESSAYÉ par sa bénéficiaire.")
        await act(page, "voice", "holder").click()
        await expect(act(page, "verdict", "test")).to_be_enabled()
        # The field stands ready, and the question is the same whoever it is.
        await expect(why).to_contain_text("la même question")
        await expect(page.locator("#guide-do")).to_contain_text("Un essai répète l'alerte")
        await page.keyboard.press("w")
        await page.keyboard.type(word)
        await confirmed(act(page, "verdict", "test"))
        await expect(tested).to_have_text("Dernier essai aujourd'hui.")
        await expect(page.locator("#word")).to_have_value("")
        screens.append([await page.locator(f"#{i}").inner_text() for i in ("a-status", "acts")])
    assert screens[0] == screens[1]
    assert screens[0][0].lower() == "close — essai"
    await shots("1-tested")


@pytest.mark.parametrize(
    ("days", "said", "kind"),
    [
        (14, "Dernier essai il y a 14 jours.", "fresh"),
        (16, "Dernier essai il y a 16 jours : l'essai des 15 jours est dû.", "due"),
        (22, "Dernier essai il y a 22 jours : EN RETARD, plus de 21 jours.", "overdue"),
    ],
)
async def test_how_long_ago_the_phone_was_tested(
    world: World, page: Page, shots, days: int, said: str, kind: str
):
    operator = world.operator()
    press = await world.phone().press()
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "test")
    await world.owner(
        "UPDATE phone_test SET decided_at = decided_at - $1 * interval '1 day'", float(days)
    )
    again = await world.phone().press()
    await page.locator(f"#queue [data-id='{again.alert}']").click()
    await act(page, "answer").click()
    tested = page.locator("#tested")
    await expect(tested).to_have_text(said)
    await expect(tested).to_have_class(f"tested {kind}")
    await shots(f"1-{kind}")


async def test_her_file_stands_out_and_the_call_is_written_down(world: World, page: Page, shots):
    await world.phone().press(loc=PLACE | {"vel": 5.0, "cog": 40.0})
    await expect(page.locator("#person-not")).to_contain_text("Pas encore lue")
    await expect(page.locator("#dangers")).to_be_hidden()
    await act(page, "answer").click()
    await expect(page.locator("#dangers-list")).to_contain_text("Armes : fusil de chasse")
    await expect(page.locator("#dangers-list")).to_contain_text("Chien : chien de garde")
    await expect(page.locator("#person-file")).to_contain_text("dort dans la chambre du fond")
    await act(page, "voice", "child").click()
    await expect(page.locator("#guide-say")).to_contain_text("Où est maman ?")
    await shots("1-child")
    await page.locator("#a-who").focus()
    await page.keyboard.press("g")
    await expect(page.locator("#guide-say li").first).to_contain_text("français")
    await expect(page.locator("#guide-say li").nth(1)).to_contain_text("português")
    await page.keyboard.press("Shift+P")
    await expect(page.locator("#a-tasks li").first).to_contain_text("Saisir la salle de vive voix")
    await expect(page.locator("#a-tasks a").first).to_have_attribute("href", "tel:+33549000017")
    await page.keyboard.press("i")
    await expect(page.locator("#script-lines dt")).to_have_text(
        ["Qui", "Dossier", "Lieu", "Danger", "Pour l'équipage", "Enfants", "Rappel"]
    )
    said = page.locator("#script-lines")
    for part in ("rayon de 20 m", "fusil de chasse", "Enfant fictif", "+33549000000"):
        await expect(said).to_contain_text(part)
    await shots("2-police")
    await page.locator("#language").click()  # the rooms are told in French all the same
    await expect(page.locator("#script-lines dt").first).to_have_text("Who")
    await expect(said).to_contain_text("Ici la plateforme Téléphone Grave Danger")
    for part in ("rayon de 20 m", "1 appui.", "Voix entendue : enfant.", "Armes : fusil de chasse"):
        await expect(said).to_contain_text(part)
    assert {await dd.get_attribute("lang") for dd in await said.locator("dd").all()} == {"fr"}
    await expect(page.locator("#dangers-list")).to_contain_text("Weapons: fusil de chasse")
    kinds = await world.rows("SELECT actor FROM journal WHERE kind = 'file_read'")
    assert [row["actor"] for row in kinds] == ["operateur-1"]  # read once, however long she looks


async def test_a_file_that_does_not_open_costs_the_file_alone(world: World, page: Page):
    await world.owner("UPDATE person_file SET content = '\\x00'::bytea")
    await world.phone().press(loc=PLACE)
    await act(page, "answer").click()
    await expect(page.locator("#person-not")).to_contain_text("ne s'ouvre pas")
    await act(page, "voice", "holder").click()
    await expect(act(page, "verdict", "test")).to_be_enabled()


async def test_linked_alerts_name_each_other(world: World, page: Page, shots):
    await link(world, "tgd-86-01", "tgd-86-02")
    await world.phone("tgd-86-01").press(loc=PLACE)
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-01")
    await expect(page.locator("#a-linked")).to_be_hidden()
    await world.phone("tgd-86-02").press(loc=PLACE)
    await expect(page.locator("#a-linked button")).to_have_text("Bénéficiaire 86-02")
    await shots("1-linked")
    await page.locator("#a-linked button").click()
    await expect(page.locator("#a-who")).to_have_text("Bénéficiaire 86-02")
    await expect(page.locator("#a-linked button")).to_have_text("Bénéficiaire 86-01")


async def test_the_map_shows_what_the_words_say(world: World, page: Page, shots):
    outside: list[str] = []
    page.on("request", lambda one: outside.append(one.url))
    await world.phone().press(loc=PLACE | {"vel": 5.0, "cog": 40.0})
    await expect(page.locator("#plan .disc")).to_have_count(1)
    await expect(page.locator("#w-map")).to_be_hidden()
    async with page.expect_response(re.compile(r"/api/v1/zones/\d+$")) as answered:
        await page.keyboard.press("m")
    drawn = await (await answered.value).json()
    assert {"code", "name", "service", "institution"} == set(drawn["features"][0]["properties"])
    await expect(page.locator("#map canvas")).to_have_count(1)
    await expect(page.locator("#map .leaflet-tooltip")).to_contain_text(["domicile"])
    await page.locator("#w-map").scroll_into_view_if_needed()
    await shots("1-map")
    assert [url for url in outside if not url.startswith(world.base)] == []
    await page.keyboard.press("m")
    await expect(page.locator("#w-map")).to_be_hidden()
    await expect(page.locator("#plan .disc")).to_have_count(1)


async def test_without_the_map_the_sketch_stays(world: World, page: Page):
    await page.route("**/leaflet.js", lambda route: route.abort())
    await world.phone().press(loc=PLACE)
    await expect(page.locator("#plan .disc")).to_have_count(1)
    await page.keyboard.press("m")
    await expect(page.locator("#map-not")).to_contain_text("le schéma reste")
    await expect(page.locator("#plan .disc")).to_have_count(1)
    await page.unroute("**/leaflet.js")
    await page.keyboard.press("m")
    await expect(page.locator("#map canvas")).to_have_count(1)


async def test_five_rooms_leave_the_danger_in_sight(world: World, page: Page, shots):
    await world.phone().press(loc=PLACE)
    await act(page, "answer").click()
    await act(page, "police").click()
    await world.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    for n in range(1, 5):
        await world.owner(
            "INSERT INTO room (id, name, institution, address, is_default)"
            " VALUES ($1, $2, 'GN', $1, false)",
            *(f"fr.gendarmerie.corg{n}", f"CORG du département voisin n° {n}"),
        )
    await world.owner(
        "INSERT INTO dispatch (id, alert_id, room_id, line, lead, state, dispatched_at)"
        " SELECT gen_random_uuid(), a.id, r.id, 0, false, 'pending', $1 FROM alert a, room r"
        " WHERE r.institution = 'GN' AND r.id LIKE 'fr.%'",
        world.clock.now(),
    )
    await world.owner(
        "INSERT INTO deadline (alert_id, dispatch_id, name, due_at)"
        " SELECT alert_id, id, x, $1 FROM dispatch, unnest(ARRAY['received', 'acknowledged']) x"
        " WHERE acknowledged_at IS NULL",
        world.clock.now() + timedelta(seconds=50),
    )
    await expect(page.locator("#a-dispatches > li")).to_have_count(5)
    for what in ("Réception", "Acquittement"):
        await expect(page.locator("#a-deadlines li", has_text=what)).to_have_count(1)
    await expect(page.locator("#a-deadlines")).to_contain_text("et 3 autres")
    await shots("1-five")
    await expect(page.locator("#dangers")).to_be_in_viewport(ratio=1)


async def test_the_timeline_is_the_journal_in_words(world: World, page: Page):
    await world.phone().press()
    await act(page, "answer").click()
    await page.locator("#timeline summary").click()
    await expect(page.locator("#timeline-list")).to_contain_text("alerte prise en charge")
    await act(page, "voice", "other").click()
    await expect(page.locator("#timeline-list")).to_contain_text("voix entendue (autre)")
    await world.phone().press()
    said = [
        " · téléphone · appui : l'alerte s'ouvre",
        " · téléphone · nouvel appui : l'alerte sonne",
    ]
    for one in said:
        await expect(page.locator("#timeline-list li", has_text=one)).to_have_count(1)
