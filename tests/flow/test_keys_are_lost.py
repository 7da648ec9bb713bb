"""The key store is lost in the middle of an alert: every arrow goes on, what was sealed is shut.

Lost: the directory is gone, or empty. Away: it is there and cannot be read, as a disk that fails.
"""

import shutil
from collections.abc import Callable

import pytest
from world import PLACE, World

from tgd import segments


def gone(world: World, _patch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(world.config.key_dir)


def empty(world: World, _patch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(world.config.key_dir)
    world.config.key_dir.mkdir()


def away(_world: World, patch: pytest.MonkeyPatch) -> None:
    def broken(*_given: object) -> bytes:
        raise OSError(5, "Input/output error")

    for name in ("read", "blank", "keep_only", "write"):
        patch.setattr(segments, name, broken)


@pytest.mark.expects_errors
@pytest.mark.parametrize("lose", [gone, empty, away])
async def test_every_arrow_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, lose: Callable[..., None]
) -> None:
    phone, operator = world.phone(), world.operator()
    first = await phone.press(loc=PLACE)
    await operator.answers(first.alert)
    lose(world, monkeypatch)

    # Presses, of this phone and of others, are receipted and are alerts.
    further = await phone.press(loc=PLACE)
    assert further.alert == first.alert
    other = await world.phone("tgd-86-02").press(loc=PLACE)
    assert other.alert != first.alert
    phone.position(**PLACE)

    # Operators see their alerts, and act; what they say with it is lost, and nothing else.
    assert len(await operator.list()) == 2
    assert (await operator.reads(first.alert))["status"] == "answered"
    await operator.call("GET", f"alerts/{first.alert}/whereabouts", None, 200)
    await operator.hears(first.alert, "holder")
    await operator.extends(first.alert)
    await operator.does(first.alert, "notes", {"text": "elle parle bas"}, 409)
    await operator.decides(first.alert, "police", note="elle parle bas")

    # The room is told, again of a further press, and by a deadline of the other phone.
    await world.room.expects("Report", alert=first.alert)
    await world.advance(31)
    await world.room.expects("Report", alert=other.alert)
    await phone.press(loc=PLACE)
    await world.advance(0.1)
    await world.room.expects("Update", alert=first.alert, text="nouvel appui")
    await world.until_sql("SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch")
    world.room.forgives()
    await operator.closes(first.alert)
    assert (await operator.reads(first.alert))["status"] == "closed"
    assert world.app.supervisor.obituaries == []


@pytest.mark.expects_errors
async def test_what_was_being_sent_goes_out_again_as_what_is_known(world: World) -> None:
    """A message that was written, and cannot be opened any more, is written anew, and goes."""
    await world.room.stop()
    press = await world.phone().press(loc=PLACE)
    await world.operator().decides(press.alert, "police")
    await world.until_sql("SELECT bool_or(content IS NOT NULL) FROM envelope")
    shutil.rmtree(world.config.key_dir)
    await world.room.start()
    for _ in range(20):
        await world.advance(1)
        if world.room.told:
            break
    await world.room.expects("Report", alert=press.alert)
    world.room.forgives()


async def test_a_new_store_takes_over_where_the_old_one_was_lost(world: World) -> None:
    press = await world.phone().press(loc=PLACE)
    await world.stop_server()
    shutil.rmtree(world.config.key_dir)
    await world.start_server()
    again = await world.phone().press(loc=PLACE)
    assert again.alert == press.alert
    shown = await world.operator().reads(press.alert)
    assert shown["position"]["lat"] == pytest.approx(PLACE["lat"])
    assert len(shown["presses"]) == 2
    assert world.app.keys.ready
