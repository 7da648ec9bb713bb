"""What is kept goes when its term is over: to the minute, with its keys, and whatever happens."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from erasing import DAY, MINUTE, NOTE, Case, case, gone, later, named
from world import PLACE, World

from tgd.devices.messages import Press
from tgd.keys import KeysNotErased, KeyStore
from tgd.platform import places
from tgd.platform.flow.forget import Forget, NotForgotten
from tgd.platform.places import Place
from tgd.seal import KeyErased
from tgd.segments import SECRET
from tgd.store import outbox
from tgd.store import places as place_rows
from tgd.store.db import Database

ALL = Counter(position=2, press=1, message=1, note=1)
HOUR = 60 * MINUTE
REPORTS = "SELECT count(*) FROM envelope WHERE purpose = 'report' AND content IS NOT NULL"


async def whole(world: World, device: str = "tgd-86-01") -> Case:
    """An alert that ended with the police: a press, two positions, a report and a note."""
    made = await case(world, device)
    world.clock.set_on(MINUTE)
    await made.located()
    await made.to_the_police()
    # An Update of her position may or may not have been sent: it is other tests' matter.
    await world.owner("UPDATE envelope SET content = NULL WHERE purpose <> 'report'")
    assert await made.kept() == ALL
    return made


# ── The terms ───────────────────────────────────────────────────────────────────────


async def test_all_of_it_goes_three_days_after_it_was_recorded(world: World) -> None:
    one = await whole(world)
    keys = await named(world)
    await later(world, one.opened_at, 3 * DAY - 10 * MINUTE - 1)
    assert await one.kept() == ALL
    assert gone(world, keys) == set()
    done = await later(world, one.opened_at, 3 * DAY)
    assert await one.kept() == Counter()
    assert await named(world) == set()
    assert gone(world, keys) == keys
    assert done.alerts <= 1  # the server's own look may have been the faster one
    erased = {"positions": 2, "presses": 1, "messages": 1, "notes": 1}
    (entry,) = await one.journal("erased")
    assert entry["details"] == {**erased, "left": 0, "days": 3}
    (keys_erased,) = await world.rows("SELECT details FROM journal WHERE kind = 'keys_erased'")
    assert keys_erased["details"] == {"keys": len(keys), "in_backups": 0}


async def test_what_is_due_ten_minutes_later_goes_with_it_and_no_more(world: World) -> None:
    one = await case(world)
    world.clock.set_on(10 * MINUTE)
    await one.located()
    world.clock.set_on(1)
    await one.located()
    await one.ends()
    await later(world, one.opened_at, 3 * DAY)
    assert await one.kept() == Counter(position=1)
    (entry,) = await one.journal("erased")
    assert entry["details"]["left"] == 1
    await later(world, one.opened_at, 3 * DAY + 10 * MINUTE + 1)
    assert await one.kept() == Counter()


async def test_eight_days_where_a_magistrate_has_authorised_it(world: World) -> None:
    one = await whole(world)
    await world.app.forget.authorise(one.id, "sup-1", "Procureure de permanence")
    await later(world, one.opened_at, 8 * DAY - 10 * MINUTE - 1)
    assert await one.kept() == ALL
    assert await one.reads_notes() == [NOTE]
    await later(world, one.opened_at, 8 * DAY)
    assert await one.kept() == Counter()
    (entry,) = await one.journal("erased")
    assert entry["details"]["days"] == 8


async def test_nothing_goes_while_it_is_held_and_at_once_when_it_is_not(world: World) -> None:
    one, keys = await whole(world), await named(world)
    await world.app.forget.hold(one.id, "parquet86", "PV 2030/118")
    await later(world, one.opened_at, 400 * DAY)
    assert await one.kept() == ALL
    assert await one.reads_notes() == [NOTE]
    await world.app.forget.hold(one.id, "parquet86", None)
    assert await one.kept() == Counter()
    await world.app.forget.look()
    assert gone(world, keys) == keys


async def test_a_hold_that_ends_before_the_term_ends_nothing(world: World) -> None:
    one = await whole(world)
    await world.app.forget.hold(one.id, "parquet86", "PV 2030/118")
    await later(world, one.opened_at, DAY)
    await world.app.forget.hold(one.id, "parquet86", None)
    await later(world, one.opened_at, 3 * DAY - 10 * MINUTE - 1)
    assert await one.kept() == ALL
    await later(world, one.opened_at, 3 * DAY)
    assert await one.kept() == Counter()


@pytest.mark.parametrize("verdict", ["test", "accidental"])
async def test_of_a_test_or_a_mistake_only_notes_outlast_the_closing(
    world: World, verdict: str
) -> None:
    one, keys = await case(world), await named(world)
    await one.located()
    await one.ends(verdict)
    assert (await one.kept())["position"] == 0  # in the same transaction
    await world.app.forget.look()
    assert await one.kept() == Counter(note=1)
    assert await one.reads_notes() == [NOTE]
    assert gone(world, keys) == keys
    assert await one.erased() == Counter(positions=2, presses=1)
    await later(world, one.opened_at, 3 * DAY - 10 * MINUTE - 1)
    assert await one.reads_notes() == [NOTE]
    await later(world, one.opened_at, 3 * DAY)
    assert await one.kept() == Counter()
    assert await named(world) == set()
    await one.noted(409)


async def test_of_a_test_that_went_to_the_police_the_message_goes_too(world: World) -> None:
    one = await case(world)
    await one.to_the_police(closed=False)
    await one.ends("test")
    await world.until_sql(
        "SELECT bool_and(acknowledged_at IS NOT NULL) AND NOT EXISTS"
        " (SELECT FROM envelope WHERE state IN ('waiting', 'sending')) FROM dispatch"
    )
    await world.operator().closes(one.alert)
    await world.app.forget.look()
    assert await one.kept() == Counter(note=1)


async def test_an_operator_s_verdict_takes_nothing_from_a_criminal_case(world: World) -> None:
    one = await case(world)
    await one.to_the_police(closed=False)
    await world.app.forget.hold(one.id, "parquet86", "PV 2030/118")
    await one.ends("test")
    await world.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    await world.operator().closes(one.alert)
    await later(world, one.opened_at, 30 * DAY)
    assert await one.hers() == Counter(position=1, press=1, note=1)
    assert await one.reads_presses() == await world.value("SELECT ARRAY[id::text] FROM press")
    await world.app.forget.hold(one.id, "parquet86", None)
    assert await one.kept() == Counter()


# ── What is recorded later ──────────────────────────────────────────────────────────


async def test_a_further_press_and_what_came_with_it_keep_their_own_three_days(
    world: World,
) -> None:
    one = await case(world)
    first = await named(world)
    world.clock.set_on(HOUR)
    at = world.clock.now()
    again = await one.phone.press(loc={**PLACE, "tst": at.timestamp()})
    await one.located()
    await one.noted()
    await one.ends()
    await later(world, one.opened_at, 3 * DAY)
    assert await one.kept() == Counter(position=2, press=1, note=1)
    assert gone(world, first) == first
    assert await one.reads_presses() == [again.id]
    assert await one.reads_notes() == [NOTE]
    place = (await world.operator().reads(one.alert))["position"]
    assert place["lat"] == pytest.approx(PLACE["lat"])
    keys = await named(world)
    await later(world, at, 3 * DAY)
    assert await one.kept() == Counter()
    assert gone(world, keys) == keys
    erased = Counter(positions=3, presses=2, notes=2)
    assert await one.erased() == erased


async def test_an_alert_that_stays_open_for_days_goes_on_working(world: World) -> None:
    one, operator = await case(world), world.operator()
    await one.to_the_police(closed=False)
    for day in (3, 6, 9):
        await later(world, one.opened_at, day * DAY + HOUR * day)
        assert await one.hers() == Counter()
        world.clock.set_on(11 * MINUTE)
        again = await one.phone.press()
        assert again.alert == one.alert
        await one.located()
        await one.noted()
        assert await one.reads_notes() == [NOTE]
        assert await one.reads_presses() == [again.id]
        assert (await operator.reads(one.alert))["position"]["age_s"] < MINUTE
        await one.acknowledged()  # the rooms are told of each further press
    assert await world.value("SELECT count(*) FROM envelope WHERE purpose = 'press'") == 3
    await operator.closes(one.alert)
    keys = await named(world)
    await later(world, world.clock.now(), 3 * DAY)
    assert await one.kept() == Counter()
    assert gone(world, keys) == keys


async def test_a_message_that_no_room_took_for_days_is_still_sent(world: World) -> None:
    one = await case(world)
    await world.room.stop()  # its line is away
    await world.operator().decides(one.alert, "police")
    await world.until_sql("SELECT count(*) > 0 FROM envelope WHERE content IS NOT NULL")
    await later(world, one.opened_at, 3 * DAY + HOUR)
    assert await one.hers() == Counter()
    before = len(world.room.told)
    await world.room.start()
    for _ in range(3):
        await world.advance(2)
    await world.until(lambda: len(world.room.told) > before, "nothing is sent any more")


async def test_what_is_sealed_under_a_former_key_is_not_kept(world: World) -> None:
    one = await case(world)
    await world.room.stop()
    await world.operator().decides(one.alert, "police")
    await world.until_sql("SELECT count(*) > 0 FROM envelope WHERE content IS NOT NULL")
    await world.owner(  # nobody else keeps it meanwhile
        "UPDATE envelope SET content = NULL, state = 'waiting', lease_until = NULL,"
        " next_at = next_at + interval '1 day'"
    )
    query = "SELECT e.id, a.id AS alert, a.key FROM envelope e JOIN alert a ON a.id = e.alert_id"
    row = (await world.rows(query))[0]
    async with world.database.connection() as connection:
        for key, kept in ((b"a former one", None), (row["key"], b"sealed")):
            await outbox.keep_contents(connection, [(row["id"], b"sealed")], {row["alert"]: key})
            found = await world.rows("SELECT content FROM envelope WHERE id = $1", row["id"])
            assert [each["content"] for each in found] == [kept]


async def test_what_a_follow_up_brings_along_keeps_its_term(world: World) -> None:
    one = await case(world)
    await one.ends()
    await later(world, one.opened_at, 2 * DAY)
    new = await world.operator().does(one.alert, "decision", {"verdict": "police"}, 201)
    two = Case(world, one.phone, new["id"], world.clock.now())
    await two.noted()
    await two.acknowledged()
    assert (await two.kept())["position"] == 1
    assert new["position"]["lat"] == pytest.approx(PLACE["lat"])
    await later(world, one.opened_at, 3 * DAY - 10 * MINUTE - 1)
    assert (await two.kept())["position"] == 1
    assert await world.value(REPORTS) == 1
    keys = await named(world)
    await later(world, one.opened_at, 3 * DAY)
    assert await one.kept() == Counter()
    assert await world.value(REPORTS) == 0  # a day old, and it told that position
    assert await two.hers() == Counter(note=1)
    assert await two.reads_notes() == [NOTE]
    assert keys & await named(world) == set()
    assert gone(world, keys) == keys
    await two.noted()
    assert (await world.operator().reads(two.alert))["status"] == "police"


# ── Whose alert it is ───────────────────────────────────────────────────────────────


async def test_without_consent_the_raw_press_goes_on_the_same_terms(world: World) -> None:
    one = await case(world, "tgd-86-08")
    await one.ends()
    assert await one.kept() == Counter(press=1, note=1)
    await later(world, one.opened_at, 3 * DAY - 10 * MINUTE - 1)
    assert await one.kept() == Counter(press=1, note=1)
    await later(world, one.opened_at, 3 * DAY)
    assert await one.kept() == Counter()


@pytest.mark.settings(unknown_per_minute=1)
async def test_the_alert_that_unknown_phones_share(world: World) -> None:
    one, shared = await case(world, "stranger-1"), await case(world, "stranger-2")
    at = shared.opened_at
    world.clock.set_on(HOUR)
    two, more = await case(world, "stranger-3"), await case(world, "stranger-4")
    assert more.alert == shared.alert not in {one.alert, two.alert}
    await later(world, at, 3 * DAY)
    assert await one.hers() == Counter()
    assert await shared.hers() == await two.hers() == Counter(position=1, press=1, note=1)
    assert await shared.reads_notes() == [NOTE]
    assert len(await shared.reads_presses()) == 1
    await later(world, more.opened_at, 3 * DAY)
    assert await shared.hers() == await two.hers() == Counter()
    assert await world.value("SELECT count(*) FROM press WHERE raw IS NOT NULL") == 0


def broken_logic(_press: Press, _now: object) -> Any:
    raise RuntimeError("the alert logic fails")


@pytest.mark.expects_errors
@pytest.mark.settings(options={"opening": broken_logic})
async def test_a_rescued_alert(world: World) -> None:
    world.room.forgives()
    at, phone = world.clock.now(), world.phone()
    message = phone.message(loc={**PLACE, "tst": at.timestamp()})
    phone.send("press", json.dumps(message).encode())
    await world.until_sql("SELECT count(*) = 1 FROM press")
    await world.stop_server()
    world.clock.set_on(5 * HOUR)
    await world.start_server()
    await world.advance(2)
    await world.app.rescue.look()  # its own loop may have looked before the clock was set on
    await world.until_sql("SELECT count(*) = 1 FROM alert WHERE rescued")
    one = Case(world, phone, str(await world.value("SELECT id FROM alert")), at)
    await one.noted()
    assert await one.kept() == Counter(press=1, note=1)
    await later(world, at, 3 * DAY)
    assert await one.hers() == Counter(note=1)  # hours younger
    assert await one.reads_notes() == [NOTE]


async def test_a_withdrawal_takes_positions_and_their_keys_at_once(world: World) -> None:
    one, operator = await case(world), world.operator()
    await one.located()
    (live,) = await world.rows("SELECT key FROM position WHERE press_no IS NULL")
    await operator.hears(one.alert, "holder")
    await operator.does(one.alert, "withdraw-location", {"reason": "sa demande"}, 200)
    assert await one.kept() == Counter(press=1, note=2)
    await world.app.forget.look()
    assert gone(world, {live["key"]}) == {live["key"]}
    assert await one.reads_notes() == [NOTE, "sa demande"]
    assert await one.erased() == Counter(positions=2)


# ── What could be guessed ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("named", [True, False], ids=["with an id", "without"])
async def test_no_digest_gives_the_bytes_to_whoever_tries_them_all(
    world: World, named: bool
) -> None:
    """All but the coordinates is in clear: their plain digest would be as good as they are."""
    world.room.forgives()
    phone, at = world.phone(), world.clock.now()
    message = phone.message(loc={**PLACE, "tst": at.timestamp()})
    if not named:
        del message["id"]
    raw = json.dumps(message).encode()
    await phone.press_raw(raw)
    (row,) = await world.rows("SELECT press::text AS row, digest FROM press")
    assert hashlib.sha256(raw).hexdigest() not in row["row"]
    await later(world, at, 3 * DAY)
    assert await world.value("SELECT digest FROM press") != row["digest"]


# ── Her file ──────────────────────────────────────────────────────────────────────────


async def with_a_place(world: World, device: str) -> bytes:
    """The holder of the phone has a known place; the name of her file's key."""
    async with world.database.transaction() as transaction:
        her = (await place_rows.holders(transaction, [device]))[device]
        assert her is not None
        home = Place("home", "Domicile fictif", None, 46.58, 0.34, 100.0, None)
        await places.replace(transaction, world.app.sealer, her, [home], world.clock.now())
        return await place_rows.hold_key(transaction, her) or b""


