"""While the alert is open: the phone is asked, the console sees, the rooms are told what is new."""

import asyncio
from typing import Any

import pytest
from ground import (
    CORG,
    CORG_ADDRESS,
    DEGREE_M,
    IN_NORTH,
    IN_SOUTH,
    NORTH,
    SOUTH,
    in_force,
    put_rooms,
    refuse_in_register,
    three_rooms,
)
from ground import entry as room_of
from world import ADDRESS, AT_ONCE, BY_HAND, PLACE, ROOM, Phone, World

from tgd.config import Deadlines
from tgd.demo.salle_envelope import Envelope
from tgd.demo.salle_room import Behaviour
from tgd.platform.dossier import WORD_ABOUT

TWO_HOURS_S = 7200
AWAY = Behaviour(automatic=False, http_status=503)
PATIENT = Deadlines(contact=600.0)


def epoch(world: World) -> float:
    return world.clock.now().timestamp()


def asked(phone: Phone) -> list[dict[str, Any]]:
    return [said for said in phone.heard() if said.get("action") == "reportLocation"]


def spoken(phone: Phone) -> list[str]:
    """What the phone was told, in order: states, commands, receipts."""
    return [said.get("action") or said.get("state") or said["_type"] for said in phone.heard()]


async def told_the_phone(world: World) -> None:
    """Wait until nothing is left to be said to any phone, and it has been heard."""
    await world.until_sql("SELECT count(*) = 0 FROM downlink")
    marker = world.phone("tgd-86-07")
    before = len(marker.heard())
    world.app.press_link.publish("tgd/v1/tgd-86-07/down", b'{"_type":"state","alert":"m","n":1}')
    await world.until(lambda: len(marker.heard()) > before)
    world.air.heard[:] = [one for one in world.air.heard if one[0] != "tgd-86-07"]


async def goes(world: World, phone: Phone, north_m: float, **fields: object) -> None:
    """She is that far north of PLACE now; the server has kept it and looked."""
    before = await world.value("SELECT coalesce(max(no), 0) FROM position")
    phone.position(**{"lat": PLACE["lat"] + north_m / DEGREE_M, **fields})
    await world.until_sql("SELECT coalesce(max(no), 0) > $1 FROM position", before)
    await world.app.following.look()


async def updates(world: World, alert: str) -> int:
    """How many position Updates were written, to whatever room."""
    return await world.value(
        "SELECT count(*) FROM envelope WHERE purpose = 'position' AND alert_id = $1::text::uuid",
        alert,
    )


async def police_sent(world: World, phone: Phone, **press: object) -> str:
    """An alert of this phone's that the room has acknowledged; the clock stands a second later."""
    alert = (await phone.press(**{"loc": {**PLACE, "tst": epoch(world)}, **press})).alert
    await world.operator().decides(alert, "police")
    await world.room.expects("Report", alert=alert)
    await world.until_sql(
        "SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch"
        " WHERE alert_id = $1::text::uuid",
        alert,
    )
    world.clock.set_on(1)
    return alert


async def is_back(world: World, behaviour: Behaviour = BY_HAND) -> None:
    """The room takes messages again; what was under way to it has ended before."""
    await world.until(lambda: not world.app.sending._under_way)
    world.room.room(ADDRESS).order(behaviour)


def point(told: Envelope) -> tuple[float, float] | None:
    geometry = told.case.location.geometry
    if geometry is None or geometry.point is None:
        return None
    return geometry.point.coord.lat, geometry.point.coord.lon


# ── The phone ───────────────────────────────────────────────────────────────────────


async def test_the_phone_is_told_how_often_and_until_when(world: World) -> None:
    phone = world.phone()
    press = await phone.press()
    await world.until(lambda: asked(phone))
    (said,) = asked(phone)
    assert said["alert"] == press.alert
    assert (said["moving_s"], said["still_s"]) == (5, 30)
    assert said["at"] == pytest.approx(epoch(world), abs=0.01)
    assert said["until"] == pytest.approx(epoch(world) + TWO_HOURS_S, abs=0.01)
    # The receipt waits for nothing else.
    assert spoken(phone) == ["receipt", "received", "reportLocation"]


