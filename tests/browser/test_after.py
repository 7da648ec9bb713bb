"""The pages for afterwards in a real browser: logged into, read in both languages, printed."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
from browser.machines import held
from browser.pages import PASSWORD, USER, flawless, opened
from playwright.async_api import Browser, Page, expect
from web.served import PLACE, Api, serving

from tgd.clock import Clock

pytestmark = pytest.mark.needs_chromium


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with serving(database, Clock()) as started:
        await started.account(USER, PASSWORD, "supervisor")
        yield started


@pytest.fixture
async def page(browser: Browser, api: Api) -> AsyncIterator[Page]:
    async with opened(browser, api.base) as page:
        yield page


async def log_in_here(page: Page) -> None:
    await expect(page.locator("#login [name=username]")).to_be_focused()
    await page.keyboard.type(USER)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")


async def closed(api: Api) -> str:
    alert = (await api.press(loc=PLACE, batt=17))["alert"]
    await api.act(alert, "answer")
    await api.act(alert, "voice", {"with": "holder"})
    await api.act(alert, "notes", {"text": "Elle chuchote : « il est derrière la porte »."})
    await api.act(alert, "decision", {"verdict": "police"})
    told = {"room": "cic86", "call_taker": "Brigadier A", "reference": "2030-77"}
    await api.act(alert, "voice-handoff", told)
    status, said = await api.act(alert, "close", {"outcome": "intervention"})
    assert status == 200, said
    return alert


async def test_the_report_is_read_in_both_languages_and_printed(
    api: Api, page: Page, shots, tmp_path
):
    alert = await closed(api)
    await page.goto(f"/console/report/{alert}")
    await expect(page.locator("#report")).to_be_hidden()
    await shots("1-login")
    await flawless(page)
    await log_in_here(page)
    await expect(page.locator("#report h1")).to_have_text("Compte rendu d'alerte")
    await expect(page.locator("#legs tbody tr")).to_have_count(6)
    await expect(page.locator("#legs")).to_contain_text("tenu")
    await expect(page.locator("#notes")).to_contain_text("« il est derrière la porte »")
    await expect(page.locator("#dispatches")).to_contain_text("Brigadier A — 2030-77")
    await expect(page.locator("#journal")).to_contain_text("voix entendue : la bénéficiaire")
    assert "46,5" not in await page.locator("body").inner_text()
    await page.screenshot(path=tmp_path / "2-report.png", full_page=True)
    await flawless(page)
    await page.locator("#language").click()
    await expect(page.locator("#report h1")).to_have_text("Report of an alert")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await page.screenshot(path=tmp_path / "3-english.png", full_page=True)
    await flawless(page)
    await page.locator("#language").click()
    await expect(page.locator("#report h1")).to_have_text("Compte rendu d'alerte")
    await page.emulate_media(media="print")
    await expect(page.locator(".bar")).to_be_hidden()
    await page.pdf(path=tmp_path / "4-printed.pdf", format="A4")
    await page.emulate_media(media="screen")
    async with page.expect_download() as download:
        await page.locator("#pdf").click()
    file = tmp_path / "report.pdf"
    await (await download.value).save_as(file)
    assert file.read_bytes().startswith(b"%PDF-")
    assert (await download.value).suggested_filename.startswith("alerte-")


async def test_the_report_of_another_s_alert_is_not_shown(api: Api, page: Page):
    await api.account("operateur-2", PASSWORD, "operator")
    alert = await closed(api)
    await page.goto(f"/console/report/{alert}")
    await expect(page.locator("#login")).to_be_visible()
    await page.locator("[name=username]").fill("operateur-2")
    await page.locator("[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#wrong")).to_contain_text("Pas de telle alerte")
    await expect(page.locator("#report")).to_be_hidden()
    await page.locator("#leave").click()
    await expect(page.locator("#login")).to_be_visible()


HISTORY = """
INSERT INTO alert (case_id, device, reply_to, known, consent, located, listen, plan, status,
    opened_at, pressed_at, last_press_id, last_press_at, answered_at, answered_by, verdict,
    verdict_at, verdict_by, reason, police_at, closed_at, closed_by)
SELECT 'h-' || n, 'tgd-86-0' || 1 + n % 8, '', true, 'given', true, 'none', '{}', 'closed',
    at, at, gen_random_uuid(), at, at + answer, 'op-1', verdict,
    at + answer + decide, 'op-1', CASE WHEN verdict = 'forwarded' THEN 'no voice recorded' END,
    CASE WHEN verdict IN ('police', 'forwarded') THEN at + answer + decide END,
    at + answer + decide + interval '1 minute', 'op-1'
