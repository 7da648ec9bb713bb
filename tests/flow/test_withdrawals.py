"""Her consent to be located: the alert keeps that of its opening until she herself ends it."""

import asyncio
from typing import Any

import asyncpg
import pytest
from ground import IN_NORTH, IN_SOUTH, declare, in_force, refuse_in_register, three_rooms
from world import BY_HAND, PLACE, Phone, World

from tgd.config import Deadlines
from tgd.platform.dossier import WORD_ABOUT
from tgd.seal import KeyErased

REASON = {"reason": "elle le demande elle-même"}
PATIENT = Deadlines(contact=600.0)


async def pressed(world: World, phone: Phone) -> str:
    at = world.clock.now().timestamp()
    return (await phone.press(loc={**PLACE, "tst": at})).alert


async def whereabouts(world: World, alert: str) -> dict[str, Any]:
    return await world.operator().call("GET", f"alerts/{alert}/whereabouts", None, 200)


async def withdrawn(world: World, phone: Phone) -> str:
    """An alert whose holder was heard and has withdrawn her consent."""
    alert = await pressed(world, phone)
    await world.operator().hears(alert, "holder")
    await world.operator().does(alert, "withdraw-location", REASON, 200)
    return alert


async def kept(world: World) -> int:
    return await world.value("SELECT count(*) FROM position")


async def handled(world: World, phone: Phone) -> None:
    """Wait until what this phone has said before has been looked at."""
    before = await world.value("SELECT max(heartbeat_at) FROM device_health")
    world.clock.set_on(0.01)
    phone.heartbeat()
    await world.until_sql(
        "SELECT max(heartbeat_at) > coalesce($1::timestamptz, '-infinity') FROM device_health",
        before,
    )


# ── In the register ─────────────────────────────────────────────────────────────────


