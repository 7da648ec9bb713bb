"""No coordinate in clear, by any path, anywhere: tables, logs, metrics, journal, answers.

Everything that can carry a place is sent with one; then every table is read as text, the server's
and the database's logs at their loudest, /metrics, the journal and every answer, and no trace of it
may be found: neither its digits nor its bytes. Where she has not agreed to be located, or no alert
is open, it may not even be found in what is sealed.
"""

import json
import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from traces import LAT, LON, PLACE, traces
from world import ADDRESS, BY_HAND, ROOM_TOKEN, World

from tgd.demo.postgres import EmbeddedPostgres
from tgd.demo.salle_envelope import Envelope, reply
from tgd.log import TextFormatter
from tgd.platform import places
from tgd.platform.places import Place
from tgd.store import places as place_rows

GIVEN, REFUSED, WITHDRAWN, UNKNOWN = "tgd-86-01", "tgd-86-08", "tgd-86-05", "stranger"
AT = json.dumps(PLACE).encode()
BROKEN = [
    b'{"_type":"press","id":"%s","loc":' + AT,
    b'\xff\xfe{"id":"%s","loc":' + AT + b"}",
    b'{"id":"%s","loc":"47.731942,2.864209"}',
    b'{"id":"%s","loc":[47.731942,2.864209]}',
    b'{"id":"%s","LOC":{"Latitude":"47.731942","LON":"2.864209"}}',
    b'{"id":"%s","\\u006cat":47.731942,"\\u006con":2.864209}',
    b'{"id":"%s","lat":47.731942,"lon":2.864209,"trigger":"47.731942,2.864209"}',
    b'{"id":"%s","note":{"deep":[{"er":"geo:47.731942,2.864209"}]}}',
    b'{"id":"%s","loc":{"lat":{"deg":47.731942},"lon":2.864209}}',
    b"lat=47.731942;lon=2.864209",
    ('{"id":"%s","loc":' + AT.decode() + "}").encode("utf-16"),
    b'{"id":"%s","loc":' + AT + b"}" + b" " * 9000,
]
"""Presses as broken or strange as phones send them; %s is the id."""


@dataclass
class Said:
    """What the server has answered, and what it and the database have logged."""

    world: World
    caplog: pytest.LogCaptureFixture
    postgres: EmbeddedPostgres
    since: int
    answers: list[str] = field(default_factory=list)

    def logged(self) -> str:
        """The server's log as it is written, tracebacks and all, at every level."""
        write = TextFormatter().format
        records = (r for r in self.caplog.records if not r.name.startswith("tgd.demo"))
        return "\n".join(write(record) for record in records)

    async def post(
        self, path: str, body: bytes, token: str | None = None, method: str = "POST"
    ) -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self.world.base + path
        async with self.world.http.request(method, url, data=body, headers=headers) as answer:
            self.answers.append(f"{dict(answer.headers)} {await answer.text()}")
            return answer.status

    async def act(self, alert: str, act: str, **body: object) -> int:
        token = await self.world.token("operator", "op-1")
        path = f"/api/v1/alerts/{alert}/{act}"
        return await self.post(path, json.dumps(body).encode(), token)


@pytest.fixture
def said(world: World, caplog: pytest.LogCaptureFixture, postgres: EmbeddedPostgres) -> Said:
    caplog.set_level(logging.DEBUG)
    return Said(world, caplog, postgres, len(postgres._log.read_text(errors="replace")))


async def tables(world: World) -> dict[str, str]:
    """Every table as text, as its owner reads it."""
    owner = await asyncpg.connect(world.url)
    try:
        names = await owner.fetch(
            "SELECT c.oid::regclass::text AS name FROM pg_class c"
            " WHERE c.relkind IN ('r', 'm', 'p') AND c.relnamespace = 'public'::regnamespace"
        )
        found = {}
        for (name,) in names:
            rows = await owner.fetch(f"SELECT t::text FROM {name} t")  # noqa: S608  its own names
            found[name] = "\n".join(row[0] for row in rows)
        return found
    finally:
        await owner.close()


async def sealed(world: World) -> list[bytes]:
    """What is sealed, opened; notes apart, which are a person's own words."""
    found = []
    for about, statement in (
        ("press", "SELECT raw AS sealed, raw_key AS key FROM press"),
        ("position", "SELECT fix AS sealed, key FROM position"),
        (
            "envelope",
            "SELECT content AS sealed, key FROM envelope e JOIN alert a ON a.id = alert_id",
        ),
    ):
        found += [
            world.sealer.unwrap(row["key"]).open(row["sealed"], about)
            for row in await world.rows(statement)
            if row["sealed"] is not None
        ]
    return found