FROM generate_series(1, 240) AS n,
LATERAL (SELECT now() - n * interval '2.9 hours' AS at,
    (2 + 6 * abs(sin(n)) + CASE WHEN n % 50 = 0 THEN 20 ELSE 0 END) * interval '1 s' AS answer,
    (12 + 40 * abs(cos(n * 7))) * interval '1 s' AS decide,
    CASE WHEN n % 9 = 0 THEN 'police' WHEN n % 31 = 0 THEN 'forwarded'
         WHEN n % 13 = 0 THEN 'no_danger' WHEN n % 17 = 0 THEN 'accidental'
         ELSE 'test' END AS verdict) AS made
"""
PRESSED = """
WITH pressed AS (
    INSERT INTO press (device, reply_to, id, pressed_at, received_at, age_s, trigger, path, doubts,
        digest, retained, last_seen_at)
    SELECT device, '', id, opened_at, opened_at - (2 + 9 * abs(sin(extract(epoch FROM opened_at))))
        * interval '1 ms', 0, 'button', 'mqtt', '{}', '', false, opened_at
    FROM alert RETURNING no, id)
INSERT INTO alert_press SELECT no, id FROM pressed
"""
TOLD = """
INSERT INTO journal (at, actor, alert_id, kind, details)
SELECT police_at + interval '80 ms', 'sending', id, 'sent', jsonb_build_object('purpose', 'report')
FROM alert WHERE police_at IS NOT NULL
UNION ALL
SELECT police_at + (4 + 20 * abs(sin(extract(epoch FROM police_at)))) * interval '1 s',
       'fr.police.cic86', id, 'acknowledged', '{}'::jsonb
FROM alert WHERE police_at IS NOT NULL
"""


TESTED = """
INSERT INTO phone_test (kind, alert_id, device_id, assignment_id, beneficiary_id, press_id,
    presses, paths, pressed_at, received_at, answered_at, heard_at, decided_at, decided_by, word)
SELECT 'fortnightly', a.id, a.device, s.id, s.beneficiary_id, a.last_press_id,
    1, '{mqtt}', a.pressed_at, a.opened_at, a.answered_at, a.answered_at,
    a.verdict_at - n * interval '4 days', 'op-1', 'given'
