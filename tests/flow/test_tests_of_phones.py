"""What a test proves of a phone, who may know of its word, and when it no longer counts."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from world import PLACE, World

from tgd.platform.dossier import WORD_ABOUT
from tgd.store import phone_tests

WORD, WRONG = "tournesol", "coquelicot"
DAY = 24 * 3600.0


async def agree(world: World, *devices: str) -> None:
    """The holders of these phones have agreed on a word."""
    await world.owner(
        "UPDATE beneficiary SET all_clear_word = $1 WHERE id IN"
        " (SELECT beneficiary_id FROM assignment WHERE device_id = ANY ($2))",
        *(world.sealer.seal(WORD.encode(), WORD_ABOUT), list(devices)),
    )


async def kept(world: World) -> list[dict[str, Any]]:
    """Every row, once each is what its alert says: of no other alert is there one that counts."""
    odd = await world.rows(
        "SELECT a.id, a.verdict, t.no FROM alert a"
        " FULL JOIN (SELECT * FROM phone_test WHERE voided_at IS NULL) t ON t.alert_id = a.id"
        " WHERE (t.no IS NOT NULL) <> (a.verdict = 'test' AND a.known AND NOT a.coerced"
        "   AND NOT EXISTS (SELECT FROM alert f WHERE f.follows = a.id AND f.presses = 0))"
        " AND NOT EXISTS (SELECT FROM phone_test v"
        "   WHERE v.alert_id = a.id AND v.voided_for <> a.id)"
    )
    assert odd == []
    return [dict(row) for row in await world.rows("SELECT * FROM phone_test ORDER BY no")]


async def tries(world: World, device: str = "tgd-86-01", **more: str) -> dict[str, Any]:
    """She presses, is heard, and an operator decides that it was a test."""
    operator = world.operator()
    press = await world.phone(device).press()
    await operator.hears(press.alert, "holder")
    return await operator.decides(press.alert, "test", **more)


# ── What is kept ────────────────────────────────────────────────────────────────────


async def test_a_test_is_kept_with_what_it_has_proved(world: World) -> None:
    operator, phone = world.operator(), world.phone()
    phone.heartbeat()
    await world.until_sql("SELECT count(*) = 1 FROM device_health WHERE conn = 'm'")
    at = world.clock.now()
    press = await phone.press(loc=PLACE, batt=63)
    assert (await operator.reads(press.alert))["last_test"] is None
    world.clock.set_on(4)
    await operator.answers(press.alert)
    world.clock.set_on(6)
    await operator.hears(press.alert, "holder")
    world.clock.set_on(9)
    shown = await operator.decides(press.alert, "test")
    (test,) = await kept(world)
    assert (str(test["alert_id"]), str(test["press_id"])) == (press.alert, press.id)
    assert test["assignment_id"] == await world.value(
        "SELECT id FROM assignment WHERE device_id = 'tgd-86-01'"
    )
    legs = ("pressed_at", "received_at", "answered_at", "heard_at", "decided_at")
    assert [round((test[leg] - at).total_seconds(), 1) for leg in legs] == [0, 0, 4, 10, 19]
    said = {name: test[name] for name in ("kind", "device_id", "decided_by", "paths", "presses")}
    assert said == {
        "kind": "fortnightly",
        "device_id": "tgd-86-01",
        "decided_by": "op-1",
        "paths": ["mqtt"],
        "presses": 1,
    }
    assert (test["located"], test["radius"], test["batt"]) == ("yes", "to_50_m", 63)
    assert (test["word"], test["radio"], test["radio_at"]) == ("none_agreed", "m", at)
    assert shown["last_test"] == {
        "at": shown["verdict_at"],
        "by": "op-1",
        "kind": "fortnightly",
        "paths": ["mqtt"],
        "located": "yes",
        "radius": "to_50_m",
        "batt": 63,
    }
    # The same verdict once more is the same test.
    await operator.decides(press.alert, "test")
    assert len(await kept(world)) == 1


@pytest.mark.parametrize(
    ("device", "loc", "expected"),
    [
        ("tgd-86-08", PLACE, ("refused", None)),
        ("tgd-86-01", None, ("no", None)),
        ("tgd-86-01", PLACE | {"acc": 900.0}, ("yes", "beyond")),
    ],
)
async def test_how_well_it_said_where_it_was_and_never_where(
    world: World, device: str, loc: dict[str, object] | None, expected: tuple[str, str | None]
) -> None:
    operator = world.operator()
    press = await world.phone(device).press(loc=loc)
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "test")
    (test,) = await kept(world)
    assert (test["located"], test["radius"]) == expected


async def test_an_old_fix_proves_nothing_of_now(world: World) -> None:
    old = world.clock.now().timestamp() - 600
    operator = world.operator()
    press = await world.phone().press(loc=PLACE | {"tst": old})
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "test")
    (test,) = await kept(world)
    assert test["located"] == "stale"


@pytest.mark.parametrize("verdict", ["no_danger", "accidental"])
async def test_only_a_test_is_one(world: World, verdict: str) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await operator.hears(press.alert, "holder")
    shown = await operator.decides(press.alert, verdict)
    assert (shown["last_test"], await kept(world)) == (None, [])


async def test_a_phone_that_nobody_knows_passes_no_test(world: World) -> None:
    shown = await tries(world, "stranger-1")
    assert (shown["verdict"], shown["last_test"], await kept(world)) == ("test", None, [])


async def test_another_holder_s_test_is_not_hers_and_a_renewal_takes_none_away(
    world: World,
) -> None:
    await tries(world)
    ends = (
        "UPDATE assignment SET ended_at = $1, returned_at = $1"
        " WHERE device_id = 'tgd-86-01' AND ended_at IS NULL"
    )
    begins = (
        "INSERT INTO assignment (device_id, beneficiary_id, starts_at, ends_at)"
        " SELECT 'tgd-86-01', {}, $1::timestamptz, $1 + interval '6 months'"
        " FROM assignment WHERE device_id = 'tgd-86-01' LIMIT 1"
    )
    world.clock.set_on(60)
    await world.owner(ends, world.clock.now())
    await world.owner(begins.format("beneficiary_id"), world.clock.now())
    operator = world.operator()
    press = await world.phone().press()
    assert (await operator.reads(press.alert))["last_test"] is not None  # hers, renewed
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "accidental")
    world.clock.set_on(60)
    await world.owner(ends, world.clock.now())
    await world.owner(
        "INSERT INTO beneficiary (id, label) VALUES ($1, 'Bénéficiaire 86-99')", (other := "9" * 32)
    )
    await world.owner(begins.format(f"'{other}'::uuid"), world.clock.now())
    press = await world.phone().press()
    assert (await operator.reads(press.alert))["last_test"] is None


# ── A test that becomes police ──────────────────────────────────────────────────────


async def voided(world: World, alert: str) -> dict[str, Any]:
    """The alert's test, void, and its entry in the journal."""
    (test,) = [one for one in await kept(world) if str(one["alert_id"]) == alert]
    (entry,) = [e for e in await world.operator().journal(alert) if e["kind"] == "test_voided"]
    assert entry["actor"] == test["voided_by"]
    assert entry["details"] == {"alert": str(test["voided_for"])}
    return test


