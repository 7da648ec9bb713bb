"""The prosecutor is asked whether to hold what the police were told of, and is never waited for."""

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from erasing import DAY, MINUTE, Case, case, later
from world import PLACE, World

from tgd.errors import NotFound, Refused
from tgd.platform import typed
from tgd.store import forget


async def terms(one: Case) -> dict[str, object]:
    async with one.world.database.connection() as connection:
        found = await forget.terms(connection, one.id)
    assert found is not None
    return dict(found)


async def asked(world: World) -> list[str]:
    """Of which alerts the question stands."""
    async with world.database.connection() as connection:
        return [str(row["id"]) for row in await forget.questions(connection, "poitiers")]


async def test_every_alert_that_went_to_the_police_asks_when_it_closes(world: World) -> None:
    one, two = await case(world), await case(world, "tgd-86-02")
    await one.to_the_police(closed=False)
    await two.ends()
    assert await asked(world) == []
    world.clock.set_on(MINUTE)
    await world.operator().closes(one.alert)
    assert await asked(world) == [one.alert]
    found = await terms(one)
    assert found["asked_at"] == world.clock.now()
    assert (found["asked_again_at"], found["hold"]) == (None, None)


async def test_one_that_a_deadline_forwarded_asks_as_well(world: World) -> None:
    one = await case(world)
    await world.advance(21)
    await world.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    await world.operator().closes(one.alert)
    assert await asked(world) == [one.alert]


async def test_it_asks_again_a_day_before_once_and_does_not_wait(world: World) -> None:
    one = await case(world)
    await one.to_the_police()
    await later(world, one.opened_at, 2 * DAY - MINUTE)
    assert (await terms(one))["asked_again_at"] is None
    assert await one.journal("hold_asked_again") == []
    await later(world, one.opened_at, 2 * DAY)
    assert (await terms(one))["asked_again_at"] == world.clock.now()
    for hours in (1, 12, 23):
        await later(world, one.opened_at, 2 * DAY + 60 * MINUTE * hours)
    (entry,) = await one.journal("hold_asked_again")
    assert entry["actor"] == "forget"
    assert await asked(world) == [one.alert]
    await later(world, one.opened_at, 3 * DAY)
    assert await one.kept() == Counter()
    assert await asked(world) == []


async def test_the_server_asks_again_by_itself(world: World) -> None:
    one = await case(world)
    await one.to_the_police()
    await later(world, one.opened_at, 1.9 * DAY)
    world.clock.set_on(0.1 * DAY + 1)
    await world.advance(3)  # it may have been about to wait for a moment reckoned from before
    await world.until_sql("SELECT asked_again_at IS NOT NULL FROM retention")


async def test_an_answer_ends_the_questions(world: World) -> None:
    some = [await case(world, f"tgd-86-0{n}") for n in (1, 2)]
    for one in some:
        await one.to_the_police()
    held, let_go = some
    await world.app.forget.hold(held.id, "parquet86", "PV 2030/118")
    assert await asked(world) == [let_go.alert]
    await world.app.forget.hold(let_go.id, "parquet86", None)
    assert await asked(world) == []
    await later(world, held.opened_at, 2.5 * DAY)
    assert await held.journal("hold_asked_again") == await let_go.journal("hold_asked_again") == []
    assert [entry["actor"] for entry in await held.journal("held")] == ["parquet86"]
    assert [entry["actor"] for entry in await let_go.journal("not_held")] == ["parquet86"]


async def test_eight_days_are_asked_about_a_day_before_the_eighth(world: World) -> None:
    one = await case(world)
    await one.to_the_police()
    await later(world, one.opened_at, 2.5 * DAY)  # asked again a day before the third
    await world.app.forget.authorise(one.id, "sup-1", "Procureure de permanence")
    found = await terms(one)
    assert found["asked_again_at"] is None
    assert found["forget_at"] == one.opened_at + timedelta(days=8)
    assert [entry["actor"] for entry in await one.journal("eight_days")] == ["sup-1"]
    await later(world, one.opened_at, 7 * DAY - MINUTE)
    assert len(await one.journal("hold_asked_again")) == 1
    await later(world, one.opened_at, 7 * DAY)
    assert len(await one.journal("hold_asked_again")) == 2
    # Entering it twice asks nothing twice.
    await world.app.forget.authorise(one.id, "sup-1", "Procureure de permanence")
    await later(world, one.opened_at, 7.5 * DAY)
    assert len(await one.journal("hold_asked_again")) == 2
    await later(world, one.opened_at, 8 * DAY)
    assert await one.kept() == Counter()


async def test_an_authorisation_at_once_asks_nothing_before_its_time(world: World) -> None:
    one = await case(world)
    await one.to_the_police()
    await world.app.forget.authorise(one.id, "sup-1", "Procureure de permanence")
    await world.app.forget.look()
    assert (await terms(one))["asked_again_at"] is None


async def test_an_alert_closed_after_days_asks_for_what_is_left(world: World) -> None:
    one = await case(world)
    await one.to_the_police(closed=False)
    await later(world, one.opened_at, 4 * DAY)
    world.clock.set_on(11 * MINUTE)
    at = world.clock.now()
    await one.phone.press(loc={**PLACE, "tst": at.timestamp()})
    await one.acknowledged()
    await world.operator().closes(one.alert)
    assert await asked(world) == [one.alert]
    await world.app.forget.hold(one.id, "parquet86", "PV 2030/118")
    await later(world, at, 30 * DAY)
    assert (await one.kept())["position"] == 1


async def test_nobody_is_told_that_what_is_gone_is_held(world: World) -> None:
    one = await case(world)
    await one.to_the_police()
    await later(world, one.opened_at, 3 * DAY)
    with pytest.raises(Refused) as refused:
        await world.app.forget.hold(one.id, "parquet86", "PV 2030/118")
    assert refused.value.code == "erased"
    with pytest.raises(Refused, match="nothing is kept"):
        await world.app.forget.authorise(one.id, "parquet86", "Procureure de permanence")
    await world.app.forget.hold(one.id, "parquet86", None)
    assert await one.journal("held") == await one.journal("eight_days") == []


async def test_a_hold_names_its_case_and_an_alert_that_is_there(world: World) -> None:
    one = await case(world)
    with pytest.raises(Refused, match="names the criminal case"):
        await world.app.forget.hold(one.id, "parquet86", "  ")
    with pytest.raises(NotFound):
        await world.app.forget.hold(uuid4(), "parquet86", "PV 2030/118")
    with pytest.raises(NotFound):
        await world.app.forget.authorise(uuid4(), "parquet86", "Procureure de permanence")


async def test_the_latest_answer_counts(world: World) -> None:
    one = await case(world)
    await one.to_the_police()
    await world.app.forget.hold(one.id, "parquet86", None)
    await world.app.forget.hold(one.id, "parquet86-2", "PV 2030/118")
    await later(world, one.opened_at, 10 * DAY)
    assert (await one.kept())["position"] == 1
    found = await terms(one)
    case_held = typed.read(typed.unlock(world.sealer, found["key"]), found["reference"], one.id)
    assert (found["hold"], found["answered_by"], case_held) == (
        *(True, "parquet86-2", "PV 2030/118"),
    )
    assert found["forget_at"] is None