async def nothing_in_clear(said: Said) -> None:
    world = said.world
    places = await tables(world)
    assert len(places) > 20
    assert places["press"]
    await said.post("/metrics", b"", method="GET")
    places |= {
        "the log": said.logged(),
        "the database's log": said.postgres._log.read_text(errors="replace")[said.since :],
        **{f"answer {number}": answer for number, answer in enumerate(said.answers)},
    }
    found = {name: traces(text) for name, text in places.items()}
    shown = {name: where for name, where in found.items() if where}
    lines = [line[-900:] for name in shown for line in places[name].splitlines() if traces(line)]
    assert not shown, (shown, lines[:10])


async def not_even_sealed(world: World) -> None:
    for plain in await sealed(world):
        assert not traces(plain), plain


def test_a_trace_is_found_in_every_form() -> None:
    for form in (
        *("(47.731942,1)", "47,731", "x2.8642", "{47731942}", "lat 477319420"),
        b"x" + struct.pack("<d", LAT),
        "\\x00" + struct.pack(">d", LON).hex(),
        "\\x" + b'{"lat":47.731}'.hex(),
    ):
        assert traces(form), form
    assert not traces("46.5802 0.3404 2.86 47.73")


# ── every path ──────────────────────────────────────────────────────────────────────────


async def send_everything(said: Said, device: str) -> str:
    """Have one phone, by every path, in every form, say where it is; its alert."""
    world = said.world
    phone = world.phone(device)
    reports(phone)  # before the press: held in memory, for a minute
    pressed = await phone.press(loc=PLACE, **PLACE, note=f"ici {LAT}", trigger=f"sos {LAT},{LON}")
    for raw in BROKEN:
        await phone.press_raw(raw.replace(b"%s", str(uuid4()).encode()))
    await phone.press_raw(BROKEN[0], retain=True)
    world.air.send(f"tgd/v1/{device}/up/press", b"", retain=True)
    token = await world.token("phone", device)
    https = json.dumps(phone.message(loc=PLACE)).encode()
    for raw in (https, *BROKEN):
        status = await said.post("/api/v1/presses", raw.replace(b"%s", b"by https"), token)
        assert status == 200
    assert await said.post("/api/v1/presses", https) == 401
    reports(phone)
    world.clock.set_on(5)
    phone.position(**PLACE)
    await handled(world)
    return pressed.alert


def reports(phone: Any) -> None:
    """Positions, heartbeats and last wills that say where it is, as they should and otherwise."""
    at = phone.world.clock.now().timestamp()
    place = {**PLACE, "tst": at, "created_at": at}
    phone.position(**PLACE)
    phone.position(**PLACE, SSID=f"box {LAT}", inregions=[f"maison {LAT},{LON}"], tid=str(LAT))
    for kind in ("position", "heartbeat", "lwt"):
        phone.send(kind, json.dumps({"_type": "location", **place}).encode())
        phone.send(kind, json.dumps({"_type": "heartbeat", **place}).encode())
        phone.send(kind, json.dumps({"_type": "lwt", **place}).encode())
        for raw in BROKEN:
            phone.send(kind, raw)
    phone.heartbeat(
        **PLACE,
        loc=PLACE,
        conn=f"{LAT}",
        fw=f"1.0 ({LAT},{LON})",
        net={**PLACE, "ci": LAT, "geo": f"{LAT},{LON}", "x": [LAT], "mcc": 208},
    )


async def handled(world: World) -> None:
    """Wait until what was sent has been looked at: a heartbeat sent after it was written."""
    phone = world.phone("tgd-86-07")
    phone.heartbeat(batt=1)
    await world.until_sql("SELECT bool_or(device = 'tgd-86-07') FROM device_health")
    await world.owner("DELETE FROM device_health WHERE device = 'tgd-86-07'")


async def withdrawn(world: World, device: str) -> None:
    await world.owner(
        "INSERT INTO consent (assignment_id, kind, given, at, recorded_by)"
        " SELECT id, 'location', false, $2, 'essai' FROM assignment"
        " WHERE device_id = $1 AND ended_at IS NULL",
        device,
        world.clock.now(),
    )


@pytest.mark.parametrize("device", [GIVEN, REFUSED, WITHDRAWN, UNKNOWN])
async def test_whatever_a_phone_says(
    world: World,
    said: Said,
    device: str,
) -> None:
    await withdrawn(world, WITHDRAWN)
    alert = await send_everything(said, device)
    shown = await world.operator().reads(alert)
    located = device in {GIVEN, UNKNOWN}
    assert (shown["position"] is not None) == located
    assert (await world.value("SELECT count(*) FROM position") > 0) == located
    await nothing_in_clear(said)
    if not located:
        await not_even_sealed(world)
        said.answers.append(json.dumps(shown))
        said.answers.append(json.dumps(await world.operator().journal(alert)))
        await nothing_in_clear(said)
    else:
        assert any(traces(plain) for plain in await sealed(world)), "or this test proves nothing"
        said.answers.append(json.dumps(await world.operator().journal(alert)))
        await nothing_in_clear(said)