async def test_police_on_a_closed_test_voids_it(world: World) -> None:
    first = await tries(world)
    world.clock.set_on(DAY)
    second = await tries(world)
    assert second["last_test"]["at"] == second["verdict_at"]
    world.clock.set_on(30)
    chief = world.operator("chief", "supervisor")
    new = await chief.does(second["id"], "decision", {"verdict": "police"}, 201)
    await world.room.expects("Report", alert=new["id"])
    test = await voided(world, second["id"])
    assert (test["voided_by"], str(test["voided_for"])) == ("chief", new["id"])
    assert test["voided_at"] == world.clock.now()
    # What counts is the one before.
    assert new["last_test"]["at"] == first["verdict_at"]
    await chief.does(second["id"], "decision", {"verdict": "police"}, 200)
    assert len(await kept(world)) == 2


async def test_police_on_a_closed_test_voids_it_also_where_another_alert_is_open(
    world: World,
) -> None:
    operator = world.operator()
    first = await tries(world)
    world.clock.set_on(1)
    further = await world.phone().press()
    assert (await operator.reads(further.alert))["last_test"] is not None
    await operator.does(first["id"], "decision", {"verdict": "police"}, 200)
    await world.room.expects("Report", alert=further.alert)
    assert str((await voided(world, first["id"]))["voided_for"]) == further.alert


