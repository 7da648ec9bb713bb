"""Where she is: only inside an open alert, only if she agreed, only since the gesture."""

import json

import pytest
from world import PLACE, Phone, World

from tgd.keys import KeyStore
from tgd.seal import Sealer

SECRET_PLACE = {"lat": 46.987654, "lon": 0.123456, "acc": 9.0, "pm": "G"}


def epoch(world: World) -> float:
    return world.clock.now().timestamp()


async def positions(world: World) -> int:
    return await world.value("SELECT count(*) FROM position")


def ends(phone: Phone) -> list[str]:
    """The alerts that the phone was told are over."""
    return [said["alert"] for said in phone.heard() if said.get("action") == "endAlert"]


async def handled(world: World) -> None:
    """Wait until what was sent has been looked at: a heartbeat sent after it was written."""
    phone = world.phone("tgd-86-07")
    phone.heartbeat(batt=1)
    await world.until_sql("SELECT bool_or(device = 'tgd-86-07') FROM device_health")
    await world.owner("DELETE FROM device_health")


async def test_none_is_stored_without_an_open_alert(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    phone.position(**SECRET_PLACE)
    await handled(world)
    world.clock.set_on(1)  # what came before the gesture is not hers to give yet
    press = await phone.press()
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "no_danger")
    world.clock.set_on(1)
    phone.position(**SECRET_PLACE)
    await handled(world)
    assert await positions(world) == 0


async def test_one_that_overtook_its_press_is_held_and_used(world: World) -> None:
    phone = world.phone()
    message = phone.message()
    world.clock.set_on(1)
    phone.position(**SECRET_PLACE)
    await handled(world)
    world.clock.set_on(20)
    press = await phone.press(**{**message, "created_at": epoch(world)})
    for _ in range(2):  # the server looks once a second, by its clock
        await world.advance(1)
        await handled(world)
    assert (await world.operator().reads(press.alert))["position"]["lat"] == 46.987654


async def test_one_held_for_more_than_a_minute_is_forgotten(world: World) -> None:
    phone = world.phone()
    message = phone.message()
    phone.position(**SECRET_PLACE)
    await handled(world)
    await world.advance(61)
    await phone.press(**{**message, "created_at": epoch(world)})
    for _ in range(3):
        await world.advance(1)
        await handled(world)
    assert await positions(world) == 0


@pytest.mark.parametrize("dated", [True, False])
async def test_one_taken_before_the_gesture_is_dropped(world: World, dated: bool) -> None:
    phone = world.phone()
    phone.position(**({} if dated else {"tst": None, "created_at": None}))
    await handled(world)
    world.clock.set_on(5)
    press = await phone.press()
    await world.advance(2)
    await handled(world)
    assert await positions(world) == 0
    phone.position(**({} if dated else {"tst": None, "created_at": None}))
    await world.until_sql("SELECT count(*) = 1 FROM position")
    assert (await world.operator().reads(press.alert))["position"]


async def test_positions_go_on_when_the_network_sets_a_wrong_clock_right(world: World) -> None:
    phone = world.phone()
    press = await phone.press(tst=4_294_967_000.0, created_at=4_294_967_000.0)
    alert = await world.operator().reads(press.alert)
    assert "clock_wrong" in alert["doubts"]
    phone.position(tst=4_294_967_005.0, created_at=4_294_967_006.0)
    await world.until_sql("SELECT count(*) = 1 FROM position")
    world.clock.set_on(5)
    phone.position()
    await world.until_sql("SELECT count(*) = 2 FROM position")
    position = (await world.operator().reads(press.alert))["position"]
    assert 0 <= position["age_s"] < 10


async def test_an_older_fix_inside_the_press_is_shown_with_its_age(world: World) -> None:
    at = epoch(world)
    press = await world.phone().press(loc={**PLACE, "tst": at - 90})
    position = (await world.operator().reads(press.alert))["position"]
    assert position["age_s"] == pytest.approx(90, abs=1)


async def test_without_consent_none_is_stored_and_the_raw_press_holds_none(world: World) -> None:
    phone = world.phone("tgd-86-08")
    press = await phone.press(loc=SECRET_PLACE, lat=46.987654, note="ici 46.987654")
    phone.position(**SECRET_PLACE)
    await handled(world)
    assert await positions(world) == 0
    alert = await world.operator().reads(press.alert)
    assert alert["position"] is None
    assert "location_refused" in alert["doubts"]
    (row,) = await world.rows("SELECT raw, raw_key FROM press")
    opened = world.sealer.unwrap(row["raw_key"]).open(row["raw"], "press")
    assert b"987654" not in opened
    assert b"123456" not in opened
    assert press.id.encode() in opened