async def test_reports_without_an_open_alert(world: World, said: Said) -> None:
    phone, operator = world.phone(GIVEN), world.operator()
    reports(phone)
    await handled(world)
    world.clock.set_on(120)
    pressed = await phone.press()
    await operator.hears(pressed.alert, "holder")
    await operator.decides(pressed.alert, "accidental")
    reports(phone)
    await handled(world)
    assert await world.value("SELECT count(*) FROM position") == 0
    await nothing_in_clear(said)
    await not_even_sealed(world)


async def test_a_withdrawal_during_the_alert(world: World, said: Said) -> None:
    phone = world.phone(GIVEN)
    pressed = await phone.press()
    assert await said.act(pressed.alert, "answer") == 200
    assert await said.act(pressed.alert, "voice", **{"with": "holder"}) == 200
    assert await said.act(pressed.alert, "withdraw-location", reason="elle l'a demandé") == 200
    world.clock.set_on(5)
    reports(phone)
    again = await phone.press(loc=PLACE)
    assert again.alert == pressed.alert
    await handled(world)
    assert await world.value("SELECT count(*) FROM position") == 0
    await nothing_in_clear(said)
    await not_even_sealed(world)


# ── people, rooms, wrong requests ───────────────────────────────────────────────────────


@pytest.mark.parametrize("device", [GIVEN, REFUSED])
@pytest.mark.settings(behaviour=BY_HAND)
async def test_whatever_people_and_rooms_write(
    world: World,
    said: Said,
    device: str,
) -> None:
    text = typed()
    pressed = await world.phone(device).press(loc=PLACE)
    alert = pressed.alert
    assert await said.act(alert, "answer") == 200
    assert await said.act(alert, "notes", text=text) == 200
    assert await said.act(alert, "extend", reason=text) == 200
    assert await said.act(alert, "decision", verdict="police", seen=pressed.id, note=text) == 200
    told = await world.room.expects("Report", alert=alert)
    for body in room_says(told, world, text):
        assert await said.post("/api/v1/cisu/inbound", body, ROOM_TOKEN) in {202, 403, 422}
    world.room.forgives()
    handed = {"room": "cic86", "call_taker": f"brigadier {LAT}", "reference": text}
    assert await said.act(alert, "voice-handoff", **handed) == 200
    supervisor = await world.token("supervisor", "superviseur")
    authorised = json.dumps({"authorised_by": f"procureur, {text}"}).encode()
    path = f"/api/v1/alerts/{alert}/eight-days"
    assert await said.post(path, authorised, supervisor) == 200
    await world.app.forget.hold(UUID(alert), "parquet", "PV 2030/118")
    assert await said.act(alert, "close", outcome=text, note=text) == 200
    if device == GIVEN:  # to the operator of an alert, and to nobody else, it is shown
        said.answers = [answer for answer in said.answers if '"position"' not in answer]
    said.answers.append(json.dumps(await world.operator().journal(alert)))
    await nothing_in_clear(said)


