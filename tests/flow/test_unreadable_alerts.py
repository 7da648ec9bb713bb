"""One alert that cannot be read hides no other and stops nothing; it is itself shown and forwarded.

What stands in its rows is damaged as only the database's owner, or a disk, could.
"""

import pytest
from world import PLACE, Pressed, World

pytestmark = pytest.mark.expects_errors

OF_PRESS = "WHERE no IN (SELECT press_no FROM alert_press WHERE alert_id = $1)"
READ_WHOLE = {
    "no key": "UPDATE alert SET key = NULL WHERE id = $1",
    "a key that is none": r"UPDATE alert SET key = '\x0200' WHERE id = $1",
    "an outcome that is not sealed": "UPDATE alert SET outcome = 'sealed:é' WHERE id = $1",
    "an unknown way of listening": "UPDATE alert SET listen = 'zz' WHERE id = $1",
    "opened before all calendars": "UPDATE alert SET opened_at = '0044-03-15 BC' WHERE id = $1",
    "pressed before all calendars": "UPDATE alert SET pressed_at = '0044-03-15 BC' WHERE id = $1",
    "a last press that never comes": "UPDATE alert SET last_press_at = 'infinity' WHERE id = $1",
    "a deadline since ever": "UPDATE deadline SET due_at = '-infinity' WHERE alert_id = $1",
    "a deadline before all calendars": "UPDATE deadline SET due_at = '0044-03-15 BC' "
    "WHERE alert_id = $1 AND name = 'overflow'",
    "a deadline that never comes": "UPDATE deadline SET due_at = 'infinity' "
    "WHERE alert_id = $1 AND name = 'contact'",
    "a position of no time": "UPDATE position SET fixed_at = '0044-03-15 BC' WHERE alert_id = $1",
    "a position under no key": r"UPDATE position SET key = '\x02' WHERE alert_id = $1",
    "a position that is none": r"UPDATE position SET fix = '\x01' WHERE alert_id = $1",
    "a position's doubt": "UPDATE position SET doubts = ARRAY[NULL::text] WHERE alert_id = $1",
    "a press of no time": "UPDATE press SET pressed_at = '0044-03-15 BC' OF_PRESS",
    "a press's doubt": "UPDATE press SET doubts = ARRAY[NULL::text], path = 'zz' OF_PRESS",
    "a card that does not open": r"UPDATE device SET sim = '\x01', key = '\x0200' "
    "WHERE id = (SELECT device FROM alert WHERE id = $1)",
}
READ_IN_PART = {
    "an empty plan": "UPDATE alert SET plan = '{}' WHERE id = $1",
    "no plan": "UPDATE alert SET plan = 'null' WHERE id = $1",
    "a plan with a word in it": "UPDATE alert SET plan = (plan - 'forward') "
    '|| \'{"received": "zz"}\' WHERE id = $1',
}
UNREADABLE = """
CREATE FUNCTION readable(p_alert uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF p_alert = '{alert}' THEN
        RAISE EXCEPTION 'invalid page in block 0' USING ERRCODE = 'data_corrupted';
    END IF;
    RETURN true;
END $$;
ALTER TABLE position ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON position TO tgd_app USING (readable(alert_id)) WITH CHECK (true);
"""
"""What the database says of a block of the table of positions that the disk has lost."""


async def shown(world: World) -> dict[str, dict]:
    """The open alerts, which the board, the list and each by itself must tell alike."""
    operator = world.operator()
    listed = {one["id"]: one for one in await operator.list()}
    board = await operator.call("GET", "alerts?status=open&since=", None, 200)
    assert {one["id"] for one in board["items"]} == set(listed)
    for alert in listed:
        assert (await operator.reads(alert))["status"] == listed[alert]["status"]
    return listed


async def everything_goes_on(world: World, damaged: Pressed, *, mark: bool) -> Pressed:
    """Both alerts are seen, both are forwarded, and presses, rooms and figures are as ever."""
    world.room.forgives()
    sound = await world.phone("tgd-86-02").press(loc=PLACE)
    both = {damaged.alert, sound.alert}
    found = await shown(world)
    assert set(found) == both
    assert {one for one in both if "alert_unreadable" in found[one]["doubts"]} == (
        {damaged.alert} if mark else set()
    )
    one = found[damaged.alert]
    assert (one["device"], one["status"]) == ("tgd-86-01", "ringing")
    assert found[sound.alert]["position"] is not None
    assert (world.app.metrics.alerts_unread._value.get() > 0) is mark

    await world.advance(20.5)
    verdicts = {id_: one["verdict"] for id_, one in (await shown(world)).items()}
    assert verdicts == dict.fromkeys(both, "forwarded")
    told = "SELECT bool_and(d.acknowledged_at IS NOT NULL) FROM dispatch d WHERE alert_id = $1"
    await world.until_sql(told, sound.alert)
    assert world.app.supervisor.obituaries == []

    for role, path in (
        *(("operator", path) for path in ("calls", "presence", "rooms")),
        *(("supervisor", path) for path in ("statistics", "holds", "recontacts")),
    ):
        await world.operator(f"{role}-9", role).call("GET", path, None, 200)
    return sound


@pytest.mark.parametrize("statement", [pytest.param(s, id=n) for n, s in READ_WHOLE.items()])
async def test_what_is_not_needed_is_not_missed(world: World, statement: str):
    damaged = await world.phone("tgd-86-01").press(loc=PLACE)
    await world.owner(statement.replace("OF_PRESS", OF_PRESS), damaged.alert)
    await everything_goes_on(world, damaged, mark=False)


@pytest.mark.parametrize("statement", [pytest.param(s, id=n) for n, s in READ_IN_PART.items()])
async def test_an_alert_is_shown_and_forwarded_as_far_as_it_can_be_read(
    world: World, statement: str
):
    damaged = await world.phone("tgd-86-01").press(loc=PLACE)
    await world.owner(statement.replace("OF_PRESS", OF_PRESS), damaged.alert)
    await everything_goes_on(world, damaged, mark=True)


async def test_a_block_that_the_disk_has_lost_hides_one_alert_s_positions(world: World):
    damaged = await world.phone("tgd-86-01").press(loc=PLACE)
    await world.owner(UNREADABLE.replace("{alert}", damaged.alert))
    sound = await everything_goes_on(world, damaged, mark=True)
    # Nor does it keep rooms from following the other.
    await world.advance(1)
    world.phone("tgd-86-02").position(lat=46.6)
    await world.until_sql("SELECT count(*) = 2 FROM position WHERE alert_id = $1", sound.alert)
    await world.advance(2)
    told = "SELECT count(*) > 0 FROM envelope WHERE alert_id = $1 AND purpose = 'position'"
    await world.until_sql(told, sound.alert)
    assert world.app.supervisor.obituaries == []


async def test_who_sends_the_police_needs_no_position(world: World):
    damaged = await world.phone("tgd-86-01").press(loc=PLACE)
    operator = world.operator()
    await operator.answers(damaged.alert)
    await world.owner(UNREADABLE.replace("{alert}", damaged.alert))
    decided = await operator.decides(damaged.alert, "police")
    assert decided["status"] == "police"
    await world.room.expects("Report", alert=damaged.alert)
