"""The report of an alert: every leg, act and word of it, no coordinate, and for few eyes only."""

import io
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pypdf
import pytest
from catalogues import families
from world import PLACE, World, worlds

from tgd.store import accounts
from tgd.web.typeset import NotSet, Press

NOTE = (
    "Voix très faible ; elle chuchote : « il est derrière la porte ». Œil au 46.580212, 0.340412."
)
SECRET = {"lat": 46.580213, "lon": 0.340413, "acc": 18.0, "pm": "G"}
DAY = 24 * 3600
NOW = datetime(2030, 1, 15, tzinfo=UTC)


@pytest.fixture
async def world(database: str, tmp_path: Path) -> AsyncIterator[World]:
    async with worlds(database, tmp_path) as world:
        world.room.forgives()
        yield world


async def told_alert(world: World) -> str:
    """An alert with everything: a late press, positions, voices, a room, a further press."""
    phone, operator = world.phone(), world.operator()
    at = world.clock.now().timestamp()
    press = await phone.press(loc={**SECRET, "tst": at - 5}, tst=at - 4, batt=17)
    await world.advance(4)
    await operator.answers(press.alert)
    await world.advance(6)
    await operator.hears(press.alert, "nobody")
    await operator.call("POST", f"alerts/{press.alert}/notes", {"text": NOTE}, 200)
    await operator.decides(press.alert, "police")
    acknowledged = "SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch"
    await world.until_sql(acknowledged)
    phone.position(**SECRET | {"lat": 46.581, "acc": 250.0, "pm": "W"})
    await world.until_sql("SELECT count(*) = 2 FROM position")
    await world.advance(3)
    await operator.closes(press.alert)
    return press.alert


async def report(world: World, alert: str, status: int = 200, query: str = "", **who: str) -> dict:
    reader = world.operator(**{"name": "chef", "role": "supervisor"} | who)
    return await reader.call("GET", f"alerts/{alert}/report{query}", None, status)


async def pdf(world: World, alert: str, lang: str = "fr") -> pypdf.PdfReader:
    headers = {"Authorization": f"Bearer {await world.token('supervisor', 'chef')}"}
    url = f"{world.base}/api/v1/alerts/{alert}/report.pdf?lang={lang}"
    async with world.http.get(url, headers=headers) as answered:
        assert answered.status == 200
        assert answered.content_type == "application/pdf"
        assert answered.headers["Cache-Control"] == "no-store"
        file = await answered.read()
    (world.config.key_dir.parent / f"{lang}.pdf").write_bytes(file)  # for people to look at
    return pypdf.PdfReader(io.BytesIO(file))


def whole(read: pypdf.PdfReader) -> str:
    return "\n".join(page.extract_text() for page in read.pages)


def coordinates(text: str) -> list[str]:
    """Whatever may be one: a latitude or longitude of Poitiers with decimals, in either writing."""
    return re.findall(r"(?:46[.,]5\d|0[.,]34)\d*", text)


async def test_every_leg_act_and_word(world: World):
    alert = await told_alert(world)
    said = await report(world, alert)
    legs = {leg["name"]: leg for leg in said["legs"]}
    assert list(legs) == [
        *("press_to_alert", "alert_to_answer", "answer_to_decision", "decision_to_sent"),
        *("sent_to_acknowledged", "press_to_acknowledged"),
    ]
    assert (legs["alert_to_answer"]["seconds"], legs["alert_to_answer"]["met"]) == (4.0, True)
    assert (legs["answer_to_decision"]["seconds"], legs["answer_to_decision"]["met"]) == (6.0, True)
    assert legs["press_to_acknowledged"]["seconds"] >= 14.0
    assert all(leg["met"] is not None for leg in said["legs"])
    assert [(v["heard"], v["by"]) for v in said["voices"]] == [("nobody", "op-1")]
    assert (said["beneficiary"], said["device"]) == ("Bénéficiaire 86-01", "tgd-86-01")
    assert (said["verdict"], said["verdict_by"], said["closed_by"]) == ("police", "op-1", "op-1")
    [press] = said["presses"]
    assert (press["age_s"], press["batt"]) == (4.0, 17)
    assert "location_stale" not in press["doubts"]
    [dispatch] = said["dispatches"]
    assert (dispatch["room"], dispatch["name"]) == ("cic86", "CIC de la Vienne")
    assert dispatch["address"] == "fr.police.cic86"
    by_section = {one["name"]: json.dumps(one["rows"]) for one in said["document"]["sections"]}
    for name in ("dispatches", "steps", "calls", "journal"):  # for people, rooms have names
        assert "CIC de la Vienne" in by_section[name], name
        assert "cic86" not in by_section[name], name
    steps = [step["kind"] for step in dispatch["steps"]]
    assert steps[0] == "dispatched"
    assert {"sent", "room_said", "acknowledged"} <= set(steps)
    assert [call["about"] for call in said["calls"]] == ["dispatch"]
    assert [one["hours"] for one in said["recontacts"]] == [24, 48]
    kinds = [entry["kind"] for entry in said["journal"]]
    assert kinds[0] == "press"
    assert "closed" in kinds