TESTED = """
WITH opened AS (
    INSERT INTO alert (case_id, device, reply_to, known, assignment_id, consent, located, listen,
                       plan, opened_at, pressed_at, last_press_id, last_press_at, status,
                       answered_at, answered_by, holder_heard_at, verdict, verdict_by, verdict_at,
                       closed_at, closed_by)
    SELECT next_case_id($2), s.device_id, s.device_id, true, s.id, 'refused', false, 'none',
           '{}', $2, $2, gen_random_uuid(), $2, 'closed',
           $2, 'op-1', $2, 'test', 'op-1', $2, $2, 'op-1'
    FROM assignment s WHERE s.device_id = $1 ORDER BY s.ended_at NULLS LAST LIMIT 1 RETURNING *)
INSERT INTO phone_test (kind, alert_id, device_id, assignment_id, beneficiary_id,
                        press_id, presses, paths,
                        pressed_at, received_at, answered_at, heard_at, decided_at, decided_by)
SELECT 'fortnightly', id, device, assignment_id,
       (SELECT beneficiary_id FROM assignment s WHERE s.id = opened.assignment_id),
       last_press_id, 1, '{mqtt}',
       $2, $2, $2, $2, $2, 'op-1'
FROM opened
"""


async def test_her_file_goes_when_the_phone_is_back(world: World) -> None:
    at = world.clock.now()
    back, again, _ = keys = [await with_a_place(world, f"tgd-86-0{n}") for n in (1, 2, 3)]
    file = world.app.sealer.new_key().wrapped
    await world.owner(
        "INSERT INTO person_file SELECT beneficiary_id, 'sealed', $1, $2 FROM assignment"
        " WHERE device_id = 'tgd-86-01'",
        *(file, at),
    )
    for device in ("tgd-86-01", "tgd-86-02"):
        await world.owner(
            "UPDATE assignment SET ended_at = $2, returned_at = $2 WHERE device_id = $1", device, at
        )
    await world.owner(  # one of them has been given another phone since
        "INSERT INTO assignment (device_id, beneficiary_id, starts_at, ends_at)"
        " SELECT 'tgd-86-01', beneficiary_id, $1::timestamptz, $1 + interval '6 months'"
        " FROM assignment WHERE device_id = 'tgd-86-02'",
        at,
    )
    for device in ("tgd-86-01", "tgd-86-02", "tgd-86-03"):
        await world.owner(TESTED, device, at)
    await later(world, at, 2 * DAY - MINUTE)
    assert gone(world, set(keys)) == set()
    await later(world, at, 2 * DAY)
    assert gone(world, {*keys, file}) == {back, file}
    assert again in await named(world)
    assert await world.value("SELECT count(*) FROM known_place") == 2
    assert await world.value("SELECT count(*) FROM person_file") == 0
    (entry,) = await world.rows("SELECT details FROM journal WHERE kind = 'term_erased'")
    counts = {"persons": 1, "files": 1, "places": 1, "tests": 1}
    assert entry["details"] == {"row": "file", "term": "P2D", **counts}
    kept = await world.rows("SELECT device_id FROM phone_test ORDER BY 1")
    assert [row["device_id"] for row in kept] == ["tgd-86-02", "tgd-86-03"]