async def test_a_further_press_is_two_hours_more_and_a_repetition_is_not(world: World) -> None:
    phone = world.phone()
    await phone.press()
    world.clock.set_on(2)
    message = phone.message()
    await phone.press(**message)
    await world.until(lambda: len(asked(phone)) == 2)
    assert asked(phone)[1]["until"] == pytest.approx(epoch(world) + TWO_HOURS_S, abs=0.01)
    await phone.press(**{**message, "attempt": 2})
    await told_the_phone(world)
    assert len(asked(phone)) == 2


@pytest.mark.settings(deadlines=Deadlines(contact=10.0))
async def test_when_it_is_not_heard_of_it_is_asked_again_until_the_same_end(world: World) -> None:
    phone = world.phone()
    await phone.press()
    end = epoch(world) + TWO_HOURS_S
    await world.advance(10.5)
    await world.until(lambda: len(asked(phone)) == 2)
    assert asked(phone)[1]["until"] == pytest.approx(end, abs=0.01)
    assert len({said["id"] for said in asked(phone)}) == 2


@pytest.mark.settings(deadlines=Deadlines(contact=10.0))
async def test_who_refused_is_never_asked(world: World) -> None:
    phone, operator = world.phone("tgd-86-08"), world.operator()
    alert = (await phone.press()).alert
    await phone.press()
    await world.advance(10.5)
    await world.until_sql("SELECT contact_lost_at IS NOT NULL FROM alert")
    refused = await operator.does(alert, "follow", {"reason": "je veux savoir"}, 409)
    assert refused["code"] == "not_located"
    await operator.hears(alert, "holder")
    await operator.decides(alert, "no_danger")
    await told_the_phone(world)
    assert asked(phone) == []


