"""The prosecutor's page in a browser: what may fail first, and from a request to a live phone."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from browser.machines import held
from browser.pages import PASSWORD, faultless, opened
from playwright.async_api import Browser, Locator, Page, expect
from web.served import PLACE, Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        for name in ("parquet-1", "parquet-2"):
            await started.account(name, PASSWORD, "prosecutor", tribunal_id="poitiers")
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


async def log_in(page: Page, user: str = "parquet-1") -> None:
    await page.locator("[name=username]").fill(user)
    await page.locator("[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#who")).to_have_text(user)


async def office(api: Api, method: str, path: str, body: dict | None = None) -> dict:
    status, said = await api.call(method, path, json=body, role="prosecutor", name="parquet-1")
    assert status < 300, said
    return said


async def freed(api: Api, device: str) -> None:
    """The phone is back and wiped."""
    one = f"assignments/{(await office(api, 'GET', f'devices/{device}'))['assignment']}"
    await office(api, "POST", f"{one}/revoke", {"reason": "danger_over"})
    await office(api, "POST", f"{one}/return", {"wiped": True})
    api.tokens.pop(("phone", device), None)


async def in_service(api: Api, device: str) -> None:
    """The phone was handed over with a test, its basis and consents are on record."""
    one = f"assignments/{(await office(api, 'GET', f'devices/{device}'))['assignment']}"
    await office(api, "POST", f"{one}/basis", {"legal_basis": "1"})
    await office(api, "POST", f"{one}/consents", {"consents": {"phone": True, "audio": False}})
    alert = await pressed(api, device)
    await heard(api, alert)
    said = dict.fromkeys(("label", "imei", "sim", "identity"), True)
    await office(api, "POST", f"{one}/handover-test", said)


async def pressed(api: Api, device: str) -> str:
    return (await api.press(device, loc=PLACE))["alert"]


async def heard(api: Api, alert: str) -> None:
    """The operator hears her and calls it a test."""
    await api.act(alert, "voice", {"with": "holder"})
    seen = (await api.alert(alert))["last_press"]
    status, said = await api.act(alert, "decision", {"verdict": "test", "seen": seen})
    assert status == 200, said


async def aged(api: Api, device: str, days: int) -> None:
    """Its last test was so many days ago."""
    # The server may not change what was proved.
    owner = await asyncpg.connect(api.url_of_database)
    await owner.execute(
        "UPDATE phone_test SET decided_at = decided_at - $2 * interval '1 day'"
        " WHERE device_id = $1",
        device,
        days,
    )
    await owner.close()


async def fits(page: Page) -> None:
    """Nobody scrolls sideways."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def card(page: Page, device: str) -> Locator:
    return page.locator("#red li").filter(has_text=device)


async def act(page: Page, name: str) -> Locator:
    """Unfold an act; its form."""
    await page.locator(f"#act-{name} > summary").click()
    return page.locator(f"#act-{name} form")


async def test_what_may_fail_stands_first(api: Api, page: Page, shots):
    for number in (1, 2, 3, 4):
        await in_service(api, f"tgd-86-0{number}")
    await aged(api, "tgd-86-02", 16)
    await aged(api, "tgd-86-03", 25)
    await office(api, "POST", "devices/tgd-86-04/state", {"state": "lost"})
    await freed(api, "tgd-86-08")
    await page.goto("/parquet")
    await expect(page.locator("#office")).to_be_hidden()
    await faultless(page)
    await log_in(page)
    await expect(page.locator("#red li").first).to_contain_text("tgd-86-04")
    await expect(page.locator("#red li").first).to_contain_text("Perdu, déclaré à l'instant")
    await expect(card(page, "tgd-86-05")).to_contain_text("Remis il y a 24 h et jamais")
    await expect(card(page, "tgd-86-03")).to_contain_text("Dernier essai il y a 25 jours")
    await expect(card(page, "tgd-86-01")).to_have_count(0)
    rows = page.locator("#phones tbody tr")
    await expect(rows).to_have_count(8)
    await expect(rows.nth(1).locator("td").nth(3)).to_have_class("amber")
    await expect(rows.nth(2).locator("td").nth(3)).to_have_class("red")
    await expect(rows.nth(4)).to_contain_text("JAMAIS")
    await expect(page.locator("#place")).to_have_text("Tribunal judiciaire de Poitiers")
    await fits(page)
    await shots("1-glance")
    await page.locator("#phones").scroll_into_view_if_needed()
    await shots("2-phones")
    await page.set_viewport_size({"width": 640, "height": 720})  # 1280 at a zoom of 200 %
    await fits(page)
    await shots("3-zoomed")
    await page.set_viewport_size({"width": 1280, "height": 720})
    await faultless(page)
    await card(page, "tgd-86-05").locator("a").click()
    await expect(page.locator("#phone-title")).to_contain_text("tgd-86-05")
    await expect(page.locator(".steps li")).to_have_count(5)
    await page.go_back()
    await expect(page.locator("#glance")).to_be_visible()


