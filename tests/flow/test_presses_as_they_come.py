"""Whatever a phone sends is committed, receipted, rung and forwarded, through the whole server."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime
from itertools import count

import aiohttp
import pytest
from malformed import ODD, Odd, furnish
from world import WITHIN_S, World

from tgd.devices import wire
from tgd.devices.messages import Press
from tgd.platform.domain.alert import Plan


def broken_logic(press: Press, now: datetime) -> Plan:
    """The alert logic on a bad day."""
    raise ZeroDivisionError(f"{press.device} {now}")


async def receipted(world: World, odd: list[Odd]) -> dict[str, dict]:
    """Send them all and return the receipts by phone."""
    for one in odd:
        world.phone(one.device).send("press", one.raw(world.clock.now()), retain=one.retained)
    await world.until(lambda: all(world.phone(one.device).receipts() for one in odd))
    return {one.device: world.phone(one.device).receipts()[0] for one in odd}


async def marked(world: World, odd: list[Odd], receipts: dict[str, dict]) -> None:
    """Each of them opened an alert of its own, which is listed with what is wrong."""
    listed = {alert["device"]: alert for alert in await world.operator().list()}
    for one in odd:
        receipt = receipts[one.device]
        assert receipt["id"] == one.sent_id, one.what
        assert receipt["code"] == "ok"
        alert = listed[wire.device_key(one.device)]
        assert alert["id"] == receipt["alert"]
        # Whoever is subscribed already is not told that a message is retained.
        assert set(one.doubts) - {"retained"} <= set(alert["doubts"]), one.what


async def rescued(world: World, alerts: int) -> None:
    """Pass the two seconds after which a press without an alert gets a bare one.

    One look rescues them all, one after the other: that takes time of the machine's, not of hers.
    A look that began before the last step has found none, and the next one is half a second of the
    clock later, which stands still: so a little more of it passes now and then.
    """
    await world.advance(2.5)
    async with asyncio.timeout(WITHIN_S):
        for turn in count(1):
            if await world.value("SELECT count(*) FROM alert") == alerts:
                return
            await asyncio.sleep(0.02)
            if turn % 25 == 0:
                await world.advance(0.25)


async def test_twenty_malformed_presses_of_twenty_phones(world: World) -> None:
    await furnish(world.url, world.clock.now())
    receipts = {}
    for one in ODD:
        receipts |= await receipted(world, [one])
    await marked(world, list(ODD), receipts)
    assert len(await world.operator().list()) == len(ODD)


async def test_the_same_with_as_many_good_ones_all_at_once(world: World) -> None:
    await furnish(world.url, world.clock.now())
    good = [
        Odd("good", ODD[19].raw, (), f"good-{n:02}", sent_id=ODD[19].sent_id)
        for n in range(1, len(ODD) + 1)
    ]
    mixed = [one for pair in zip(ODD, good, strict=True) for one in pair]
    receipts = await receipted(world, mixed)
    await marked(world, mixed, receipts)


async def test_a_hundred_bytes_of_noise_a_hundred_times(world: World) -> None:
    phone = world.phone()
    for n in range(100):
        phone.send("press", bytes((n * 7 + k * k) % 256 for k in range(100)))
    await world.until(lambda: len(phone.receipts()) == 100)
    assert {r["code"] for r in phone.receipts()[1:]} == {"duplicate"}
    assert await world.value("SELECT count(*) FROM press") == 1  # without ids, within 15 s
    assert len(await world.operator().list()) == 1


@pytest.mark.expects_errors
@pytest.mark.settings(options={"opening": broken_logic})
async def test_a_fault_in_the_alert_logic_costs_no_press(world: World) -> None:
    phones = [world.phone(f"tgd-86-0{n}") for n in range(1, 9)]
    for phone in phones:
        press = await phone.press()
        assert press.receipt["code"] == "ok"
    assert await world.value("SELECT count(*) FROM press") == 8
    await rescued(world, 8)
    listed = await world.operator().list()
    assert {alert["device"] for alert in listed} == {phone.device for phone in phones}
    assert all(alert["rescued"] and alert["status"] == "ringing" for alert in listed)
    await world.advance(21)
    for alert in await world.operator().list():
        assert (alert["status"], alert["verdict"]) == ("police", "forwarded")
        await world.room.expects("Report")
    await world.until_sql("SELECT count(*) = 8 FROM dispatch WHERE acknowledged_at IS NOT NULL")


@pytest.mark.expects_errors
async def test_a_fault_in_the_database_s_part_of_it_costs_no_press(world: World) -> None:
    await world.owner(
        "CREATE FUNCTION break_alert() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'a fault in the alert logic'; END $$"
    )
    await world.owner(
        "CREATE TRIGGER break_alert BEFORE INSERT ON alert FOR EACH ROW "
        "WHEN (NEW.device = 'tgd-86-03' AND NOT NEW.rescued) EXECUTE FUNCTION break_alert()"
    )
    presses = [await world.phone(f"tgd-86-0{n}").press() for n in range(1, 6)]
    assert [bool(press.alert) for press in presses] == [True, True, False, True, True]
    await rescued(world, 5)
    listed = {a["device"]: a for a in await world.operator().list()}
    assert len(listed) == 5
    assert listed["tgd-86-03"]["rescued"]
    # An operator may act on it as on any other.
    alert = await world.operator().answers(listed["tgd-86-03"]["id"])
    assert alert["status"] == "answered"
    await world.advance(21)
    await world.until(lambda: len(world.room.told) == 4)
    await world.operator().decides(alert["id"], "police")
    await world.until(lambda: len(world.room.told) == 5)
    world.room.forgives()


@pytest.mark.expects_errors
async def test_a_press_that_cannot_be_stored_as_it_was_read_is_stored_as_bytes(
    world: World,
) -> None:
    await world.owner("ALTER TABLE press ADD CONSTRAINT fault CHECK (batt IS DISTINCT FROM 13)")
    phones = [world.phone(f"tgd-86-0{n}") for n in range(1, 9)]
    for n, phone in enumerate(phones):
        message = phone.message(batt=13 if n == 4 else 50)
        phone.send("press", json.dumps(message).encode())
    await world.until(lambda: all(phone.receipts() for phone in phones))
    alert = phones[4].receipts()[0]["alert"]
    assert alert
    assert "press_unreadable" in (await world.operator().reads(alert))["doubts"]
    assert len(await world.operator().list()) == 8


@pytest.mark.expects_errors
async def test_a_press_that_cannot_be_stored_at_all_stops_nobody_else(world: World) -> None:
    await world.owner("ALTER TABLE press ADD CONSTRAINT fault CHECK (device <> 'tgd-86-05')")
    broken = world.phone("tgd-86-05")
    broken.send("press", json.dumps(broken.message()).encode())
    for n in (1, 2, 3):
        assert (await world.phone(f"tgd-86-0{n}").press()).receipt["code"] == "ok"
    # It has no receipt: the phone repeats, and dials 112 after 30 s.
    assert broken.receipts() == []
    await world.owner("ALTER TABLE press DROP CONSTRAINT fault")
    assert (await broken.press()).receipt["code"] == "ok"


async def test_a_retained_press_counts_once_however_often_the_server_subscribes(
    world: World,
) -> None:
    phone = world.phone()
    phone.send("press", b"{broken, and retained", retain=True)
    await world.until(phone.receipts)
    for _ in range(2):
        await world.stop_server()
        world.air.heard.clear()
        world.clock.set_on(16)
        world.config = replace(world.config, instance=world.config.instance + "x")  # a new session
        await world.start_server()
        await world.until(phone.receipts)
    assert await world.value("SELECT count(*) FROM press") == 1
    assert phone.receipts()[0]["code"] == "duplicate"


async def test_by_https_any_body_is_a_press(world: World) -> None:
    await furnish(world.url, world.clock.now())
    url = f"{world.base}/api/v1/presses"
    async with aiohttp.ClientSession() as http:
        async with http.post(url, data=b"{}") as answer:
            assert answer.status == 401
        for odd in ODD[:12]:
            token = await world.token("phone", odd.device)
            headers = {"Authorization": f"Bearer {token}"}
            raw = odd.raw(world.clock.now())
            async with http.post(url, data=raw, headers=headers) as answer:
                assert answer.status == 200, odd.what
                receipt = await answer.json()
            assert receipt["id"] == odd.sent_id
            assert receipt["alert"]


async def test_a_late_press_is_shown_with_its_age(world: World) -> None:
    at = world.clock.now().timestamp()
    press = await world.phone().press(tst=at - 3600, created_at=at - 1)
    alert = await world.operator().reads(press.alert)
    assert alert["presses"][0]["age_s"] == pytest.approx(3600, abs=2)
    assert "late" in alert["doubts"]


async def test_the_phones_own_file_says_how_it_listens(world: World) -> None:
    await world.owner(
        "UPDATE beneficiary SET listen = 'none' WHERE id = (SELECT beneficiary_id "
        "FROM assignment WHERE device_id = 'tgd-86-02')"
    )
    assert (await world.phone("tgd-86-01").press()).receipt["listen"] == "mic_only"
    assert (await world.phone("tgd-86-02").press()).receipt["listen"] == "none"
    assert (await world.phone("tgd-86-02").press()).receipt["listen"] == "none"
    assert (await world.phone("stranger").press()).receipt["listen"] == "mic_only"