# ── After it ────────────────────────────────────────────────────────────────────────


async def test_after_the_erasure_everything_can_still_be_read(world: World) -> None:
    one, operator = await whole(world), world.operator()
    await later(world, one.opened_at, 3 * DAY)
    shown = await operator.reads(one.alert)
    assert shown["position"] is None
    assert (shown["status"], len(shown["presses"])) == ("closed", 1)
    where = await operator.call("GET", f"alerts/{one.alert}/whereabouts", None, 200)
    assert (where["position"], where["trail"]) == (None, [])
    assert [found["id"] for found in await operator.list("closed")] == [one.alert]
    kinds = [entry["kind"] for entry in await operator.journal(one.alert)]
    assert kinds[-1] == "erased"
    assert "46.5" not in str(await operator.journal(one.alert))
    await one.noted(409)
    assert await one.kept() == Counter()


# ── Keys ────────────────────────────────────────────────────────────────────────────


class Away:
    """A real key store whose disk can be made to fail."""

    def __init__(self, keys: KeyStore) -> None:
        self.keys = keys
        self.away = True

    def erase(self, references: Iterable[bytes]) -> int:
        if self.away:
            raise KeysNotErased("1 segments: Input/output error")
        return self.keys.erase(references)

    def sweep(self, named: Iterable[bytes]) -> object:
        return self.keys.sweep(named)