async def test_another_language_makes_no_form_anew_under_somebody_s_click(api: Api, page: Page):
    await page.goto("/parquet")
    await log_in(page)
    await page.locator("#ways a").nth(1).click()
    form = page.locator("#request-body form")
    before = await form.locator("button").inner_text()
    async with held(page, "**/api/v1/**"):  # whatever is read may take its time
        await page.locator("#language").click()
        await expect(form.locator("button")).not_to_have_text(before)
        await form.evaluate("one => { one.dataset.same = 'yes' }")
    async with page.expect_response("**/api/v1/devices?*") as read:
        await (await read.value).finished()
    await expect(form).to_have_attribute("data-same", "yes")


async def test_from_a_request_to_a_phone_in_service(api: Api, page: Page, shots):
    await freed(api, "tgd-86-01")
    await page.goto("/parquet")
    await log_in(page)
    await page.locator("#ways a").nth(1).click()
    form = page.locator("#request-body form")
    await form.locator("[name=name]").fill("Zoé Fictive")
    await form.locator("[name=languages]").fill("français, español")
    await form.locator("[name=source]").select_option("association")
    await form.locator("[name=legal_basis]").select_option("2")
    await fits(page)
    await shots("1-request")
    await faultless(page)  # in both languages, and what was typed stays
    await expect(form.locator("[name=name]")).to_have_value("Zoé Fictive")
    await form.locator("button").click()
    await expect(page.locator("#request-title")).to_have_text("Demande pour Z.F.")
    await expect(page.locator("#said")).to_contain_text("Demande enregistrée")
    await shots("2-decision")
    await faultless(page)
    form = page.locator("#request-body form").first
    await expect(form.locator("[name=legal_basis]")).to_have_value("2")
    await form.locator("[name=phone][value=yes]").check()
    await form.locator("[name=location][value=yes]").check()
    await form.locator("[name=reference]").fill("RG 30/1")
    await form.locator("button").click()
    await expect(page.locator("#phone-title")).to_contain_text("Z.F.")
    await page.locator(".handing form").first.locator("button").click()
    await expect(page.locator("#said")).to_contain_text("Remise enregistrée")
    await expect(page.locator(".steps .waiting")).to_have_count(5)
    finish = page.locator(".handing form")
    await finish.locator("button").click()
    await expect(page.locator("#wrong")).to_contain_text("Il manque : un appui entendu")
    alert = await pressed(api, "tgd-86-01")
    await expect(page.locator(".steps .done")).to_have_count(2)  # received, located
    await shots("3-pressed")
    await faultless(page)
    await heard(api, alert)
    await expect(page.locator(".steps .done")).to_have_count(5)
    for name in ("label", "imei", "sim", "identity"):
        await finish.locator(f"[name={name}]").check()
    await shots("4-heard")
    await finish.locator("button").click()
    await expect(page.locator("#said")).to_contain_text("en service")
    await expect(page.locator("#phone-red li")).to_have_count(0)
    await expect(page.locator(".handing")).to_have_count(0)
    await page.locator("#history summary").click()
    await expect(page.locator("#entries li").first).to_contain_text("attribué")
    await shots("5-active")
    await faultless(page)


async def test_without_a_phone_she_waits_and_sees_why(api: Api, page: Page, shots):
    asked = {"beneficiary": {"name": "Zoé Fictive"}, "legal_basis": "1"}
    made = await office(api, "POST", "requests", asked)
    await page.goto("/parquet")
    await log_in(page)
    await page.locator("#requests a").click()
    await expect(page.locator("#request-body")).to_contain_text("Aucun téléphone disponible")
    form = page.locator("#request-body form").first
    await form.locator("button").click()
    await expect(page.locator("#wrong")).to_contain_text("1re sur la liste d'attente")
    await expect(page.locator("#request-body dl")).to_contain_text("en attente d'un téléphone")
    await shots("1-waits")
    await page.locator("#ways a").first.click()
    await expect(page.locator("#requests tbody tr")).to_contain_text(
        "aucun téléphone disponible (le"
    )
    await page.locator("#requests a").click()
    await page.locator("#request-body details summary").first.click()
    no = page.locator("#request-body details form").first
    await no.locator("select").select_option("other_protection")
    await no.locator("button").click()
    await expect(page.locator("#requests-none")).to_be_visible()
    found = await office(api, "GET", "requests?status=refused")
    assert [one["id"] for one in found["items"]] == [made["id"]]