@pytest.mark.parametrize(
    "broken",
    [
        b'{"_type":"press","id":"%s","loc":{"lat":46.987654,"lon":0.123456}',
        b'\xff\xfe{"id":"%s","loc":{"lat":46.987654,"lon":0.123456}}',
        b'{"id":"%s","loc":"46.987654,0.123456"}',
        b'{"id":"%s","LOC":{"Latitude":"46.987654","LON":"0.123456"}}',
        b'{"id":"%s","\\u006cat":46.987654,"\\u006con":0.123456}',
    ],
)
async def test_not_even_a_broken_press_keeps_them_without_consent(
    world: World, broken: bytes
) -> None:
    phone = world.phone("tgd-86-08")
    await phone.press_raw(broken.replace(b"%s", b"77777777-7777-4777-8777-777777777777"))
    (row,) = await world.rows("SELECT raw, raw_key FROM press")
    opened = world.sealer.unwrap(row["raw_key"]).open(row["raw"], "press")
    assert b"987654" not in opened, opened
    assert b"123456" not in opened, opened


async def test_the_raw_press_of_who_agreed_is_sealed_and_whole(world: World) -> None:
    press = await world.phone().press(loc=SECRET_PLACE)
    (row,) = await world.rows("SELECT raw, raw_key FROM press")
    assert b"987654" not in row["raw"]
    elsewhere = Sealer(world.config.secret_key, KeyStore(world.config.key_dir))
    opened = elsewhere.unwrap(row["raw_key"]).open(row["raw"], "press")
    assert json.loads(opened)["loc"] == SECRET_PLACE
    assert json.loads(opened)["id"] == press.id


@pytest.mark.parametrize(("verdict", "kept"), [("test", 0), ("accidental", 0), ("no_danger", 1)])
async def test_those_of_a_test_or_a_mistake_go_at_closing(
    world: World, verdict: str, kept: int
) -> None:
    operator = world.operator()
    press = await world.phone().press(loc={**PLACE, "tst": epoch(world)})
    assert await positions(world) == 1
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, verdict)
    assert await positions(world) == kept


async def test_an_unknown_phone_is_located_on_vital_interest(world: World) -> None:
    press = await world.phone("stranger-1").press(loc={**PLACE, "tst": epoch(world)})
    alert = await world.operator().reads(press.alert)
    assert alert["position"]
    assert {"device_unknown", "consent_unknown"} <= set(alert["doubts"])


async def test_an_alert_keeps_the_consent_with_which_it_opened(world: World) -> None:
    phone = world.phone()
    press = await phone.press()
    await world.owner(
        "INSERT INTO consent (assignment_id, kind, given, at, recorded_by) "
        "SELECT id, 'location', false, now(), 'test' FROM assignment WHERE device_id = 'tgd-86-01'"
    )
    phone.position()
    await world.until_sql("SELECT count(*) = 1 FROM position")
    assert (await world.operator().reads(press.alert))["consent"] == "given"


async def test_live_positions_stop_two_hours_after_the_last_press(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    press = await phone.press()
    await operator.decides(press.alert, "police")
    await world.owner("UPDATE alert SET last_press_at = last_press_at - interval '121 minutes'")
    await world.room.expects("Report")
    phone.position()
    await handled(world)
    assert await positions(world) == 0


async def test_where_a_heartbeat_comes_from_is_never_stored(world: World) -> None:
    await world.phone().press()
    world.phone().heartbeat(**SECRET_PLACE, loc=SECRET_PLACE)
    await world.until_sql("SELECT count(*) = 1 FROM device_health")
    assert await positions(world) == 0
    (row,) = await world.rows("SELECT device_health::text AS row FROM device_health")
    assert "46.98" not in row["row"]


async def test_the_quarantine_keeps_hash_size_and_reason_and_is_bounded(world: World) -> None:
    for n in range(700):
        world.phone().send("position", b'{"lat":46.987654,' + str(n).encode())
    await world.until(
        lambda: world.app.metrics.quarantined["position", "unreadable"]._value.get() >= 700
    )
    await world.until_sql("SELECT count(*) = 600 FROM quarantine")
    (row,) = await world.rows("SELECT quarantine::text AS row FROM quarantine LIMIT 1")
    assert "987654" not in row["row"]
    # Presses go on all the same.
    assert (await world.phone().press()).receipt["code"] == "ok"


async def test_a_phone_that_missed_the_end_is_told_again_once_a_minute(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    press = await phone.press()
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "no_danger")
    await world.until(lambda: ends(phone) == [press.alert])
    for _ in range(4):
        await world.advance(5)
        phone.position(**SECRET_PLACE)
        await handled(world)
    assert ends(phone) == [press.alert] * 2
    await world.advance(60)
    phone.position(**SECRET_PLACE)
    await world.until(lambda: ends(phone) == [press.alert] * 3)
    # One that has never pressed has nothing to end, and one that presses is followed.
    stranger = world.phone("tgd-86-03")
    stranger.position(**SECRET_PLACE)
    await phone.press()
    phone.position(**SECRET_PLACE)
    await handled(world)
    assert ends(stranger) == []
    assert ends(phone) == [press.alert] * 3