@pytest.mark.expects_errors
async def test_keys_that_could_not_be_erased_are_taken_up_again(world: World) -> None:
    one, two = await whole(world), await case(world, "tgd-86-02")
    theirs = await named(world)
    await later(world, one.opened_at, 2 * DAY)  # two stays open: its keys too
    keys = Away(world.app.keys)
    world.app.forget._keys = keys
    with pytest.raises(NotForgotten, match="Input/output error"):
        await later(world, one.opened_at, 3 * DAY + HOUR)
    assert await one.kept() == Counter()
    assert await two.hers() == Counter()
    assert gone(world, theirs) == set()
    assert await world.value("SELECT count(*) FROM dead_key") == len(theirs)
    press = await world.phone("tgd-86-03").press()
    assert press.receipt["code"] == "ok"
    with pytest.raises(NotForgotten):
        await later(world, one.opened_at, 3 * DAY + 2 * HOUR + 1)
    assert world.app.metrics.erasures_overdue._value.get() == len(theirs)
    await world.until(lambda: world.app.metrics.loop_errors["forget"]._value.get() >= 1)
    # Another process takes up what this one has left.
    keys.away = False
    await world.stop_server()
    await world.start_server()
    await world.until_sql("SELECT count(*) = 0 FROM dead_key")
    assert gone(world, theirs) == theirs
    await world.app.forget.look()
    assert world.app.metrics.erasures_overdue._value.get() == 0
    counted = await world.value(
        "SELECT sum((details ->> 'keys')::int) FROM journal WHERE kind = 'keys_erased'"
    )
    assert counted == len(theirs)