async def test_renewed_ended_returned(api: Api, page: Page, shots):
    await in_service(api, "tgd-86-01")
    await page.goto("/parquet#phone/tgd-86-01")
    await log_in(page)
    form = await act(page, "renew")
    await form.locator("textarea").fill("Le danger demeure.")
    await shots("1-renew")
    await faultless(page)  # what was unfolded stays so, in either language
    await form.locator("button").click()
    await expect(page.locator("#facts")).to_contain_text("renouvelée 1 fois")
    form = await act(page, "renew")
    await form.locator("button").click()
    await expect(page.locator("#wrong")).to_contain_text("C'est déjà renouvelé")
    form = await act(page, "revoke")
    await form.locator("[name=reason]").select_option("aggressor_jailed")
    await form.locator("button").click()
    await expect(page.locator("#phone-red li")).to_contain_text("téléphone non rendu")
    form = await act(page, "give_back")
    await form.locator("[name=attested_by]").fill("Accueil du tribunal")
    await form.locator("button").click()
    await expect(page.locator("#said")).to_contain_text("Retour attesté")
    form = await act(page, "wipe")
    await form.locator("button").click()
    await expect(page.locator("#facts")).to_contain_text("disponible (effacé)")
    await shots("2-back")
    await faultless(page)


async def test_compromised_takes_two_persons_and_a_tested_replacement(
    api: Api, page: Page, browser: Browser, shots
):
    await in_service(api, "tgd-86-01")
    await freed(api, "tgd-86-02")
    await page.goto("/parquet#phone/tgd-86-01")
    await log_in(page)
    form = await act(page, "compromise")
    await form.locator("button").click()
    await expect(page.locator("#phone-red li").first).to_contain_text("Signalé compromis")
    form = await act(page, "mute")
    await form.locator("button").click()
    await expect(page.locator("#wrong")).to_contain_text("Une seconde personne")
    form = await act(page, "replace")
    await form.locator("button").click()
    await expect(page.locator("#said")).to_contain_text("Remplaçant attribué")
    async with opened(browser, api.base) as other:
        await other.goto("/parquet#phone/tgd-86-01")
        await log_in(other, "parquet-2")
        form = await act(other, "mute")
        await form.locator("button").click()
        await expect(other.locator("#wrong")).to_contain_text("n'a pas encore été essayé")
        await in_service(api, "tgd-86-02")
        await form.locator("button").click()
        await expect(other.locator("#facts")).to_contain_text("par parquet-2")
        await shots("1-muted", other)


FOCUS = """() => {
    const one = document.activeElement;
    return one.getAttribute("href") ?? `${one.tagName.toLowerCase()}#${one.id}`;
}"""


async def test_the_keyboard_keeps_its_place_while_the_page_is_read_anew(api: Api, page: Page):
    await page.goto("/parquet")
    await log_in(page)
    await page.locator("#red a[href^='#phone/tgd-86-05/']").focus()
    at = await page.evaluate(FOCUS)
    await in_service(api, "tgd-86-01")  # its card goes: all the others move up
    await expect(page.locator("#red li")).to_have_count(7)
    assert await page.evaluate(FOCUS) == at
    await page.keyboard.press("Enter")
    await expect(page.locator("#phone-title")).to_be_focused()
    form = await act(page, "basis")
    await form.locator("[name=legal_basis]").select_option("1")
    await form.locator("button").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#said")).to_be_visible()
    await expect(page.locator("#facts")).to_contain_text("1°")
    await expect(page.locator("#said")).to_be_focused()


async def test_a_lock_on_a_name_that_nobody_has_is_said(api: Api, page: Page):
    await page.goto("/parquet#phone/tgd-86-01/lock")
    await log_in(page)
    for name, told in (("parquet2", "personne ne porte encore ce nom"), ("Parquet-2", "")):
        form = page.locator("#act-lock")
        await form.locator("[name=kind]").select_option("account")
        await form.locator("[name=value]").fill(name)
        await form.locator("button").click()
        await expect(page.locator("#facts")).to_contain_text(f"Un compte {name}")
        said = expect(page.locator("#said"))
        await (said.to_contain_text(told) if told else said.to_have_text("Enregistré."))