async def test_what_the_register_says_meanwhile_is_only_to_be_verified(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = await pressed(world, phone)
    assert (await whereabouts(world, alert))["withdrawal_to_verify"] is False
    before = await operator.reads(alert)
    await refuse_in_register(world)
    assert await operator.reads(alert) == before
    shown = await whereabouts(world, alert)
    assert shown["withdrawal_to_verify"] is True
    assert shown["position"]
    assert shown["live_until"]
    world.clock.set_on(1)
    phone.position(lat=PLACE["lat"] + 0.001)
    await world.until_sql("SELECT count(*) = 2 FROM position")
    # A further press joins it as it was.
    world.clock.set_on(1)
    await phone.press(loc={**PLACE, "tst": world.clock.now().timestamp()})
    assert await kept(world) == 3
    later = await operator.reads(alert)
    assert later["consent"] == "given"
    assert "location_refused" not in later["doubts"]
    # Nor do the rooms read anything else.
    await operator.decides(alert, "police")
    report = await world.room.expects("Report", alert=alert)
    assert report.case.location.geometry
    assert not any("refusée" in line for line in report.case.lines)


async def test_the_next_alert_opens_with_what_the_register_says(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = await pressed(world, phone)
    await refuse_in_register(world)
    await operator.hears(alert, "holder")
    await operator.decides(alert, "no_danger")
    assert (await whereabouts(world, alert))["withdrawal_to_verify"] is False
    following = await pressed(world, phone)
    shown = await operator.reads(following)
    assert (shown["consent"], shown["position"]) == ("refused", None)
    assert "location_refused" in shown["doubts"]
    assert (await whereabouts(world, following))["withdrawal_to_verify"] is False


async def test_a_consent_given_meanwhile_locates_her_from_the_next_alert_on(world: World) -> None:
    phone, operator = world.phone("tgd-86-08"), world.operator()
    alert = await pressed(world, phone)
    await world.owner(
        "INSERT INTO consent (assignment_id, kind, given, at, recorded_by) "
        "SELECT id, 'location', true, now(), 'greffe' FROM assignment WHERE device_id = 'tgd-86-08'"
    )
    phone.position()
    await handled(world, phone)
    assert await kept(world) == 0
    assert (await operator.reads(alert))["consent"] == "refused"
    await operator.hears(alert, "holder")
    await operator.decides(alert, "test")
    following = await pressed(world, phone)
    assert (await operator.reads(following))["position"]


# ── Verified by the operator ────────────────────────────────────────────────────────


async def test_it_needs_her_own_voice_after_the_latest_press(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = await pressed(world, phone)
    for heard in (None, "nobody", "child", "other"):
        if heard:
            await operator.hears(alert, heard)
        refused = await operator.does(alert, "withdraw-location", REASON, 409)
        assert refused["code"] == "holder_not_heard"
    await operator.hears(alert, "holder")
    world.clock.set_on(1)
    await phone.press()
    refused = await operator.does(alert, "withdraw-location", REASON, 409)
    assert refused["code"] == "holder_not_heard"
    assert await kept(world) == 1
    assert "consent_withdrawn" not in [f["kind"] for f in await operator.journal(alert)]
    await operator.hears(alert, "holder")
    await operator.does(alert, "withdraw-location", REASON, 200)
    assert await kept(world) == 0


async def test_a_refused_attempt_changes_nothing(world: World) -> None:
    operator = world.operator()
    alert = await pressed(world, world.phone())
    await operator.does(alert, "withdraw-location", REASON, 409)
    shown = await operator.reads(alert)
    assert (shown["status"], shown["answered_by"], shown["consent"]) == ("ringing", None, "given")
    assert await world.value("SELECT count(*) FROM note") == 0


async def test_her_positions_go_at_once_and_none_comes_after(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = await pressed(world, phone)
    for n in range(3):
        world.clock.set_on(1)
        phone.position(lat=PLACE["lat"] + n / 1000)
    await world.until_sql("SELECT count(*) = 4 FROM position")
    await operator.hears(alert, "holder")
    shown = await operator.does(alert, "withdraw-location", REASON, 200)
    assert await kept(world) == 0
    assert shown["position"] is None
    assert shown["trail"] == []
    assert shown["live_until"] is None
    assert shown["withdrawal_to_verify"] is False
    world.clock.set_on(1)
    phone.position()
    await handled(world, phone)
    await phone.press(loc={**PLACE, "tst": world.clock.now().timestamp()})
    assert await kept(world) == 0
    assert "location_refused" in (await operator.reads(alert))["doubts"]
    (raw,) = await world.rows("SELECT raw, raw_key FROM press ORDER BY no DESC LIMIT 1")
    assert b"46.58" not in world.sealer.unwrap(raw["raw_key"]).open(raw["raw"], "press")
    assert (await operator.reads(alert))["consent"] == "refused"


async def test_the_keys_of_what_went_are_erased(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = await pressed(world, phone)
    world.clock.set_on(1)
    phone.position(lat=PLACE["lat"] + 0.001)
    await world.until_sql("SELECT count(*) = 2 FROM position")
    key = await world.value("SELECT key FROM position ORDER BY no DESC LIMIT 1")
    await operator.hears(alert, "holder")
    await operator.does(alert, "withdraw-location", REASON, 200)
    await world.until_sql("SELECT count(*) > 0 FROM journal WHERE kind = 'keys_erased'")
    named = await world.value("SELECT key FROM alert")
    assert key != named
    with pytest.raises(KeyErased):
        world.sealer.unwrap(key)


@pytest.mark.settings(behaviour=BY_HAND)
async def test_the_phone_is_told_to_stop(world: World) -> None:
    phone = world.phone()
    alert = await withdrawn(world, phone)
    await world.until(lambda: [s for s in phone.heard() if s.get("action") == "endAlert"])
    (said,) = [s for s in phone.heard() if s.get("action") == "endAlert"]
    assert said["alert"] == alert
    # The alert itself goes on, with its states.
    await world.operator().decides(alert, "police")
    await world.room.expects("Report")
    await world.until(lambda: "police_told" in phone.states())
    assert "closed" not in phone.states()


async def test_a_further_press_does_not_ask_for_positions_again(world: World) -> None:
    phone = world.phone()
    await withdrawn(world, phone)
    before = len(phone.heard())
    await phone.press()
    await world.advance(1)
    later = [s.get("action") for s in phone.heard()[before:]]
    assert "reportLocation" not in later


@pytest.mark.settings(deadlines=Deadlines(contact=10.0))
async def test_nor_does_silence(world: World) -> None:
    phone = world.phone()
    await withdrawn(world, phone)
    await world.advance(10.5)
    await world.until_sql("SELECT contact_lost_at IS NOT NULL FROM alert")
    await world.until_sql("SELECT count(*) = 0 FROM downlink")
    asked = [s for s in phone.heard() if s.get("action") == "reportLocation"]
    assert len(asked) == 1


async def test_the_next_alert_is_not_located_and_the_journal_knows_who_verified(
    world: World,
) -> None:
    phone, operator = world.phone(), world.operator()
    alert = await withdrawn(world, phone)
    (fact,) = [f for f in await operator.journal(alert) if f["kind"] == "consent_withdrawn"]
    assert (fact["actor"], fact["details"]) == ("op-1", {})
    rows = await world.rows(
        "SELECT c.given, c.recorded_by FROM consent c JOIN assignment a ON a.id = c.assignment_id"
        " WHERE a.device_id = 'tgd-86-01' ORDER BY c.no"
    )
    assert [tuple(row) for row in rows] == [(True, "seed"), (False, "op-1")]
    await operator.decides(alert, "no_danger")
    following = await pressed(world, phone)
    assert (await operator.reads(following))["consent"] == "refused"
    assert await kept(world) == 0
    # What the operator wrote about it is sealed.
    assert await world.value("SELECT count(*) FROM note WHERE text IS NOT NULL") == 1
    journal = await world.rows("SELECT details::text AS text FROM journal")
    assert not any("elle-même" in row["text"] for row in journal)


async def test_a_withdrawal_that_the_register_had_is_written_down_once(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = await pressed(world, phone)
    await refuse_in_register(world)
    await operator.hears(alert, "holder")
    await operator.does(alert, "withdraw-location", REASON, 200)
    count = "SELECT count(*) FROM consent WHERE NOT given AND recorded_by <> 'seed'"
    assert await world.value(count) == 1
    assert await kept(world) == 0


async def test_who_may_verify_it(world: World) -> None:
    operator = world.operator()
    alert = await pressed(world, world.phone())
    await operator.hears(alert, "holder")
    refused = await world.operator("op-2").does(alert, "withdraw-location", REASON, 409)
    assert refused["code"] == "answered_by_another"
    await operator.does(alert, "withdraw-location", {}, 422)
    await operator.does(alert, "withdraw-location", {"reason": " "}, 422)
    for role in ("auditor", "prosecutor", "association", "admin"):
        await world.operator("x", role).does(alert, "withdraw-location", REASON, 403)
    assert await kept(world) == 1
    chief = world.operator("chief", "supervisor")
    await chief.does(alert, "withdraw-location", REASON, 200)
    again = await chief.does(alert, "withdraw-location", REASON, 409)
    assert again["code"] == "not_located"


async def test_nothing_is_withdrawn_from_what_is_closed_or_was_refused(world: World) -> None:
    operator = world.operator()
    refused = await pressed(world, world.phone("tgd-86-08"))
    await operator.hears(refused, "holder")
    answer = await operator.does(refused, "withdraw-location", REASON, 409)
    assert answer["code"] == "not_located"
    alert = await pressed(world, world.phone())
    await operator.hears(alert, "holder")
    await operator.decides(alert, "no_danger")
    answer = await operator.does(alert, "withdraw-location", REASON, 409)
    assert answer["code"] == "closed"
    nowhere = "00000000-0000-4000-8000-000000000000"
    await operator.does(nowhere, "withdraw-location", REASON, 404)


async def test_an_unknown_phone_may_be_left_alone_too(world: World) -> None:
    alert = await withdrawn(world, world.phone("stranger-1"))
    assert (await world.operator().reads(alert))["consent"] == "refused"
    assert await kept(world) == 0


async def test_two_at_once_do_it_once(world: World) -> None:
    """Two windows of one operator, or two servers: one does it, the other is told so."""
    operator = world.operator()
    alert = await pressed(world, world.phone())
    await operator.hears(alert, "holder")
    token = await world.token("operator", "op-1")
    url = f"{world.base}/api/v1/alerts/{alert}/withdraw-location"

    async def once() -> int:
        headers = {"Authorization": f"Bearer {token}"}
        async with world.http.post(url, json=REASON, headers=headers) as response:
            return response.status

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(once()) for _ in range(4)]
    assert sorted(task.result() for task in tasks) == [200, 409, 409, 409]
    facts = [f for f in await operator.journal(alert) if f["kind"] == "consent_withdrawn"]
    assert len(facts) == 1


@pytest.mark.settings(deadlines=PATIENT)
async def test_under_coercion_it_is_not_taken_as_her_own(world: World) -> None:
    await world.owner(
        "UPDATE beneficiary SET all_clear_word = $1", world.sealer.seal(b"tournesol", WORD_ABOUT)
    )
    operator = world.operator()
    alert = await pressed(world, world.phone())
    await operator.hears(alert, "holder")
    await operator.decides(alert, "no_danger", all_clear_word="coquelicot")
    await world.room.expects("Report")
    refused = await operator.does(alert, "withdraw-location", REASON, 409)
    assert refused["code"] == "coerced"
    assert await kept(world) == 1


# ── What is left of where she is ────────────────────────────────────────────────────


@pytest.mark.settings(deadlines=PATIENT)
async def test_declared_places_are_what_is_left(world: World) -> None:
    await three_rooms(world)
    await in_force(world)
    await declare(world, ("home", IN_NORTH))
    world.room.forgives()
    phone, operator = world.phone(), world.operator()
    at = world.clock.now().timestamp()
    alert = (await phone.press(loc={**IN_SOUTH, "tst": at})).alert
    await operator.hears(alert, "holder")
    shown = await operator.does(alert, "withdraw-location", REASON, 200)
    assert [(r["room"], r["why"]) for r in shown["rooms"]] == [("corg86", "declared_place")]
    (place,) = shown["places"]
    assert (place["kind"], place["touched"], place["distance_m"]) == ("home", False, None)
    assert shown["address"] is None
    await operator.decides(alert, "police")
    assert [d["room"] for d in (await operator.reads(alert))["dispatches"]] == ["corg86"]
    await world.until(lambda: world.room.told)
    assert world.room.told[0].case.location.geometry is None
    assert "refusée" in world.room.told[0].case.location.freetext


async def test_a_new_alert_in_its_place_is_not_located_either(world: World) -> None:
    phone, operator = world.phone(), world.operator()
    alert = await withdrawn(world, phone)
    await operator.decides(alert, "no_danger")
    again = await operator.decides(alert, "police", 201)
    await world.room.expects("Report", alert=again["id"])
    assert (again["consent"], again["position"]) == ("refused", None)
    phone.position()
    await handled(world, phone)
    assert await kept(world) == 0


async def test_the_schema_itself_has_no_place_for_her(world: World) -> None:
    alert = await withdrawn(world, world.phone())
    insert = (
        "INSERT INTO position (alert_id, fix, key, fixed_at, received_at)"
        " VALUES ($1::text::uuid, 'x', 'x', now(), now())"
    )
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await world.owner(insert, alert)
    with pytest.raises(asyncpg.CheckViolationError):
        await world.owner(
            insert.replace("(alert_id,", "(located, alert_id,").replace(
                "VALUES (", "VALUES (false, "
            ),
            alert,
        )
    # Nor can the consent be taken back while there is one.
    other = await pressed(world, world.phone("tgd-86-02"))
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await world.owner(
            "UPDATE alert SET consent = 'refused', located = false WHERE id = $1::text::uuid", other
        )
    with pytest.raises(asyncpg.CheckViolationError):
        await world.owner("UPDATE alert SET consent = 'refused' WHERE id = $1::text::uuid", other)