@pytest.mark.expects_errors
@pytest.mark.parametrize("still_there", [False, True], ids=["gone", "an empty mount point"])
async def test_a_key_store_that_is_away_loses_nothing_that_is_not_due(
    world: World, still_there: bool
) -> None:
    one, two = await case(world), await whole(world, "tgd-86-02")
    world.clock.set_on(HOUR)
    await one.noted()  # is sealed under the key of what is due an hour before it
    folder = world.config.key_dir
    hidden = folder.rename(folder.with_name("unmounted"))
    if still_there:
        folder.mkdir()
    with pytest.raises(NotForgotten, match="directory is not there"):
        await later(world, one.opened_at, 3 * DAY)
    for _ in range(3):  # nor is it when time goes on and new keys are wanted
        world.clock.set_on(MINUTE)
        with pytest.raises(NotForgotten, match="directory is not there"):
            await world.app.forget.look()
    assert await two.kept() == Counter()
    assert await one.hers() == Counter(position=1, press=1, note=2)
    assert (await world.phone("tgd-86-03").press()).receipt["code"] == "ok"
    if still_there:
        folder.rmdir()  # it is empty
    hidden.rename(folder)
    await world.app.forget.look()
    assert await one.hers() == Counter(note=1)
    assert await one.reads_notes() == [NOTE]
    assert await world.value("SELECT count(*) FROM dead_key") == 0


