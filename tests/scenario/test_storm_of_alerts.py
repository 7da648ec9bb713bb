"""The short form of ``tests/storm/run.py``: fifty phones press, three people do what they can."""

from pathlib import Path

import pytest
from storm.run import Storm, storm
from world import worlds

from tgd.platform.domain.decision import REASONS

pytestmark = pytest.mark.needs_mosquitto
NOBODY_THERE = "sum(tgd_operators_available) == 0"
LATER = """
CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.name = 'answer' THEN NEW.due_at := NEW.due_at + interval '5 seconds'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER later BEFORE INSERT ON deadline FOR EACH ROW EXECUTE FUNCTION later();
"""


@pytest.mark.parametrize("seed", [14, 15])
async def test_none_of_fifty_alerts_waits_beyond_its_deadline(
    database: str, tmp_path: Path, seed: int
) -> None:
    found = await storm(database, tmp_path, seed)
    assert found.wrong == []
    assert found.figures["answered by a person"] > 0
    # Each of the three deadlines had something to forward.
    assert {REASONS[name] for name in ("answer", "voice", "doubt")} <= {*found.figures["forwarded"]}


@pytest.mark.parametrize("seed", [20])
async def test_all_three_leave_and_everything_is_forwarded(
    database: str, tmp_path: Path, seed: int
) -> None:
    found = await storm(database, tmp_path, seed, leave=True)
    assert found.wrong == []
    # What the sums have just found at zero is what the alarm looks at.
    rules = Path(__file__).parents[2] / "deploy/prometheus/rules.yml"
    assert f"expr: {NOBODY_THERE}" in rules.read_text()


async def test_the_sums_find_a_deadline_that_passes_too_late(database: str, tmp_path: Path) -> None:
    async with worlds(database, tmp_path, broker="mosquitto") as world:
        world.room.forgives()
        await world.owner(LATER)
        found = await Storm(world, seed=1, phones=10, leave=True).run()
    late = [one for one in found.wrong if "not answered by its deadline" in one]
    assert len(late) > 3