async def test_the_operator_extends_on_the_record(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = (await phone.press()).alert
    await operator.decides(alert, "police")
    world.room.forgives()
    await world.owner("UPDATE alert SET last_press_at = last_press_at - interval '121 minutes'")
    phone.position()
    shown = await operator.does(alert, "follow", {"reason": "elle marche encore"}, 200)
    await world.until(lambda: len(asked(phone)) == 2)
    assert asked(phone)[1]["until"] == pytest.approx(epoch(world) + TWO_HOURS_S, abs=0.01)
    assert shown["live_until"] == "2030-01-15T11:00:00.000Z"
    world.clock.set_on(1)
    await goes(world, phone, 10)
    facts = [f for f in await operator.journal(alert) if f["kind"] == "follow_extended"]
    assert [f["actor"] for f in facts] == ["op-1"]
    assert "marche" not in str(await operator.journal(alert))
    assert (await world.value("SELECT count(*) FROM note")) == 1


async def test_who_may_extend(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = (await phone.press()).alert
    await operator.answers(alert)
    body = {"reason": "elle marche encore"}
    refused = await world.operator("op-2").does(alert, "follow", body, 409)
    assert refused["code"] == "answered_by_another"
    await world.operator("op-2").does(alert, "follow", {}, 422)
    await world.operator("chief", "supervisor").does(alert, "follow", body, 200)
    await operator.hears(alert, "holder")
    await operator.decides(alert, "test")
    assert (await operator.does(alert, "follow", body, 409))["code"] == "closed"


async def test_at_the_closing_it_is_told_to_stop(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = (await phone.press()).alert
    await operator.hears(alert, "holder")
    await operator.decides(alert, "no_danger")
    await world.until(lambda: "endAlert" in spoken(phone))
    assert spoken(phone)[-2:] == ["closed", "endAlert"]
    assert phone.heard()[-1]["alert"] == alert


async def two_with_a_word(world: World) -> tuple[list[Phone], list[str]]:
    """Two phones that have pressed, and their alerts; the word agreed with everybody: tournesol."""
    word = world.sealer.seal(b"tournesol", WORD_ABOUT)
    await world.owner("UPDATE beneficiary SET all_clear_word = $1", word)
    phones = [world.phone(device) for device in ("tgd-86-01", "tgd-86-02")]
    return phones, [(await phone.press()).alert for phone in phones]


@pytest.mark.settings(deadlines=Deadlines(contact=10.0))
async def test_under_coercion_the_phone_hears_what_it_would_of_an_accepted_verdict(
    world: World,
) -> None:
    operator = world.operator()
    (free, forced), alerts = await two_with_a_word(world)
    for alert, word in zip(alerts, ("tournesol", "coquelicot"), strict=True):
        await operator.hears(alert, "holder")
        await operator.decides(alert, "no_danger", all_clear_word=word)
    await told_the_phone(world)
    heard = spoken(free)
    assert heard[-2:] == ["closed", "endAlert"]
    assert spoken(forced) == heard
    shapes = [[sorted(said) for said in phone.heard()] for phone in (free, forced)]
    assert shapes[0] == shapes[1]
    await world.room.expects("Report", alert=alerts[1])
    # Silence, an operator who would like to know, the end: nothing more is said to it.
    await world.advance(11)
    await world.until_sql("SELECT bool_or(contact_lost_at IS NOT NULL) FROM alert")
    await world.room.expects("Update", text="contact perdu")
    await operator.does(alerts[1], "follow", {"reason": "contrainte"}, 200)
    await world.until_sql("SELECT acknowledged_at IS NOT NULL FROM dispatch")
    await operator.closes(alerts[1])
    await told_the_phone(world)
    assert spoken(forced) == heard


async def test_with_the_police_a_forced_verdict_ends_nothing_at_the_phone_either(
    world: World,
) -> None:
    operator = world.operator()
    (free, forced), alerts = await two_with_a_word(world)
    for alert in alerts:
        await operator.decides(alert, "police")
        await world.room.expects("Report", alert=alert)
        await operator.hears(alert, "holder")
    acknowledged = "SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch"
    await world.until_sql(acknowledged)
    for alert, word in zip(alerts, ("tournesol", "coquelicot"), strict=True):
        await operator.decides(alert, "no_danger", all_clear_word=word)
        await world.room.expects("Update", alert=alert)
    # She is still to be found: asked for on the record, as after an accepted verdict.
    for alert in alerts:
        await operator.does(alert, "follow", {"reason": "en route"}, 200)
    await told_the_phone(world)
    assert "closed" not in spoken(forced)
    assert spoken(forced)[-1] == "reportLocation"
    assert spoken(forced) == spoken(free)
    for alert in alerts:
        await operator.closes(alert)
    await told_the_phone(world)
    assert spoken(forced)[-2:] == ["closed", "endAlert"]
    assert spoken(forced) == spoken(free)


# ── The console ─────────────────────────────────────────────────────────────────────


async def test_a_live_position_is_hinted_to_the_console_and_shown(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = (await phone.press()).alert
    headers = {"Authorization": f"Bearer {await world.token('operator', 'op-1')}"}
    url = f"{world.base}/api/v1/stream"
    async with world.http.get(url, headers=headers) as stream:
        hints: list[bytes] = []

        async def listen() -> None:
            async for line in stream.content:
                hints.extend([line] * line.startswith(b"event:"))

        listening = asyncio.create_task(listen())
        await world.until(lambda: hints)  # whoever comes has everything to read
        await told_the_phone(world)
        await asyncio.sleep(0.3)  # two hints in a row become one: let what came before pass
        before = len(hints)
        await goes(world, phone, 0)
        await world.until(lambda: len(hints) > before)
        assert (await operator.reads(alert))["position"]["lat"] == PLACE["lat"]
        listening.cancel()


# ── The rooms ───────────────────────────────────────────────────────────────────────


async def test_rooms_hear_when_she_has_moved_fifty_metres_or_after_thirty_seconds(
    world: World,
) -> None:
    phone = world.phone()
    alert = await police_sent(world, phone)
    await goes(world, phone, 40)
    assert await updates(world, alert) == 0
    await goes(world, phone, 60)
    told = await world.room.expects("Update", alert=alert, text="position nouvelle")
    assert point(told) == (pytest.approx(PLACE["lat"] + 60 / DEGREE_M, abs=1e-6), PLACE["lon"])
    for second in range(1, 6):
        await world.advance(5)
        await goes(world, phone, 60 + second)
        assert await updates(world, alert) == 1
    await world.advance(5)
    await goes(world, phone, 70)
    await world.room.expects("Update", alert=alert, text="position nouvelle")
    assert await updates(world, alert) == 2


async def test_without_a_new_position_nothing_is_repeated(world: World) -> None:
    phone = world.phone()
    alert = await police_sent(world, phone)
    await goes(world, phone, 60)
    await world.room.expects("Update", text="position nouvelle")
    for _ in range(8):
        await world.advance(5)
        phone.heartbeat()
        await world.app.following.look()
    assert await updates(world, alert) == 1


async def test_the_first_position_after_a_report_without_one_goes_at_once(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = (await phone.press()).alert
    await operator.decides(alert, "police")
    assert point(await world.room.expects("Report")) is None
    world.clock.set_on(1)
    await goes(world, phone, 0)
    told = await world.room.expects("Update", text="position nouvelle")
    assert point(told) == (PLACE["lat"], PLACE["lon"])


@pytest.mark.settings(behaviour=BY_HAND, deadlines=PATIENT)
async def test_a_position_is_no_matter_of_deadlines(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = (await phone.press(loc={**PLACE, "tst": epoch(world)})).alert
    await operator.decides(alert, "police")
    report = await world.room.expects("Report")
    for step in ("RECU", "CONSULTE"):
        await world.room.says(report, step)
    world.clock.set_on(1)
    before = {d["name"]: d["due_at"] for d in (await operator.reads(alert))["deadlines"]}
    await goes(world, phone, 60)
    update = await world.room.expects("Update", text="position nouvelle")
    shown = await operator.reads(alert)
    after = {d["name"]: d["due_at"] for d in shown["deadlines"]}
    # Her word was heard, so contact is counted anew; nothing else begins or is put off.
    assert before.pop("contact") < after.pop("contact")
    assert after == before
    assert all(task["about"] != "position" for task in shown["tasks"])
    (state,) = await world.rows(
        "SELECT expires_at - created_at AS lasts FROM envelope WHERE purpose = 'position'"
    )
    assert state["lasts"].total_seconds() == 300
    # Nor does an answer to it, or none, change what stands of the case.
    await world.advance(15)
    await world.room.says(update, "ERREUR")
    await world.advance(15)
    shown = await operator.reads(alert)
    assert shown["dispatches"][0]["acknowledged_at"]
    assert await updates(world, alert) == 1


@pytest.mark.settings(behaviour=BY_HAND, deadlines=PATIENT)
async def test_while_the_room_is_away_the_next_one_takes_its_place(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = (await phone.press(loc={**PLACE, "tst": epoch(world)})).alert
    await operator.decides(alert, "police")
    report = await world.room.expects("Report")
    for step in ("RECU", "CONSULTE"):
        await world.room.says(report, step)
    world.room.room(ADDRESS).order(AWAY)
    for n in range(1, 5):
        world.clock.set_on(1)
        await goes(world, phone, 60 * n)
        await world.until_sql(
            "SELECT count(*) = 1 FROM envelope WHERE purpose = 'position' AND attempts > 0"
            " AND state <> 'expired'"
        )
    states = await world.rows("SELECT state FROM envelope WHERE purpose = 'position' ORDER BY no")
    assert [row["state"] for row in states[:3]] == ["expired"] * 3
    await is_back(world)
    await world.advance(2)
    told = await world.room.expects("Update", text="position nouvelle")
    assert point(told) == (pytest.approx(PLACE["lat"] + 240 / DEGREE_M, abs=1e-6), PLACE["lon"])
    await world.advance(5)
    assert world.room.unexpected() == []


@pytest.mark.settings(behaviour=BY_HAND, deadlines=PATIENT)
async def test_it_expires_after_five_minutes_and_a_room_that_returns_learns_the_latest(
    world: World,
) -> None:
    phone, operator = world.phone(), world.operator()
    alert = (await phone.press(loc={**PLACE, "tst": epoch(world)})).alert
    await operator.decides(alert, "police")
    report = await world.room.expects("Report")
    for step in ("RECU", "CONSULTE"):
        await world.room.says(report, step)
    world.room.room(ADDRESS).order(AWAY)
    await world.advance(20)
    await goes(world, phone, 150)
    await world.advance(301)
    await world.until_sql(
        "SELECT state = 'expired' FROM envelope WHERE purpose = 'position' ORDER BY no LIMIT 1"
    )
    await is_back(world)
    await world.advance(2)
    told = await world.room.expects("Update", text="position nouvelle")
    assert point(told) == (pytest.approx(PLACE["lat"] + 150 / DEGREE_M, abs=1e-6), PLACE["lon"])
    await world.advance(5)
    assert world.room.unexpected() == []


@pytest.mark.settings(behaviour=BY_HAND, deadlines=PATIENT)
@pytest.mark.parametrize("newer", ["press", "verdict"])
async def test_it_never_stands_before_what_must_arrive(world: World, newer: str) -> None:
    phone, operator = world.phone(), world.operator()
    alert = (await phone.press(loc={**PLACE, "tst": epoch(world)})).alert
    await operator.decides(alert, "police")
    report = await world.room.expects("Report")
    for step in ("RECU", "CONSULTE"):
        await world.room.says(report, step)
    world.room.room(ADDRESS).order(AWAY)
    world.clock.set_on(1)
    await goes(world, phone, 60)
    await world.until_sql(
        "SELECT bool_or(attempts > 0 AND lease_until IS NULL) FROM envelope"
        " WHERE purpose = 'position'"
    )
    if newer == "press":
        await phone.press()
        for _ in range(4):  # the watch passes over an alert that is just being sent
            await world.advance(0.3)
        text = "nouvel appui"
    else:
        await operator.hears(alert, "holder")
        await operator.decides(alert, "no_danger")
        text = "la salle décide"
    await world.until_sql("SELECT bool_or(purpose = $1) FROM envelope", newer)
    await is_back(world)
    await world.advance(3)
    told = await world.room.expects("Update", text=text)
    # It carries where she is; nothing older comes after it.
    assert point(told) == (pytest.approx(PLACE["lat"] + 60 / DEGREE_M, abs=1e-6), PLACE["lon"])
    assert world.room.unexpected() == []


async def test_before_the_police_are_sent_no_room_hears_of_her(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = (await phone.press()).alert
    for n in range(3):
        world.clock.set_on(1)
        await goes(world, phone, 100 * n)
    await operator.answers(alert)
    world.clock.set_on(1)
    await goes(world, phone, 400)
    assert await world.value("SELECT count(*) FROM envelope") == 0
    await operator.hears(alert, "holder")
    await operator.decides(alert, "no_danger")


async def test_after_the_closing_no_room_hears_of_her(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = await police_sent(world, phone)
    await goes(world, phone, 20)
    await operator.closes(alert)
    world.clock.set_on(1)
    phone.position(lat=PLACE["lat"] + 0.01)
    await world.until(lambda: len([s for s in spoken(phone) if s == "endAlert"]) == 2)
    await world.advance(35)
    await world.app.following.look()
    assert await updates(world, alert) == 0


async def test_two_hours_after_the_last_press_no_room_hears_of_her(world: World) -> None:
    phone = world.phone()
    alert = await police_sent(world, phone)
    await goes(world, phone, 20)
    assert await updates(world, alert) == 0
    await world.owner("UPDATE alert SET last_press_at = last_press_at - interval '2 hours'")
    await world.advance(35)
    await world.app.following.look()
    assert await updates(world, alert) == 0


async def test_after_a_withdrawal_no_room_hears_of_her(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = await police_sent(world, phone)
    await goes(world, phone, 20)
    await operator.hears(alert, "holder")
    await operator.does(alert, "withdraw-location", {"reason": "elle le demande"}, 200)
    phone.position(lat=PLACE["lat"] + 0.01)
    await world.advance(35)
    await world.app.following.look()
    assert await updates(world, alert) == 0


async def test_several_servers_tell_a_room_once(world: World) -> None:
    phone = world.phone()
    alert = await police_sent(world, phone)
    phone.position(lat=PLACE["lat"] + 0.01)
    await world.until_sql("SELECT count(*) = 2 FROM position")
    await asyncio.gather(*(world.app.following.look() for _ in range(4)))
    assert await updates(world, alert) == 1
    await world.room.expects("Update", text="position nouvelle")


async def test_a_restart_neither_repeats_nor_misses(world: World) -> None:
    phone = world.phone()
    alert = await police_sent(world, phone)
    await goes(world, phone, 60)
    await world.room.expects("Update", text="position nouvelle")
    await world.stop_server()
    await world.start_server()
    await world.app.following.look()
    assert await updates(world, alert) == 1
    world.clock.set_on(1)
    await goes(world, phone, 130)
    await world.room.expects("Update", text="position nouvelle")


async def test_a_phone_that_talks_too_much_floods_no_room(world: World) -> None:
    phone = world.phone()
    alert = await police_sent(world, phone)
    await goes(world, phone, 60)
    await world.room.expects("Update", text="position nouvelle")
    await world.until_sql("SELECT bool_and(state NOT IN ('waiting', 'sending')) FROM envelope")
    for n in range(80):
        world.clock.set_on(0.1)
        phone.position(lat=PLACE["lat"] + (60 + n / 10) / DEGREE_M)
    await world.until_sql("SELECT count(*) = 82 FROM position")
    await world.app.following.look()
    assert await updates(world, alert) == 1


async def test_one_alert_that_breaks_keeps_no_other_waiting(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    broken, phone = world.phone("tgd-86-02"), world.phone()
    await police_sent(world, broken)
    alert = await police_sent(world, phone)
    before = await world.value("SELECT count(*) FROM position")
    broken.position(lat=PLACE["lat"] + 0.01)
    phone.position(lat=PLACE["lat"] + 0.01)
    # What was kept for the one does not open with its key any more.
    await world.until_sql("SELECT count(*) = $1 FROM position", before + 2)
    world.room.forgives()
    await world.owner(
        "UPDATE position SET fix = 'x'::bytea FROM alert a"
        " WHERE a.id = alert_id AND a.device = 'tgd-86-02'"
    )
    await world.advance(31)
    await world.app.following.look()
    assert await updates(world, alert) > 0


# ── Another room's ground ───────────────────────────────────────────────────────────


@pytest.mark.settings(deadlines=PATIENT)
async def test_taken_into_another_rooms_ground_that_room_has_the_whole_case(world: World) -> None:
    await three_rooms(world)
    await in_force(world)
    phone, operator = world.phone(), world.operator()
    alert = await police_sent(world, phone, loc={**IN_SOUTH, "tst": epoch(world)})
    world.room.room(CORG_ADDRESS).order(BY_HAND)
    await world.advance(150)
    await goes(world, phone, 0, **IN_NORTH)
    told = {one.room: one for one in [await _next(world), await _next(world)]}
    assert told[ADDRESS].kind == "Update"
    report = told[CORG_ADDRESS]
    assert report.kind == "Report"
    assert report.case.case_id == told[ADDRESS].case.case_id
    assert point(report) == (IN_NORTH["lat"], IN_NORTH["lon"])
    assert any("Salle chef de file : fr.police.cic86" in line for line in report.case.lines)
    assert CORG_ADDRESS in " ".join(told[ADDRESS].case.lines)
    shown = await operator.reads(alert)
    lead, other = shown["dispatches"]
    assert (lead["room"], lead["lead"], bool(lead["acknowledged_at"])) == (ROOM, True, True)
    assert (other["room"], other["lead"], other["acknowledged_at"]) == (CORG, False, None)
    due = [d for d in shown["deadlines"] if d["name"] == "acknowledged"]
    assert [d["dispatch"] for d in due] == [other["id"]]
    await operator.closes(alert, 409)
    (fact,) = [f for f in await operator.journal(alert) if f["kind"] == "another_room"]
    assert fact["details"] == {"rooms": [CORG]}
    # Told once: from now on it hears of positions like the other.
    await world.room.says(report, "CONSULTE")
    await world.advance(5)
    await goes(world, phone, 0, **{**IN_NORTH, "lat": 46.63})
    assert {(await _next(world)).kind, (await _next(world)).kind} == {"Update"}
    await operator.closes(alert)


@pytest.mark.settings(deadlines=PATIENT)
async def test_at_the_border_no_other_room_is_called(world: World) -> None:
    await three_rooms(world)
    await in_force(world)
    phone = world.phone()
    alert = await police_sent(world, phone, loc={**IN_SOUTH, "tst": epoch(world)})
    await world.advance(100)
    await goes(world, phone, 0, lat=46.6 - 5 / DEGREE_M, acc=10.0)
    await world.room.expects("Update", alert=alert)
    assert await world.value("SELECT count(*) FROM dispatch") == 1


@pytest.mark.settings(deadlines=PATIENT)
async def test_without_danger_any_more_no_other_room_is_called(world: World) -> None:
    await three_rooms(world)
    await in_force(world)
    phone, operator = world.phone(), world.operator()
    alert = await police_sent(world, phone, loc={**IN_SOUTH, "tst": epoch(world)})
    await operator.hears(alert, "holder")
    await operator.decides(alert, "no_danger")
    await world.room.expects("Update", text="la salle décide")
    await world.advance(150)
    await goes(world, phone, 0, **IN_NORTH)
    await world.room.expects("Update", alert=alert, text="position nouvelle")
    assert await world.value("SELECT count(*) FROM dispatch") == 1


async def _next(world: World) -> Envelope:
    """The next message to whichever room."""
    await world.until(lambda: len(world.room.told) > world.room._next, "no message at the room")
    return await world.room.expects(world.room.told[world.room._next].kind)


# ── Silence ─────────────────────────────────────────────────────────────────────────


@pytest.mark.settings(behaviour=AT_ONCE)
async def test_silence_is_told_to_both_and_so_is_her_being_found(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = await police_sent(world, phone)
    world.room.room(ADDRESS)
    await world.advance(60)
    told = await world.room.expects("Update", alert=alert, text="contact perdu")
    assert any("contact perdu" in line for line in told.case.lines[1:])
    shown = await operator.reads(alert)
    assert shown["contact_lost_at"]
    assert "contact_lost" in shown["doubts"]
    await world.advance(2)
    await goes(world, phone, 300)
    told = await world.room.expects("Update", alert=alert, text="position nouvelle")
    assert not any("contact perdu" in line for line in told.case.lines)
    shown = await operator.reads(alert)
    assert shown["contact_lost_at"] is None
    assert "contact_lost" not in shown["doubts"]
    kinds = [fact["kind"] for fact in await operator.journal(alert)]
    assert kinds.index("contact_lost") < kinds.index("contact_found")
    # And lost again.
    await world.advance(60)
    await world.room.expects("Update", alert=alert, text="contact perdu")


async def test_who_is_not_located_is_silent_as_well(world: World) -> None:
    phone, operator = world.phone("tgd-86-08"), world.operator()
    alert = await police_sent(world, phone)
    await world.advance(60)
    await world.room.expects("Update", alert=alert, text="contact perdu")
    assert "contact_lost" in (await operator.reads(alert))["doubts"]


# ── The consent with which it opened ────────────────────────────────────────────────


async def test_an_alert_keeps_following_with_the_consent_of_its_opening(world: World) -> None:
    phone = world.phone()
    alert = await police_sent(world, phone)
    await refuse_in_register(world)
    await goes(world, phone, 60)
    await world.room.expects("Update", alert=alert, text="position nouvelle")
    await phone.press()
    await world.until(lambda: len(asked(phone)) == 2)
    world.room.forgives()


@pytest.mark.settings(deadlines=PATIENT)
async def test_rooms_that_only_a_person_can_call_are_sent_nothing_and_called(world: World) -> None:
    """On another room's ground there is another call to make."""
    await put_rooms(
        world,
        room_of(world, ROOM, ADDRESS, SOUTH, is_default=True, lines=False),
        room_of(world, CORG, CORG_ADDRESS, NORTH, lines=False),
    )
    await in_force(world)
    phone, operator = world.phone(), world.operator()
    at = epoch(world)
    alert = (await phone.press(loc={**IN_SOUTH, "tst": at})).alert
    await operator.decides(alert, "police")
    await world.advance(31)
    await goes(world, phone, 0, **{**IN_SOUTH, "lat": 46.581})
    assert await world.value("SELECT count(*) FROM dispatch") == 1
    await world.advance(150)
    await goes(world, phone, 0, **IN_NORTH)
    await world.until_sql("SELECT count(*) = 2 FROM dispatch")
    rooms = [d["room"] for d in (await operator.reads(alert))["dispatches"]]
    assert rooms == [ROOM, CORG]
    calls = {t["room"]: t["red"] for t in (await operator.reads(alert))["tasks"]}
    assert calls == {ROOM: True, CORG: True}
    assert await world.value("SELECT count(*) FROM envelope") == 0