@pytest.mark.expects_errors
async def test_an_alert_that_breaks_keeps_no_other_waiting(world: World) -> None:
    one, two = await case(world), await case(world, "tgd-86-02")
    await world.owner(
        "CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'no'; END$$"
    )
    await world.owner(
        "CREATE TRIGGER refuses BEFORE UPDATE OF raw ON press FOR EACH ROW"
        " WHEN (OLD.device = 'tgd-86-01') EXECUTE FUNCTION refuses()"
    )
    await later(world, one.opened_at, 3 * DAY)
    assert await two.hers() == Counter()
    assert await one.hers() == Counter(position=1, press=1, note=1)
    assert world.app.metrics.loop_errors["forget"]._value.get() >= 1
    await later(world, one.opened_at, 3 * DAY + HOUR + 1)
    async with world.http.get(f"{world.base}/metrics") as answer:
        assert "tgd_erasures_overdue 1.0" in await answer.text()
    await world.owner("DROP TRIGGER refuses ON press")
    await world.app.forget.look()
    assert await one.hers() == Counter()
    assert world.app.metrics.erasures_overdue._value.get() == 0


def test_an_alarm_watches_what_is_overdue() -> None:
    rules = Path(__file__).parents[2].joinpath("deploy/prometheus/rules.yml").read_text()
    (rule,) = [part for part in rules.split("- alert: ") if "tgd_erasures_overdue" in part]
    assert rule.startswith("ErasureOverdue\n        expr: tgd_erasures_overdue > 0\n")
    assert "severity: page" in rule


@asynccontextmanager
async def another(world: World) -> AsyncIterator[Forget]:
    """The forgetting of another server on the same database and key store."""
    database = Database(world.url, size=3)
    await database.open()
    try:
        app = world.app
        yield Forget(database, world.clock, app.metrics, app.sealer, app.keys)
    finally:
        await database.close()


async def test_two_servers_at_the_same_moment_erase_once(world: World) -> None:
    some = [await case(world, f"tgd-86-0{n}") for n in range(1, 8)]
    for one in some:
        await one.ends()
    keys = await named(world)
    async with another(world) as two, another(world) as three:
        since = some[0].opened_at
        world.clock.set_on((since + timedelta(days=3) - world.clock.now()).total_seconds())
        looks = await asyncio.gather(*(one.look() for one in (two, three, world.app.forget)))
    for one in some:
        assert await one.kept() == Counter()
        assert len(await one.journal("erased")) == 1
    assert sum((look.things for look in looks), Counter()) <= Counter(position=7, press=7, note=7)
    assert gone(world, keys) == keys
    counted = await world.value(
        "SELECT sum((details ->> 'keys')::int) FROM journal WHERE kind = 'keys_erased'"
    )
    assert counted == len(keys)


