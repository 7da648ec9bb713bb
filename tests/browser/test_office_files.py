"""The prosecutor's page: a person's file, phones prepared, terms that end, cases exported."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from browser.pages import PASSWORD, faultless, flawless, opened
from browser.test_parquet import (
    act,
    card,
    fits,
    freed,
    heard,
    in_service,
    log_in,
    office,
)
from PIL import Image
from playwright.async_api import Browser, Page, Response, expect
from web.served import PLACE, SECRET, Api, serving

from tgd.clock import Clock
from tgd.devices.authority import Authority
from tgd.seal import Sealer

pytestmark = pytest.mark.needs_chromium
FILE = {
    "name": "Zoé Fictive",
    "born": "1990-01-02",
    "description": "manteau rouge, cheveux courts",
    "languages": ["français", "español"],
    "health": "asthme",
    "contact": "SMS anodin, puis par la voisine du 2e",
    "contact_hours": "le matin ; jamais le soir ni le dimanche",
    "evaluation": "Menaces réitérées depuis la séparation, auteur armé.",
    "children": [{"name": "Enfant fictif", "born": "2021", "note": "dort au fond du couloir"}],
    "aggressor": {
        "name": "Auteur fictif",
        "relation": "ancien conjoint",
        "vehicle": "fourgon blanc",
    },
    "dangers": {"weapons": "fusil de chasse", "dog": "chien de garde", "access": "par la cour"},
}
HOME = {"kind": "home", "label": "Domicile fictif", "lat": 46.58, "lon": 0.34}


@pytest.fixture
async def api(database: str, tmp_path: Path) -> AsyncIterator[Api]:
    Authority.create(tmp_path / "ca", Sealer(SECRET), Clock().now())
    more = {"ca_dir": tmp_path / "ca", "journal_dir": tmp_path / "journal"}
    brokers = {"phone_mqtt_url": "mqtts://mqtt.example.org"}
    async with serving(database, Clock(), **more, **brokers) as started:
        for name in ("parquet-1", "parquet-2"):
            await started.account(name, PASSWORD, "prosecutor", tribunal_id="poitiers")
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


async def person(api: Api, device: str = "tgd-86-01") -> str:
    return (await office(api, "GET", f"devices/{device}"))["holder"]["id"]


async def written(api: Api, **said: object) -> str:
    who = await person(api)
    await office(api, "POST", f"beneficiaries/{who}/file", said)
    return who


async def readings(api: Api) -> int:
    return len(await api.rows("SELECT FROM journal WHERE kind = 'file_read'"))


async def part(page: Page, name: str):
    await page.locator(f"#file-{name} > summary").click()
    return page.locator(f"#file-{name} form")


async def test_a_file_is_read_once_and_mended_part_by_part(api: Api, page: Page, shots):
    await in_service(api, "tgd-86-01")
    await written(api, file=FILE, places=[HOME])
    before = await readings(api)
    await page.goto("/parquet#phone/tgd-86-01")
    await log_in(page)
    await page.locator("#phone-file a").click()
    await expect(page.locator("#file-title")).to_have_text("Dossier de Zoé Fictive")
    facts = page.locator("#file-facts")
    for said in ("asthme", "fusil de chasse", "Enfant fictif, 2021", "Domicile fictif", "Menaces"):
        await expect(facts).to_contain_text(said)
    await shots("1-file")
    await faultless(page)
    await fits(page)
    await page.set_viewport_size({"width": 640, "height": 720})  # 1280 at a zoom of 200 %
    await fits(page)
    await page.set_viewport_size({"width": 1280, "height": 720})
    form = await part(page, "her")
    await form.locator("[name=health]").fill("asthme, inhalateur dans le sac")
    await shots("2-mending")
    await form.locator("button").click()
    await expect(page.locator("#said")).to_contain_text("Dossier enregistré")
    await expect(facts).to_contain_text("inhalateur")
    assert await readings(api) == before + 2, "when it was opened, and as it was saved"
    await printed(page, shots, "3-printed")


async def printed(page: Page, shots, name: str) -> None:
    """What stands there fits a sheet of A4, without its buttons."""
    await page.emulate_media(media="print")
    file = await page.pdf(format="A4", prefer_css_page_size=True)
    assert file.count(b"/Type /Page\n") == 1
    await expect(page.locator("#file-acts")).to_be_hidden()
    await page.set_viewport_size({"width": 794, "height": 1123})
    await shots(name)
    await page.set_viewport_size({"width": 1280, "height": 720})
    await page.emulate_media(media="screen")


async def test_rows_are_added_and_taken_away(api: Api, page: Page, shots):
    who = await written(api, file=FILE, places=[HOME])
    await page.goto(f"/parquet#file/{who}")
    await log_in(page)
    facts = page.locator("#file-facts")
    form = await part(page, "children")
    await form.locator("[name=name-1]").fill("Cadet fictif")
    await form.locator("button").click()
    await expect(facts).to_contain_text("Cadet fictif")
    form = await part(page, "children")
    await form.locator("[name=name-0]").fill("")
    await form.locator("button").click()
    await expect(facts).not_to_contain_text("Enfant fictif")

    form = await part(page, "places")
    await form.locator("[name=label-1]").fill("École fictive")
    await form.locator("[name=kind-1]").select_option("school")
    await form.locator("[name=position-1]").fill("là-bas")
    await form.locator("button").click()
    await expect(page.locator("#wrong")).to_contain_text("Latitude")
    await form.locator("[name=position-1]").fill("46.6, 0.35")
    await form.locator("button").click()
    await expect(facts).to_contain_text("École fictive")

    form = await part(page, "word")
    await form.locator("[name=word]").fill("mimosa")
    await form.locator("button").click()
    await expect(facts).to_contain_text("Mot convenuoui")
    await page.locator("#file-word > summary").click()
    await expect(page.locator("#file-word [name=word]")).to_have_value("")
    assert "mimosa" not in await page.content()
    await shots("1-mended")
    await faultless(page)

    [row] = await api.rows(
        "SELECT details FROM journal WHERE kind = 'file_mended' ORDER BY no DESC LIMIT 1"
    )
    assert row["details"]["fields"] == ["all_clear_word"]


async def test_nobody_writes_over_what_another_has_written(api: Api, page: Page):
    who = await written(api, file=FILE)
    await page.goto(f"/parquet#file/{who}")
    await log_in(page)
    await expect(page.locator("#file-title")).to_contain_text("Zoé")
    assert "Zoé" not in await page.title(), "it would stay in the browser's history"
    await office(api, "POST", f"beneficiaries/{who}/file", {"file": {"health": "autre"}})
    form = await part(page, "evaluation")
    await form.locator("textarea").fill("Danger réévalué.")
    await form.locator("button").click()
    await expect(page.locator("#wrong")).to_contain_text("modifié ce dossier entre-temps")
    await expect(form.locator("textarea")).to_have_value("Danger réévalué.")


async def test_what_was_typed_stays_in_the_other_language_and_goes_with_the_session(
    api: Api, page: Page
):
    await page.goto(f"/parquet#file/{await written(api, file=FILE)}")
    await log_in(page)
    form = await part(page, "him")
    await form.locator("[name=relation]").fill("frère")
    before = await readings(api)
    await page.locator("#language").click()
    await expect(page.locator("#file-him > summary")).to_have_text("The aggressor")
    await expect(form.locator("[name=relation]")).to_have_value("frère")
    assert await readings(api) == before
    await api.rows("DELETE FROM web_session")
    await form.locator("button").click()
    await expect(page.locator("#login")).to_be_visible()
    assert "Fictive" not in await page.content()


async def test_an_association_reads_its_part_until_its_convention_ends(api: Api, page: Page, shots):
    await in_service(api, "tgd-86-01")
    await written(api, file=FILE, places=[HOME], all_clear_word="mimosa")
    await api.account("asso", PASSWORD, "association", tribunal_id="poitiers")
    await api.follows("asso", "tgd-86-01")
    await page.goto("/parquet")
    await log_in(page, "asso")
    await page.locator("#people-list a").click()
    facts = page.locator("#file-facts")
    await expect(facts).to_contain_text("par la voisine")
    await expect(facts).to_contain_text("Auteur fictif, ancien conjoint")
    for hidden in ("fusil", "Menaces", "Domicile", "fourgon", "mimosa", "Mot convenu"):
        assert hidden not in await page.content()
    await expect(page.locator("#file-mending")).to_be_hidden()
    await shots("1-part")
    await faultless(page)
    hers = await page.evaluate("location.hash")
    await page.locator("#file-back").click()
    [convention] = (await office(api, "GET", "conventions"))["items"]
    await office(api, "POST", f"conventions/{convention['id']}/end")
    # The list may have been read anew by now, without her: the address is what is left.
    await page.evaluate("hash => { location.hash = hash }", hers)
    await expect(page.locator("#wrong")).to_contain_text("registre")
    assert "voisine" not in await page.content()


async def test_a_phone_is_entered_and_prepared_by_a_code_shown_once(
    api: Api, page: Page, shots, tmp_path: Path
):
    await freed(api, "tgd-86-08")
    await page.goto("/parquet#stock")
    await log_in(page)
    form = page.locator("#stock-body form")
    await form.locator("[name=id]").fill("tgd-86-09")
    await form.locator("[name=imei]").fill("490154203237518")
    await form.locator("[name=generation]").select_option("4G")
    await shots("1-stock")
    await faultless(page)
    await form.locator("button").click()
    await expect(page.locator("#phone-title")).to_contain_text("tgd-86-09")
    await expect(page.locator("#said")).to_contain_text("entré au registre")

    answers: list[Response] = []
    page.on("response", lambda one: answers.append(one) if one.url.endswith("/enrol") else None)
    form = await act(page, "enrol")
    await shots("2-before")
    await form.locator("button").click()
    await expect(page.locator("#code")).to_be_visible()
    assert answers[0].headers["cache-control"] == "no-store"
    given = await answers[0].json()
    await shots("3-code")
    await flawless(page)
    assert await modules(page, len(given["code"])) == given["code"]
    kept = tmp_path / "given.json"
    kept.write_text(json.dumps(given))
    await page.emulate_media(media="print")
    await expect(page.locator("#code")).to_be_hidden()
    await page.emulate_media(media="screen")
    await page.locator("#code-done").click()
    await expect(page.locator("#code")).to_be_hidden()
    assert await page.locator("#code-picture path").count() == 0
    await expect(page.locator("#facts")).to_contain_text("actif depuis")
    await expect(page.locator("#act-enrol")).to_have_count(0)
    await page.reload()
    form = await act(page, "rotate")
    await form.locator("button").click()
    at_hand = form.locator("[name=at_hand]")
    assert await at_hand.evaluate("field => !field.validity.valid"), "it would be mute"
    await faultless(page)
    assert len(answers) == 1
    await at_hand.check()
    await form.locator("button").click()
    await expect(page.locator("#code")).to_be_visible()
    rows = await api.rows("SELECT actor FROM journal WHERE kind = 'phone_enrolled'")
    assert [row["actor"] for row in rows] == ["parquet-1"]
    rotated = await api.rows("SELECT details FROM journal WHERE kind = 'phone_rotated'")
    assert [row["details"]["at_hand"] for row in rotated] == [True]


async def modules(page: Page, size: int) -> list[str]:
    """The code as it stands on the screen, module by module, with its margin of four."""
    picture = Image.open(io.BytesIO(await page.locator("#code-picture").screenshot())).convert("L")
    step = picture.width / (size + 8)
    at = [int((n + 4.5) * step) for n in range(size)]
    assert step >= 2, "a phone cannot read it"
    return ["".join("1" if picture.getpixel((x, y)) < 128 else "0" for x in at) for y in at]


async def test_the_code_goes_by_itself(api: Api, page: Page):
    await page.clock.install()
    await page.goto("/parquet#phone/tgd-86-01")
    await log_in(page)
    form = await act(page, "enrol")
    await form.locator("button").click()
    await expect(page.locator("#code")).to_be_visible()
    await page.set_viewport_size({"width": 640, "height": 720})
    await fits(page)
    await page.clock.run_for(5 * 60_000)
    await expect(page.locator("#code")).to_be_hidden()
    assert await page.locator("#code-picture path").count() == 0


async def ending(api: Api, device: str, days: int) -> None:
    """Its term ends in so many days; the server itself may not say when one began."""
    owner = await asyncpg.connect(api.url_of_database)
    await owner.execute(
        "UPDATE assignment SET ends_at = now() + $2 * interval '1 day' - interval '1 hour'"
        " WHERE device_id = $1",
        device,
        days,
    )
    await owner.close()


async def test_terms_that_end_are_taken_note_of(api: Api, page: Page, shots):
    for number, days in ((1, 50), (2, 20), (3, 5)):
        await in_service(api, f"tgd-86-0{number}")
        await ending(api, f"tgd-86-0{number}", days)
    await page.goto("/parquet")
    await log_in(page)
    endings = page.locator("#endings li")
    await expect(endings).to_have_count(3)
    await expect(endings.first).to_contain_text("tgd-86-03")
    await expect(endings.first).to_contain_text("il reste 4 jours")
    await shots("1-endings")
    await faultless(page)
    await endings.first.locator("button").click()
    await expect(page.locator("#said")).to_contain_text("inscrite au journal")
    await expect(endings).to_have_count(2)
    await expect(card(page, "tgd-86-03")).to_have_count(1), "it stays on the red list"
    rows = await api.rows("SELECT actor, details FROM journal WHERE kind = 'ending_seen'")
    assert [(row["actor"], row["details"]["days"]) for row in rows] == [("parquet-1", 7)]
    await page.goto("/parquet#phone/tgd-86-03")
    await expect(page.locator("#facts")).to_contain_text("Fin de période connue")
    await expect(page.locator("#facts")).to_contain_text("parquet-1")


async def test_a_closed_case_is_exported(api: Api, page: Page, shots, tmp_path: Path):
    await in_service(api, "tgd-86-01")
    alert = (await api.press("tgd-86-01", loc=PLACE))["alert"]
    await page.goto("/parquet#phone/tgd-86-01")
    await log_in(page)
    cases = page.locator("#cases li")
    await expect(cases).to_have_count(2)
    await expect(cases.first).to_contain_text("en cours")
    await expect(cases.first.locator("details")).to_have_count(0)
    await heard(api, alert)
    await page.reload()
    await cases.first.locator("summary").click()
    await cases.first.locator("[name=ground]").select_option("procedure")
    await cases.first.locator("form button").click()
    reference = cases.first.locator("[name=reference]")
    assert await reference.evaluate("field => !field.validity.valid"), "of which procedure"
    await reference.fill("PV 30/118")
    await shots("1-export")
    await faultless(page)
    async with page.expect_download() as coming:
        await cases.first.locator("form button").click()
    file = tmp_path / "case.zip"
    await (await coming.value).save_as(file)
    manifest = json.loads(zipfile.ZipFile(file).read("manifest.json"))
    assert (manifest["alert"], manifest["made_by"]) == (alert, "parquet-1")
    assert (manifest["ground"], manifest["reference"]) == ("procedure", "PV 30/118")
    await expect(page.locator("#said")).to_contain_text("Archive enregistrée")


async def test_a_click_that_is_sent_twice_is_one_act(api: Api, page: Page):
    """The line breaks after the server has done it: whoever tries again does nothing twice."""
    await in_service(api, "tgd-86-01")
    await page.goto("/parquet#phone/tgd-86-01")
    await log_in(page)
    lost = []

    async def lose(route) -> None:
        await route.fetch()
        lost.append(route.request.headers["idempotency-key"])
        await route.abort()

    await page.route("**/renew", lose, times=1)
    form = await act(page, "renew")
    await form.locator("button").click()
    await expect(page.locator("#wrong")).to_be_visible()
    await form.locator("button").click()
    await expect(page.locator("#facts")).to_contain_text("renouvelée 1 fois")
    rows = await api.rows("SELECT details FROM journal WHERE kind = 'renewed'")
    assert [row["details"]["act"] for row in rows] == lost


async def test_a_member_is_cleared_and_entrusted_with_a_person(api: Api, page: Page, shots):
    await api.account("asso", PASSWORD, "association", tribunal_id="poitiers")
    await page.goto("/parquet#bound")
    await log_in(page)
    await page.locator("#agree-new > summary").click()
    form = page.locator("#agree-new form")
    await form.locator("[name=association]").fill("Association fictive 86")
    await form.locator("[name=ends_at]").fill("2031-12-31")
    await shots("1-agree")
    await faultless(page)
    await expect(form.locator("[name=association]")).to_have_value("Association fictive 86")
    await form.locator("button").click()
    one = page.locator("#bound-list > li")
    await expect(one).to_contain_text("personne n'y voit personne")
    await one.locator("summary", has_text="Habiliter").click()
    await one.locator("[name=username]").fill("parquet-2")
    await one.locator("form button", has_text="Habiliter").click()
    await expect(page.locator("#wrong")).to_contain_text("Nom du compte")
    await one.locator("[name=username]").fill("asso")
    await one.locator("form button", has_text="Habiliter").click()
    await expect(one).to_contain_text("Ne suit encore personne")
    await one.locator("summary", has_text="confier").click()
    who = await person(api)
    await one.locator("[name=beneficiary]").first.select_option(who)
    await one.locator("form button", has_text="confier").click()
    await expect(one).to_contain_text("Suit : Bénéficiaire 86-01")
    await shots("2-entrusted")
    await faultless(page)
    await fits(page)
    rows = await api.rows("SELECT beneficiary_id FROM followed WHERE username = 'asso'")
    assert [str(row["beneficiary_id"]) for row in rows] == [who]
    await one.locator("summary", has_text="Mettre fin").click()
    await one.locator("form button", has_text="Mettre fin").click()
    await expect(one).to_contain_text("terminée le")


async def test_who_has_a_name_is_found_on_record(api: Api, page: Page, shots):
    await written(api, file=FILE)
    await page.goto("/parquet#find")
    await log_in(page)
    form = page.locator("#find-form > form")
    await form.locator("[name=name]").fill("Personne Inconnue")
    await form.locator("button").click()
    await expect(page.locator("#find-found")).to_contain_text("Personne de ce nom")
    await form.locator("[name=name]").fill(FILE["name"])
    await form.locator("button").click()
    await expect(page.locator("#find-found li")).to_contain_text("Z.F. — tgd-86-01")
    await shots("1-found")
    await faultless(page)
    await expect(form.locator("[name=name]")).to_have_value(FILE["name"])
    await expect(page.locator("#find-found a")).to_have_text("Ouvrir son dossier")  # drawn anew
    await page.locator("#find-found a").click()
    await expect(page.locator("#file-title")).to_contain_text("Zoé Fictive")
    await page.go_back()
    (
        await expect(page.locator("#find-found li")).to_have_count(0),
        "nobody else finds what was asked",
    )


async def test_another_tribunal_s_file_is_opened_with_a_reason_and_that_is_told(
    browser: Browser, api: Api, page: Page, shots
):
    await written(api, file=FILE)
    async with api.database.connection() as connection:
        await connection.execute("SET ROLE NONE")
        await connection.execute("INSERT INTO tribunal (id, name) VALUES ('niort', 'Niort')")
        await connection.execute("SET ROLE tgd_app")
    await api.account("parquet-79", PASSWORD, "prosecutor", tribunal_id="niort")
    async with opened(browser, api.base) as away:
        await away.goto("/parquet#find")
        await log_in(away, "parquet-79")
        await away.locator("#find-form summary").click()
        form = away.locator("#find-form details form")
        await form.locator("[name=name]").fill("Personne Inconnue")
        await form.locator("[name=reason]").fill("elle appelle d'ici, sans son téléphone")
        await form.locator("button").click()
        await expect(away.locator("#find-found")).to_contain_text("dans aucun parquet")
        await form.locator("[name=name]").fill(FILE["name"])
        await shots("1-everywhere", away)
        await form.locator("button").click()
        await away.locator("#find-found a").click()
        await expect(away.locator("#file-title")).to_contain_text("Zoé Fictive")
        await expect(away.locator("#file-open")).to_contain_text("Dossier d'un autre parquet")
        await expect(away.locator("#file-mending")).to_be_hidden()
        await shots("2-open", away)
        await faultless(away)
        await away.goto("/parquet#find")
        await expect(away.locator("#opened-none")).to_be_visible()
    await page.goto("/parquet#find")
    await log_in(page)
    one = page.locator("#opened li")
    await expect(one).to_contain_text("Bénéficiaire 86-01 — ouvert par parquet-79")
    await expect(one).to_contain_text("elle appelle d'ici, sans son téléphone")
    await shots("3-told")
    await faultless(page)
    await fits(page)