def room_says(told: Envelope, world: World, typed: str) -> Iterator[bytes]:
    """A room's answers, with a place wherever there is room for a text."""
    now = world.clock.now()
    for step in ("RECU", "CONSULTE", "engaged"):
        yield msgspec.json.encode(reply(told, step, now))
    body = reply(told, "ERREUR", now)
    message = body["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]
    message.pop("reference")
    body["distributionKind"] = "Error"
    for code, string, sender in (
        (300, f"INVALID {LAT},{LON}", None),
        (300, "INVALID_MESSAGE", None),
        (300, "INVALID_MESSAGE", f"fr.police.{LAT}"),
    ):
        message["error"] = {
            "errorCode": {"statusCode": code, "statusString": string},
            "errorCause": f"lat {typed}",
            "referencedDistributionID": told.distribution_id,
            "sourceMessage": {"lat": LAT, "lon": LON},
        }
        yield msgspec.json.encode(body | {"senderID": sender or ADDRESS})
    # Its own distributionID is said back to a room as it said it, and to nobody else.
    yield json.dumps({"lat": LAT, "senderID": typed, "distributionKind": typed}).encode()
    yield typed.encode()


async def test_her_known_places(world: World, said: Said) -> None:
    """They are shown to the operator of her alert; where they are kept nothing shows them."""
    home = Place("home", f"Domicile {LAT}", f"1 rue Inventée {typed()}", LAT, LON, 100.0, typed())
    async with world.database.transaction() as connection:
        holders = await place_rows.holders(connection, [REFUSED])
        sealer, now = world.app.sealer, world.clock.now()
        await places.replace(connection, sealer, holders[REFUSED], [home], now)
    pressed = await world.phone(REFUSED).press(loc=PLACE)
    operator = world.operator()
    seen = await operator.call("GET", f"alerts/{pressed.alert}/whereabouts", None, 200)
    assert traces(json.dumps(seen)), "or this test proves nothing"
    await operator.decides(pressed.alert, "police")
    await world.room.expects("Report", alert=pressed.alert)
    world.room.forgives()
    said.answers.append(json.dumps(await operator.journal(pressed.alert)))
    await nothing_in_clear(said)


def typed() -> str:
    return f"vue au {LAT}, {LON}"


async def test_whatever_is_asked_wrongly(world: World, said: Said) -> None:
    pressed = await world.phone(REFUSED).press()
    token, alert = await world.token("operator", "op-1"), pressed.alert
    where = f"{LAT},{LON}"
    for method, path in (
        ("GET", f"/api/v1/alerts?status={where}"),
        ("GET", f"/api/v1/alerts?limit={LAT}"),
        ("GET", f"/api/v1/alerts?cursor={where}"),
        ("GET", f"/api/v1/alerts/{where}"),
        ("GET", f"/api/v1/alerts/{alert}/{where}"),
        ("GET", f"/api/v1/{where}?lat={LAT}"),
        ("DELETE", f"/api/v1/alerts/{alert}?at={where}"),
        ("GET", f"/static/{where}/console.js"),
    ):
        assert await said.post(path, b"", token, method) >= 400
    for act, body in (
        ("voice", {"with": where}),
        ("decision", {"verdict": where, "seen": where}),
        ("decision", {"verdict": "test", "seen": where}),
        ("decision", {"verdict": "test", "all_clear_word": where}),
        ("extend", {where: where}),
        ("notes", {"text": [LAT, LON]}),
        ("close", {"outcome": PLACE}),
        ("voice-handoff", {"room": where, "call_taker": where, "reference": where}),
    ):
        assert await said.act(alert, act, **body) >= 400
    broken = f'{{"text": "{where}", "lat": {LAT}'.encode()
    assert await said.post(f"/api/v1/alerts/{alert}/notes", broken, token) == 400
    login = json.dumps({"username": where, "password": where}).encode()
    assert await said.post("/api/v1/session", login) >= 400
    assert await said.post("/api/v1/cisu/inbound", AT, "no-token") == 401
    await nothing_in_clear(said)


# ── what the database refuses, what fails ───────────────────────────────────────────────


@pytest.mark.expects_errors
@pytest.mark.parametrize("device", [GIVEN, REFUSED])
async def test_whatever_the_database_refuses(
    world: World,
    said: Said,
    device: str,
) -> None:
    """A refused row is quoted by the database in its error's DETAIL and in its own log."""
    phone = world.phone(device)
    await world.owner("ALTER TABLE press ADD CONSTRAINT own_1 CHECK (batt IS DISTINCT FROM 66)")
    await phone.press(loc=PLACE, batt=66)
    await world.owner("ALTER TABLE position ADD CONSTRAINT own_2 CHECK (doubts <> '{}')")
    await world.owner("ALTER TABLE device_health ADD CONSTRAINT own_3 CHECK (batt <> 66)")
    await phone.press(loc=PLACE)
    world.clock.set_on(5)
    reports(phone)
    phone.heartbeat(batt=66, fw=f"{LAT}")
    await handled(world)
    await world.owner("ALTER TABLE alert ADD CONSTRAINT own_4 CHECK (device <> 'another')")
    await world.phone("another").press(loc=PLACE)
    await world.advance(3)
    assert "CheckViolation" in said.logged()
    await nothing_in_clear(said)
    if device == REFUSED:
        with_refusal = await world.rows("SELECT raw, raw_key FROM press WHERE device = $1", device)
        for row in with_refusal:
            plain = world.sealer.unwrap(row["raw_key"]).open(row["raw"], "press")
            assert not traces(plain), plain


def _fails(press: Any, _now: Any) -> Any:
    raise ValueError(f"no plan for a press of {press.age_s} s")


@pytest.mark.expects_errors
@pytest.mark.settings(options={"opening": _fails})
async def test_a_press_whose_alert_logic_fails(world: World, said: Said) -> None:
    phone = world.phone(GIVEN)
    message = phone.message(loc=PLACE)
    phone.send("press", json.dumps(message).encode())
    await world.until(phone.receipts)
    await world.advance(4)
    await world.app.rescue.look()  # its own loop may have looked before the clock was set on
    await world.until_sql("SELECT count(*) = 1 FROM alert")
    phone.position(**PLACE)
    await handled(world)
    assert "the alert logic failed" in said.logged()
    await nothing_in_clear(said)