async def test_positions_are_counted_and_never_told(world: World):
    alert = await told_alert(world)
    said = await report(world, alert)
    held = said["positions"]
    assert (held["kept"], held["readable"]) == (2, 2)
    assert held["radii_m"] == {"least": 18.0, "middle": 134.0, "most": 250.0}
    assert held["methods"] == {"G": 1, "W": 1}
    assert held["due_at"] is not None
    texts = [json.dumps(said), whole(await pdf(world, alert))]
    assert [coordinates(text) for text in texts] == [[], []]
    assert "Œil au" in said["notes"][0]["text"]

    world.clock.set_on(3 * DAY + 1)
    await world.app.forget.look()
    gone = await report(world, alert)
    assert (gone["positions"]["kept"], gone["positions"]["radii_m"]) == (0, None)
    assert [e["positions"] for e in gone["positions"]["erased"]] == [2]
    assert gone["notes"][0]["text"] is None
    assert gone["notes"][0]["erased_at"] is not None
    text = whole(await pdf(world, alert))
    assert "effacée le 18/01/2030" in text
    assert text.count("en retard") == 2  # nobody has called her back
    assert "2 effacées le 18/01/2030" in text


async def test_positions_that_a_room_is_told_are_counted_among_its_steps(world: World):
    phone, operator = world.phone(), world.operator()
    alert = (await phone.press(loc=PLACE)).alert
    await operator.decides(alert, "police")
    await world.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    sent = (
        "SELECT count(*) = $1 FROM journal"
        " WHERE kind = 'sent' AND details ->> 'purpose' = 'position'"
    )
    for n in (2, 3):
        await world.advance(31)
        phone.position(**PLACE | {"lat": PLACE["lat"] + n / 1000})
        await world.until_sql("SELECT count(*) = $1 FROM position", n)
        await world.app.following.look()
        seen = "SELECT count(*) = $1 FROM envelope WHERE purpose = 'position' AND state = 'seen'"
        await world.until_sql(seen, n - 1)
        await world.until_sql(sent, n - 1)
    said = await report(world, alert)
    steps = next(one for one in said["document"]["sections"] if one["name"] == "steps")
    told = json.dumps(steps["rows"], ensure_ascii=False)
    assert "position" not in told
    assert told.count("la salle répond") == 3  # to what she is told of the case itself
    assert steps["remark"].startswith("Et 2 positions transmises")
    of_data = [step["details"].get("purpose") for step in said["dispatches"][0]["steps"]]
    assert of_data.count("position") == 2
    journal = next(one for one in said["document"]["sections"] if one["name"] == "journal")
    assert json.dumps(journal["rows"]).count("une position") == 2