async def test_an_alert_of_its_own_voids_no_test_before_it(world: World) -> None:
    first = await tries(world)
    world.clock.set_on(DAY)
    press = await world.phone().press()
    shown = await world.operator().decides(press.alert, "police")
    await world.room.expects("Report")
    assert (shown["follows"], shown["last_test"]["at"]) == (first["id"], first["verdict_at"])


async def test_police_after_an_informing_test_voids_it(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await world.advance(20.1)
    await world.room.expects("Report")
    await operator.hears(press.alert, "holder")
    assert (await operator.decides(press.alert, "test"))["last_test"] is not None
    await world.room.expects("Update", text="la salle décide")
    world.clock.set_on(3)
    shown = await operator.decides(press.alert, "police")
    await world.room.expects("Update")
    assert shown["last_test"] is None
    assert str((await voided(world, press.alert))["voided_for"]) == press.alert


async def test_a_press_after_an_informing_test_voids_it(world: World) -> None:
    operator = world.operator()
    press = await world.phone().press()
    await world.advance(20.1)
    await world.room.expects("Report")
    await operator.hears(press.alert, "holder")
    await operator.decides(press.alert, "test")
    await world.room.expects("Update", text="la salle décide")
    await world.phone().press()
    await world.advance(1)
    await world.room.expects("Update")
    assert (await operator.reads(press.alert))["last_test"] is None
    await voided(world, press.alert)
    # Heard once more, it may have been a test after all.
    await operator.hears(press.alert, "holder")
    assert (await operator.decides(press.alert, "test"))["last_test"] is not None
    await world.room.expects("Update")


async def test_the_server_can_void_a_test_and_change_nothing_else_of_it(world: World) -> None:
    await tries(world)
    async with world.database.connection() as connection:
        for column in ("word = 'given'", "decided_at = now()", "assignment_id = NULL"):
            statement = f"UPDATE phone_test SET {column}"  # noqa: S608  columns of this test
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


async def test_a_hand_over_rests_on_a_test_that_counts(world: World) -> None:
    shown = await tries(world, "tgd-86-01")
    other = await tries(world, "tgd-86-02")
    of_her = "SELECT id FROM assignment WHERE device_id = 'tgd-86-01'"
    assignment, press = await world.value(of_her), UUID(shown["last_press"])
    async with world.database.connection() as connection:
        assert not await phone_tests.handed_over(connection, assignment, UUID(other["last_press"]))
        assert await phone_tests.handed_over(connection, assignment, press)
    assert [one["kind"] for one in await kept(world)] == ["handover", "fortnightly"]
    assert (await world.operator().reads(shown["id"]))["last_test"]["kind"] == "handover"
    new = await world.operator().does(shown["id"], "decision", {"verdict": "police"}, 201)
    await world.room.expects("Report", alert=new["id"])
    async with world.database.connection() as connection:
        assert not await phone_tests.handed_over(connection, assignment, press)


# ── The word ────────────────────────────────────────────────────────────────────────

OWN = {"id", "case_id", "device", "beneficiary", "presses", "last_press", "follows"}
"""What differs between any two alerts."""


def comparable(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name not in OWN}


async def test_whether_a_word_was_agreed_and_rehearsed_is_in_no_answer(world: World) -> None:
    await agree(world, "tgd-86-01")
    agreed = await tries(world, "tgd-86-01", all_clear_word=WORD)
    none = await tries(world, "tgd-86-02", all_clear_word="n'importe quoi")
    assert comparable(agreed) == comparable(none)
    journals = [await world.operator().journal(one["id"]) for one in (agreed, none)]
    shapes = [
        [(e["kind"], e["actor"], sorted(e["details"])) for e in one if e["kind"] != "erased"]
        for one in journals
    ]
    assert shapes[0] == shapes[1]
    assert [one["word"] for one in await kept(world)] == ["given", "none_agreed"]


@pytest.mark.parametrize("given", [WRONG, "", None])
async def test_a_test_without_the_right_word_is_none(world: World, given: str | None) -> None:
    await agree(world, "tgd-86-01", "tgd-86-02")
    before = await tries(world, "tgd-86-01", all_clear_word=WORD)
    world.clock.set_on(DAY)
    right = await tries(world, "tgd-86-02", all_clear_word=WORD)
    more = {} if given is None else {"all_clear_word": given}
    wrong = await tries(world, "tgd-86-01", **more)
    await world.room.expects("Report", alert=wrong["id"], text="contrainte")
    assert wrong["last_test"]["at"] == before["verdict_at"]
    # The answer says what the protocol says, with the same fields, and nothing of a word.
    told = {"status", "verdict", "verdict_by", "reason", "police_at", "rings"}
    told |= {"closed_at", "closed_by", "deadlines", "dispatches", "tasks", "last_test"}
    one, other = comparable(right), comparable(wrong)
    assert set(one) == set(other)
    assert {name for name in one if one[name] != other[name]} <= told
    # Who finds the word later has not rehearsed it.
    await world.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    later = await world.operator().decides(wrong["id"], "test", all_clear_word=WORD)
    assert later["verdict"] == "test"
    await world.room.expects("Update", alert=wrong["id"])
    assert later["last_test"]["at"] == before["verdict_at"]
    assert [one["word"] for one in await kept(world)] == ["given", "given"]


async def test_no_word_is_written_anywhere(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await agree(world, "tgd-86-01", "tgd-86-02")
    await tries(world, "tgd-86-01", all_clear_word=WORD)
    wrong = await tries(world, "tgd-86-02", all_clear_word=WRONG)
    await world.room.expects("Report", alert=wrong["id"])
    tables = await world.rows("SELECT relname FROM pg_class WHERE relkind = 'r'"
                              " AND relnamespace = 'public'::regnamespace")  # fmt: skip
    assert len(tables) > 20
    whole = "SELECT coalesce(string_agg(t::text, ' '), '') FROM {} t"
    told = [await world.value(whole.format(row["relname"])) for row in tables]
    operator = world.operator()
    told += [json.dumps(await operator.journal(wrong["id"])), json.dumps(await operator.list())]
    chief = world.operator("chief", "supervisor")
    report = await chief.call("GET", f"alerts/{wrong['id']}/report", None, 200)
    figures = await chief.call("GET", "statistics", None, 200)
    async with world.http.get(f"{world.base}/metrics") as response:
        told += [await response.text(), json.dumps(report), json.dumps(figures), caplog.text]
    for text in told:
        assert WORD not in text
        assert WRONG not in text
        assert WORD.encode().hex() not in text
        assert WRONG.encode().hex() not in text


async def test_the_figures_count_a_coerced_verdict_as_the_decision_that_it_was(
    world: World,
) -> None:
    async def decisions() -> float:
        return (
            world.app.metrics.registry.get_sample_value("tgd_answer_to_decision_seconds_count")
            or 0.0
        )

    await agree(world, "tgd-86-01", "tgd-86-02")
    await tries(world, "tgd-86-01", all_clear_word=WORD)
    assert await decisions() == 1
    await tries(world, "tgd-86-02", all_clear_word=WRONG)
    assert await decisions() == 2
    await world.room.expects("Report")


# ── How many are tested ─────────────────────────────────────────────────────────────


async def test_the_phones_tested_of_late_are_counted(world: World) -> None:
    async def counted() -> list[float | None]:
        await world.app.fortnight.count()
        value = world.app.metrics.registry.get_sample_value
        return [
            value("tgd_phones_assigned"),
            value("tgd_phones_tested", {"days": "15"}),
            value("tgd_phones_tested", {"days": "21"}),
            value("tgd_phones_never_tested"),
        ]

    assert await counted() == [8, 0, 0, 8]
    first = await tries(world)
    await tries(world, "tgd-86-02")
    await tries(world, "stranger-1")
    assert await counted() == [8, 2, 2, 6]
    # A clock of its own: nothing but the counting looks at these days.
    row = "UPDATE phone_test SET decided_at = decided_at - $1::interval WHERE alert_id = $2"
    await world.owner(row, timedelta(days=16), first["id"])
    assert await counted() == [8, 1, 2, 6]
    await world.owner(row, timedelta(days=6), first["id"])
    assert await counted() == [8, 1, 1, 6]
    new = await world.operator().does(first["id"], "decision", {"verdict": "police"}, 201)
    await world.room.expects("Report", alert=new["id"])
    assert await counted() == [8, 1, 1, 7]