async def test_a_phone_on_loan_is_shown_to_both_and_its_holder_to_one(api: Api, page: Page, shots):
    await api.rows(
        "INSERT INTO tribunal VALUES ('niort', 'Tribunal fictif de Niort', 2, 0, 'poitiers')"
    )
    await api.account("parquet-79", PASSWORD, "prosecutor", tribunal_id="niort")
    admin = {"role": "admin", "name": "admin-1"}
    _, phone = await api.call("GET", "devices/tgd-86-01", **admin)
    for act, body in (("revoke", {"reason": "danger_over"}), ("return", {"wiped": True})):
        await api.call("POST", f"assignments/{phone['assignment']}/{act}", json=body, **admin)
    await api.call("POST", "devices/tgd-86-01/loan", json={"to": "niort"}, **admin)

    await page.goto("/parquet#phone/tgd-86-01")
    await log_in(page, "parquet-79")
    await expect(page.locator("#act-state")).to_be_visible()
    await expect(page.locator("#refused")).to_be_hidden()
    await expect(page.locator("#act-loan_back")).to_have_count(0)  # only its own tribunal
    await expect(page.locator("#act-give")).to_be_visible()
    await faultless(page)
    body = {"beneficiary": {"name": "Zoé Fictive"}, "tribunal": "niort"}
    assert (await api.call("POST", "assignments", json=body, **admin))[0] == 201
    await page.goto("/parquet")
    await expect(page.locator("#phones")).to_contain_text("Z.F.")
    await page.locator("#leave").click()
    await log_in(page, "parquet-1")
    row = page.locator("#phones tr").filter(has_text="tgd-86-01")
    await expect(row).to_contain_text("Prêté à niort")
    await expect(page.locator("#phones")).not_to_contain_text("Z.F.")
    await page.goto("/parquet#phone/tgd-86-01")
    await expect(page.locator("#act-loan_back")).to_be_visible()
    await shots("1-lent")


async def test_the_hand_over_form_is_one_sheet(api: Api, page: Page, shots, tmp_path):
    one = (await office(api, "GET", "devices/tgd-86-01"))["assignment"]
    await page.goto(f"/parquet/remise/{one}")
    await log_in(page)
    await expect(page.locator("#f-consents li")).to_have_count(3)
    await expect(page.locator("#f-place")).to_have_text("Tribunal judiciaire de Poitiers")
    await shots("1-form")
    await faultless(page)
    await page.emulate_media(media="print")
    file = await page.pdf(path=tmp_path / "form.pdf", format="A4", prefer_css_page_size=True)
    assert file.count(b"/Type /Page\n") == 1
    await page.set_viewport_size({"width": 794, "height": 1123})
    await shots("2-printed")


async def test_the_committee_is_told_nothing_about_few(api: Api, page: Page, shots):
    for n in range(7):
        source = "police" if n < 2 else "association"
        asked = {"beneficiary": f"Fictive {n}", "source": source}
        await office(api, "POST", "requests", asked)
    await page.goto("/parquet#figures")
    await log_in(page)
    body = page.locator("#figures-body")
    await expect(body).to_contain_text("Demandes reçues7")
    await expect(body).to_contain_text("la policemoins de 5, ou masqué")
    await expect(body).to_contain_text("l'associationmoins de 5, ou masqué")
    await shots("1-figures")
    await faultless(page)
    await page.locator("#period [name=from]").fill("2020-01-01")
    await page.locator("#period [name=to]").fill("2020-12-31")
    await page.locator("#period button").click()
    await expect(body).to_contain_text("Demandes reçues0")


async def test_an_association_sees_its_people_and_no_more(api: Api, page: Page, shots):
    await api.account("asso", PASSWORD, "association", tribunal_id="poitiers")
    for number in range(1, 9):
        await api.follows("asso", f"tgd-86-0{number}")
    await in_service(api, "tgd-86-01")
    await page.goto("/parquet")
    await log_in(page, "asso")
    await expect(page.locator("#people-list tbody tr")).to_have_count(8)
    await expect(page.locator("#ways")).to_be_hidden()
    await expect(page.locator("#people-red")).to_contain_text("jamais essayé")
    await expect(page.locator("#people-red")).not_to_contain_text("fondement")
    await fits(page)
    await shots("1-people")
    await faultless(page)


async def test_it_says_when_it_is_old_and_when_the_session_has_ended(api: Api, page: Page, shots):
    await page.clock.install()
    await page.goto("/parquet")
    await log_in(page)
    await expect(page.locator("#phones tbody tr")).to_have_count(8)
    await page.route("**/api/v1/**", lambda route: route.abort())
    await page.clock.run_for(25_000)
    await expect(page.locator("#lost")).to_contain_text("Pas de nouvelles du serveur")
    await shots("1-lost")
    await page.unroute_all(behavior="wait")
    await page.clock.run_for(3_000)
    await expect(page.locator("#lost")).to_be_hidden()
    await api.rows("DELETE FROM web_session")
    await page.clock.run_for(8_000)
    await expect(page.locator("#login")).to_be_visible()
    await expect(page.locator("#office")).to_be_hidden()


async def test_operators_have_no_part_in_it(api: Api, page: Page):
    await api.account("operateur-1", PASSWORD)
    await page.goto("/parquet")
    await log_in(page, "operateur-1")
    await expect(page.locator("#wrong")).to_contain_text("pas accès à cette page")
    await expect(page.locator("#office")).to_be_hidden()