async def test_the_sweep_takes_what_no_row_names_and_nothing_else(world: World) -> None:
    one = await case(world)
    await one.located()
    for _ in range(3):  # the phone repeats its press: each time a slot that nothing names
        await one.phone.press(id=(await one.reads_presses())[0], seq=1)
    await one.ends()
    (segment,) = segments(world)
    assert len(left(segment)) > len(await named(world))
    await world.stop_server()
    world.clock.set_on(25 * HOUR)
    await world.start_server()
    await world.until(lambda: world.app.forget._swept_at, "nobody sweeps")
    keys = await named(world)
    assert gone(world, keys) == set()
    slots = {int.from_bytes(key[-4:], "big") for key in keys if key[1:17].hex() == segment.stem}
    assert left(segment) == slots
    assert await one.reads_notes() == [NOTE]


def segments(world: World) -> list[Path]:
    return list(world.config.key_dir.glob("*.keys"))


def left(segment: Path) -> set[int]:
    """The slots of a segment that are not erased."""
    content = segment.read_bytes()
    secrets = [content[at : at + SECRET] for at in range(0, len(content), SECRET)]
    return {slot for slot, secret in enumerate(secrets) if secret.strip(b"\0")}


async def test_the_name_of_an_erased_key_opens_nothing(world: World) -> None:
    one = await case(world)
    await one.ends()
    rows = await world.rows("SELECT raw, raw_key FROM press")
    await later(world, one.opened_at, 3 * DAY)
    with pytest.raises(KeyErased):
        world.sealer.unwrap(rows[0]["raw_key"])


# ── Many ────────────────────────────────────────────────────────────────────────────


@pytest.mark.settings(batch_max=300)
async def test_hundreds_at_one_instant_keep_no_press_waiting(world: World) -> None:
    many = 250  # more than two batches
    await world.owner(
        "INSERT INTO device (id, tribunal_id) SELECT 'd' || n, 'poitiers'"
        " FROM generate_series(1, $1::int) n",
        many,
    )
    at = world.clock.now()
    for n in range(1, many + 1):
        phone = world.phone(f"d{n}")
        message = phone.message(loc={**PLACE, "tst": at.timestamp()})
        phone.send("press", json.dumps(message).encode())
    await world.until_sql("SELECT count(*) = $1 FROM position", many)
    world.room.forgives()
    await world.owner(
        "UPDATE alert SET status = 'closed', verdict = 'no_danger', verdict_at = opened_at,"
        " closed_at = opened_at, closed_by = 'op-1'"
    )
    await world.owner("DELETE FROM deadline")
    keys = await named(world)
    heard: list[int] = []
    world.clock.set_on(3 * DAY)
    look = asyncio.create_task(world.app.forget.look(heard.append))
    press = await world.phone().press()
    assert press.receipt["code"] == "ok"
    await look
    assert heard == list(range(1, len(heard) + 1))
    await world.until_sql("SELECT count(*) = 1 FROM press WHERE raw IS NOT NULL")
    assert await world.value("SELECT count(*) FROM position") == 0
    await world.app.forget.look()
    assert gone(world, keys) == keys


async def test_a_two_hours_trail_goes_as_it_came(world: World) -> None:
    one = await case(world)
    await world.owner(
        "INSERT INTO position (alert_id, fix, key, fixed_at, received_at)"
        " SELECT alert_id, fix, key, fixed_at + n * interval '5 seconds',"
        " received_at + n * interval '5 seconds' FROM position, generate_series(1, 1440) n"
    )
    await one.ends()
    assert (await one.kept())["position"] == 1441
    looks = 0
    while await one.kept():
        due = await world.value("SELECT forget_at FROM alert")
        world.clock.set_on((due - world.clock.now()).total_seconds())
        await world.app.forget.look()
        looks += 1
        oldest = await world.value("SELECT min(received_at) FROM position")
        assert oldest is None or oldest + timedelta(days=3) > world.clock.now()
    assert looks <= 13  # ten minutes' worth together
    assert (await one.erased())["positions"] == 1441
