"""What a room says counts once: brought again, whenever and by whatever way, it changes nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest
from world import ADDRESS, BY_HAND, ROOM, ROOM_TOKEN, World

from tgd.demo.salle_envelope import Envelope, Step, reply
from tgd.platform.channels.cap_inbound import CONTENT_TYPE, SCHEMA
from tgd.platform.channels.cisu_inbound import ErrorReport, read

SAID = "SELECT count(*) FROM journal WHERE kind = $1"
by_hand = pytest.mark.settings(behaviour=BY_HAND)


async def brought(
    world: World, body: bytes, status: int = 202, kind: str = "application/json"
) -> bytes:
    headers = {"Authorization": f"Bearer {ROOM_TOKEN}", "Content-Type": kind}
    url = f"{world.base}/api/v1/cisu/inbound"
    async with world.http.post(url, data=body, headers=headers) as answer:
        told = await answer.read()
        assert answer.status == status, told
        return told


async def dispatched(world: World) -> tuple[str, Envelope]:
    press = await world.phone().press()
    await world.operator().decides(press.alert, "police")
    return press.alert, await world.room.expects("Report", alert=press.alert)


def said(world: World, told: Envelope, step: Step, **more: object) -> bytes:
    return msgspec.json.encode(reply(told, step, world.clock.now()) | more)


async def dispatch(world: World, alert: str) -> dict[str, Any]:
    [told] = (await world.operator().reads(alert))["dispatches"]
    return told


def counted(world: World) -> dict[str, float]:
    return {str(k): one._value.get() for k, one in world.app.metrics.room_messages.items()}


async def a_further_press(world: World, alert: str) -> None:
    """Half a minute later; what was acknowledged is so no more."""
    await world.advance(31)
    await world.phone().press()
    await world.room.expects("Update", alert=alert)
    assert (await dispatch(world, alert))["acknowledged_at"] is None


@by_hand
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_patrol_of_before_a_further_press_does_not_answer_it(
    world: World, restarted: bool
) -> None:
    alert, report = await dispatched(world)
    engaged = said(world, report, "engaged")
    await brought(world, engaged)
    assert (await dispatch(world, alert))["state"] == "engaged"
    await a_further_press(world, alert)
    if restarted:
        await world.stop_server()
        await world.start_server()
    await brought(world, engaged)
    assert (await dispatch(world, alert))["acknowledged_at"] is None
    assert await world.value(SAID, "patrol") == 1
    assert counted(world)["again"] == 1
    # The room says it anew, under another number: that is about what it knows now.
    await brought(world, said(world, report, "engaged"))
    assert (await dispatch(world, alert))["acknowledged_at"] is not None
    world.room.forgives()


@by_hand
async def test_the_same_words_at_another_moment_are_the_same(world: World) -> None:
    alert, report = await dispatched(world)
    one = reply(report, "CONSULTE", world.clock.now())
    await brought(world, msgspec.json.encode(one))
    world.clock.set_on(2)
    later = reply(report, "CONSULTE", world.clock.now()) | {"distributionID": one["distributionID"]}
    await brought(world, msgspec.json.format(msgspec.json.encode(later), indent=4))
    assert await world.value(SAID, "room_said") == 1
    assert counted(world) == {"new": 1, "again": 1, "otherwise": 0}
    assert (await dispatch(world, alert))["state"] == "seen"


@by_hand
async def test_other_words_under_one_number_are_refused_and_told(world: World) -> None:
    alert, report = await dispatched(world)
    own = f"{ADDRESS}_a-number-of-its-own"
    await brought(world, said(world, report, "RECU", distributionID=own))
    told = read(await brought(world, said(world, report, "CONSULTE", distributionID=own), 422))
    assert isinstance(told, ErrorReport)
    assert (told.string, told.referenced) == ("INVALID_MESSAGE", own)
    await brought(world, said(world, report, "engaged", distributionID=own), 422)
    assert (await dispatch(world, alert))["state"] == "received"
    assert counted(world) == {"new": 1, "again": 0, "otherwise": 2}
    # Nor does that take the number's own words away.
    await brought(world, said(world, report, "RECU", distributionID=own))


@by_hand
async def test_a_number_is_its_room_s_own(world: World) -> None:
    """What another room has said under the same number is another message."""
    alert, report = await dispatched(world)
    own = f"{ADDRESS}_a-number-of-its-own"
    await world.owner(
        "INSERT INTO room (id, name, institution, address) VALUES ('x', 'X', 'PN', 'fr.x')"
    )
    await world.owner(
        "INSERT INTO heard VALUES ('x', sha256($1::bytea), '', '{}', now())", own.encode()
    )
    await brought(world, said(world, report, "CONSULTE", distributionID=own))
    assert (await dispatch(world, alert))["state"] == "seen"


@by_hand
@pytest.mark.expects_errors
async def test_what_failed_was_not_said(world: World) -> None:
    """The number is kept with what it changes, or not at all."""
    alert, report = await dispatched(world)
    engaged = said(world, report, "engaged")
    async with broken_journal(world):
        await brought(world, engaged, 500)
    assert (await dispatch(world, alert))["acknowledged_at"] is None
    assert await world.value("SELECT count(*) FROM heard") == 0
    await brought(world, engaged)
    assert (await dispatch(world, alert))["state"] == "engaged"
    assert counted(world) == {"new": 1, "again": 0, "otherwise": 0}


@contextlib.asynccontextmanager
async def broken_journal(world: World) -> AsyncIterator[None]:
    await world.owner(
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'broken'; END $$"
    )
    await world.owner(
        "CREATE TRIGGER broken BEFORE INSERT ON journal FOR EACH ROW"
        " WHEN (new.kind = 'patrol') EXECUTE FUNCTION broken()"
    )
    yield
    await world.owner("DROP TRIGGER broken ON journal")


@by_hand
async def test_what_comes_again_while_it_is_being_taken_waits_for_it(world: World) -> None:
    alert, report = await dispatched(world)
    engaged = said(world, report, "engaged")
    holder = await asyncpg.connect(world.url)
    transaction = holder.transaction()
    await transaction.start()
    await holder.execute("SELECT FROM alert WHERE id = $1::uuid FOR UPDATE", alert)
    async with asyncio.TaskGroup() as both:
        for _ in range(2):
            both.create_task(brought(world, engaged))
        await world.until_sql("SELECT count(*) >= 2 FROM pg_locks WHERE NOT granted")
        await transaction.rollback()
    await holder.close()
    assert await world.value(SAID, "patrol") == 1
    assert counted(world) == {"new": 1, "again": 1, "otherwise": 0}


@by_hand
async def test_an_ack_in_cap_counts_once(world: World) -> None:
    alert, report = await dispatched(world)

    def ack(source: str) -> bytes:
        at = world.clock.now().isoformat()
        return (
            f'<alert xmlns="{SCHEMA}"><identifier>{ADDRESS}_17</identifier>'
            f"<sender>{ADDRESS}</sender><sent>{at}</sent><status>Actual</status>"
            f"<msgType>Ack</msgType><source>{source}</source><scope>Private</scope>"
            f"<references>{report.sender},{report.distribution_id},{at}</references></alert>"
        ).encode()

    for _ in range(3):
        await brought(world, ack("operateur op-17"), kind=CONTENT_TYPE)
    assert await world.value(SAID, "room_said") == 1
    assert (await dispatch(world, alert))["state"] == "seen"
    await brought(world, ack("passerelle"), 422, kind=CONTENT_TYPE)
    assert counted(world) == {"new": 1, "again": 2, "otherwise": 1}


@by_hand
async def test_an_answer_to_an_exercise_counts_once(world: World) -> None:
    await world.operator("sup", "supervisor").call("POST", f"rooms/{ROOM}/exercise", {}, 200)
    told = await world.room.expects("Report")
    body = said(world, told, "RECU")
    for _ in range(2):
        await brought(world, body)
    assert counted(world) == {"new": 1, "again": 1, "otherwise": 0}
    assert await world.value("SELECT state FROM exercise") == "received"
    assert await world.value("SELECT alerts FROM heard") == []