FROM alert a JOIN assignment s ON s.device_id = a.device,
LATERAL (SELECT right(a.device, 1)::int AS n) AS x
WHERE a.verdict = 'test' AND n < 8
"""


async def test_the_statistics_are_drawn_and_told_in_both_languages(
    api: Api, page: Page, shots, tmp_path
):
    await api.rows(HISTORY)
    await api.rows(PRESSED)
    await api.rows(TOLD)
    await api.rows(TESTED)
    await page.goto("/console/statistics")
    await expect(page.locator("#statistics")).to_be_hidden()
    await log_in_here(page)
    await expect(page.locator("#totals")).to_contain_text("Essais")
    await expect(page.locator("#plots svg")).not_to_have_count(0)
    await expect(page.locator("#alert_to_answer path.p90")).to_have_count(2)
    await expect(page.locator("#alert_to_answer line.target")).to_have_count(2)
    await expect(page.locator("#decision_to_sent figure").nth(1)).to_contain_text("Rien de mesuré")
    await expect(page.locator("#table")).to_contain_text("Geste → acquitté par la salle")
    await expect(page.locator("#cadence svg")).to_have_attribute("role", "img")
    await page.locator("#worst summary").click()
    worst = page.locator("#worst tbody tr")
    await expect(worst).to_have_count(8)
    await expect(worst.first).to_have_text("tgd-86-08JAMAIS")
    await expect(worst.nth(1)).to_contain_text("tgd-86-07il y a 2")
    await page.screenshot(path=tmp_path / "1-statistics.png", full_page=True)
    await flawless(page)
    asked = page.locator("#period")
    await asked.locator("[name=step]").select_option("week")
    await asked.locator("button").click()
    await expect(page).to_have_url(re.compile(r"step=week"))
    await expect(page.locator("#intro")).to_contain_text("Aucune personne")
    await asked.locator("[name=from]").fill("2020-01-01")
    await asked.locator("button").click()
    await expect(page.locator("#wrong")).to_contain_text("La période ne convient pas")
    await page.goto("/console/statistics")
    await expect(page.locator("#statistics h1")).to_have_text("Statistiques")  # it listens now
    await page.locator("#language").click()
    await expect(page.locator("#statistics h1")).to_have_text("Statistics")
    await expect(page.locator("#alert_to_answer figcaption").first).to_contain_text("measured")
    await page.screenshot(path=tmp_path / "2-english.png", full_page=True)
    await flawless(page)


async def test_an_answer_puts_nothing_back_that_is_entered_meanwhile(api: Api, page: Page):
    await page.goto("/console/statistics")
    await log_in_here(page)
    await expect(page.locator("#statistics")).to_be_visible()
    asked, intro = page.locator("#period"), page.locator("#intro")
    since, until = asked.locator("[name=from]"), asked.locator("[name=to]")
    await since.fill("2020-01-01")
    await until.fill("2020-01-31")
    async with held(page, "**/api/v1/statistics*", answered=True) as on_its_way:
        await asked.locator("button").click()
        await on_its_way.wait()
        await since.fill("2020-01-15")
    await expect(intro).to_contain_text("01/01/2020")
    assert await since.input_value() == "2020-01-15"
    first = "**/api/v1/statistics*from=2020-01-15*"
    async with page.expect_response(first) as late, held(page, first, answered=True) as on_its_way:
        await asked.locator("button").click()
        await on_its_way.wait()
        await since.fill("2020-01-20")
        await asked.locator("button").click()
        await expect(intro).to_contain_text("20/01/2020")
    await (await late.value).finished()
    await page.evaluate("() => new Promise(requestAnimationFrame)")
    await expect(intro).to_contain_text("20/01/2020")  # what was asked for last


async def test_an_empty_period_draws_nothing_and_says_so(api: Api, page: Page, tmp_path):
    await page.goto("/console/statistics?from=2020-01-01&to=2020-01-31")
    await log_in_here(page)
    await expect(page.locator("#plots")).to_contain_text("Rien de mesuré sur la période.")
    await expect(page.locator("#verdicts")).to_contain_text("Aucune sur la période.")
    await page.screenshot(path=tmp_path / "1-empty.png", full_page=True)
    await flawless(page)


async def test_operators_have_no_statistics(api: Api, page: Page):
    await api.account("operateur-2", PASSWORD, "operator")
    await page.goto("/console/statistics")
    await page.locator("[name=username]").fill("operateur-2")
    await page.locator("[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#wrong")).to_contain_text("pas accès à cette page")
    await expect(page.locator("#statistics")).to_be_hidden()


async def test_a_call_back_is_entered_by_the_association(api: Api, page: Page, tmp_path):
    [own] = await api.rows("SELECT tribunal_id AS id FROM device LIMIT 1")
    await api.account("asso", PASSWORD, "association", tribunal_id=own["id"])
    await api.follows("asso", "tgd-86-01")
    alert = await closed(api)
    owner = await asyncpg.connect(api.url_of_database)  # the server may not move a due time
    await owner.execute("UPDATE recontact SET due_at = now() - interval '1 hour' WHERE hours = 24")
    await owner.close()
    await api.rows("UPDATE alert SET coerced = true WHERE id = $1", alert)
    await page.goto("/console/recontacts")
    await page.locator("[name=username]").fill("asso")
    await page.locator("[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#calls li")).to_have_count(2)
    late = page.locator("#calls li").first
    await expect(late).to_contain_text("Bénéficiaire 86-01 — Rappel à 24 h")
    await expect(late).to_contain_text("EN RETARD")
    await expect(late.locator(".caution")).to_contain_text("Prudence")
    await expect(late.locator("a")).to_have_count(0)
    await page.screenshot(path=tmp_path / "1-owed.png", full_page=True)
    await flawless(page)
    await late.locator("textarea").fill("Elle va mieux.")
    await late.locator("button").click()
    await expect(page.locator("#calls li")).to_have_count(1)
    assert len(await api.rows("SELECT FROM note WHERE author = 'asso'")) == 1
    await page.locator("#made").click()
    await expect(page.locator("#calls li")).to_contain_text("par asso")
    await page.locator("#language").click()
    await expect(page.locator("#calls li")).to_contain_text("Call at 24 h")
    await page.screenshot(path=tmp_path / "2-made.png", full_page=True)
    await flawless(page)


async def test_a_supervisor_opens_a_file_with_a_reason(api: Api, page: Page, tmp_path):
    await api.account("superviseur-1", PASSWORD, "supervisor")
    who = await api.rows("SELECT beneficiary_id FROM assignment WHERE device_id = 'tgd-86-01'")
    file = {"name": "Bénéficiaire 86-01", "contact": "par sa mère", "evaluation": "secret"}
    body = {"beneficiary": {"id": str(who[0]["beneficiary_id"]), **file}, "source": "police"}
    assert (await api.call("POST", "requests", role="admin", name="a", json=body))[0] == 201
    alert = await closed(api)
    await page.goto(f"/console/report/{alert}")
    await page.locator("[name=username]").fill("superviseur-1")
    await page.locator("[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#glass")).to_be_visible()
    await expect(page.locator("#glass-file")).to_be_empty()
    await page.locator("#glass [name=reason]").fill("elle ne répond plus au rappel")
    await page.locator("#glass button").click()
    await expect(page.locator("#glass-file")).to_contain_text("par sa mère")
    await expect(page.locator("#glass-file")).not_to_contain_text("secret")
    await expect(page.locator("#glass-said")).to_contain_text("Ouvert jusqu'à")
    await page.screenshot(path=tmp_path / "5-glass.png", full_page=True)
    await flawless(page)
    [opened] = await api.rows("SELECT reader FROM break_glass")
    assert opened["reader"] == "superviseur-1"