async def test_the_pdf_is_french_archivable_and_made_of_text(world: World):
    alert = await told_alert(world)
    read = await pdf(world, alert)
    text = " ".join(whole(read).split())
    for words in (
        *("Compte rendu d'alerte", "Bénéficiaire 86-01", "Œil au", "« il est derrière la porte »"),
        *("La levée de doute", "voix entendue : aucune", "CIC de la Vienne (menante)"),
        *("police saisie", "Tribunal judiciaire de Poitiers", "tenu", "Page 1 sur"),
        *("Les délais", "Acquittée", "médiane 134 m", "24 h après la clôture"),
    ):
        assert words in text, words
    assert "?" not in text
    metadata = read.xmp_metadata
    assert metadata is not None
    raw = metadata.stream.get_data().decode()
    assert re.search(r"pdfaid:part[>=\"]*2", raw)
    assert metadata.dc_title["x-default"].startswith("Compte rendu d'alerte 20300115-")
    assert read.trailer["/Root"]["/Lang"] == "fr-FR"
    fonts = {
        font.get_object()["/BaseFont"]
        for page in read.pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert fonts
    assert all("Roboto" in font for font in fonts)
    english = whole(await pdf(world, alert, "en"))
    assert "Report of an alert" in english
    assert "met" in english


async def test_what_a_person_types_breaks_no_pdf(world: World):
    phone, operator = world.phone(), world.operator()
    press = await phone.press()
    await operator.answers(press.alert)
    for text in ("😀 \u202e \x07 中文 \\ % {who} {0} **gras** <b>", "a" * 4000, "é\r\n\tœ" * 50):
        await operator.call("POST", f"alerts/{press.alert}/notes", {"text": text}, 200)
    assert "{who} {0} **gras** <b>" in whole(await pdf(world, press.alert))


async def test_an_open_alert_s_report_is_provisional(world: World):
    press = await world.phone("tgd-86-08").press(loc=PLACE)
    said = await report(world, press.alert)
    assert said["provisional"]
    assert said["document"]["warning"] == "Provisoire\u00a0: l'alerte est encore ouverte."
    assert said["positions"]["kept"] == 0
    assert [leg["met"] for leg in said["legs"]][1:] == [None] * 5
    assert "Provisoire" in whole(await pdf(world, press.alert))
    english = await report(world, press.alert, query="?lang=en")
    assert english["document"]["warning"] == "Provisional: the alert is still open."
    await report(world, press.alert, 422, query="?lang=de")


async def test_forwarded_before_anybody_answered(world: World):
    press = await world.phone().press()
    await world.advance(21)
    await world.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    said = await report(world, press.alert)
    legs = {leg["name"]: leg for leg in said["legs"]}
    assert legs["alert_to_answer"]["met"] is None
    assert legs["press_to_acknowledged"]["met"] is True
    rows = [row for s in said["document"]["sections"] for row in s["rows"]]
    assert any("transmise à la police\u00a0: appui sans réponse" in row["cells"] for row in rows)
    await world.operator().answers(press.alert)
    later = {leg["name"]: leg for leg in (await report(world, press.alert))["legs"]}
    assert later["answer_to_decision"]["seconds"] is None
    assert later["alert_to_answer"]["met"] is False


async def test_operators_read_what_they_acted_in_and_each_reading_is_on_the_record(world: World):
    press = await world.phone().press()
    await world.operator().answers(press.alert)
    await report(world, press.alert, name="op-1", role="operator")
    await report(world, press.alert, 404, name="op-2", role="operator")
    # To have looked at the person's file is no act.
    looked = "INSERT INTO journal (at, actor, alert_id, kind) VALUES (now(), $2, $1, 'file_read')"
    await world.rows(looked, press.alert, "op-2")
    await report(world, press.alert, 404, name="op-2", role="operator")
    await report(world, press.alert, name="op-1", role="operator")
    await report(world, press.alert, name="audit", role="auditor")
    await pdf(world, press.alert)
    read = [e for e in await world.operator().journal(press.alert) if e["kind"] == "report_read"]
    assert [(e["actor"], e["details"]["form"], e["details"]["role"]) for e in read] == [
        ("op-1", "data", "operator"),
        ("audit", "data", "auditor"),
        ("chef", "pdf", "supervisor"),
    ]


@pytest.mark.parametrize("role", ["association", "admin"])
async def test_not_for_others(world: World, role: str):
    press = await world.phone().press()
    await report(world, press.alert, 403, name="x", role=role)
    await report(world, "00000000-0000-0000-0000-000000000000", 404)


async def test_prosecutors_read_their_own_tribunal_s(world: World):
    press = await world.phone().press()
    stranger = await world.phone("nobody-1").press()
    await world.owner("INSERT INTO tribunal (id, name) VALUES ('tj-autre', 'Tribunal fictif')")
    own = await world.value("SELECT tribunal_id FROM device WHERE id = 'tgd-86-01'")
    for name, tribunal, found in (("p-1", own, 200), ("p-2", "tj-autre", 404)):
        async with world.database.connection() as connection:
            await accounts.add_account(
                connection, username=name, password="un mot de passe", role="prosecutor",
                now=world.clock.now(), tribunal_id=tribunal,
            )  # fmt: skip
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            login = {"username": name, "password": "un mot de passe"}
            async with browser.post(f"{world.base}/api/v1/session", json=login) as answered:
                assert answered.status == 200
            for alert, status in ((press.alert, found), (stranger.alert, 404)):
                for form in ("report", "report.pdf"):
                    url = f"{world.base}/api/v1/alerts/{alert}/{form}"
                    async with browser.get(url) as answered:
                        assert answered.status == status
    await report(world, press.alert, 404, name="program", role="prosecutor")


# ── words ───────────────────────────────────────────────────────────────────────────────


ROOT = Path(__file__).parents[2]


def test_every_doubt_has_its_words():
    found = families(ROOT / "tgd" / "web", "report", "fr")
    protocol = (ROOT / "docs/protocol.md").read_text(encoding="utf-8")
    start = protocol.index("### Doubts")
    table = protocol[start : protocol.index("## 2.", start)]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == set(found["doubt"])


async def test_a_storm_s_report_is_cut_in_words_and_whole_in_values(world: World):
    press = await world.phone().press()
    await world.rows(
        "INSERT INTO journal (at, actor, alert_id, kind)"
        " SELECT now() + n * interval '1 s', 'op-1', $1, 'note' FROM generate_series(1, 700) AS n",
        press.alert,
    )
    said = await report(world, press.alert)
    assert len(said["journal"]) > 700
    journal = next(s for s in said["document"]["sections"] if s["name"] == "journal")
    assert len(journal["rows"]) == 600
    assert journal["remark"].startswith("Et 101 lignes de plus")
    assert len((await pdf(world, press.alert)).pages) > 8


async def test_a_report_that_cannot_be_set_ends_in_no_half_file():
    with pytest.raises(NotSet, match="ended with 1"):
        await Press("tgd.web.report_pdf").pdf("no document", NOW)
