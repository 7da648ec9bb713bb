"""Updates never overtake their Report, and the last word to a room is the latest one.

One message is delayed by the line, by hanging or by failing, while more comes to be said: whatever
is delayed, and in whatever order the rest was raised, the room hears of a case first by a Report,
then in the order in which things happened.
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path

import pytest
from world import BY_HAND, PLACE, World, worlds

from tgd.config import Deadlines
from tgd.demo.salle_envelope import Envelope, read_case
from tgd.errors import Temporary

PATIENT = Deadlines(contact=600.0)


class Line:
    """A line that delays the first message which ``delays`` picks, until it is ``freed``."""

    def __init__(self) -> None:
        self.told: list[Envelope] = []
        self.begun: list[Envelope] = []
        self.delays = lambda _told: True
        self.hangs = True
        self._delayed = ""
        self._free = asyncio.Event()

    async def send(self, url: str, token: str | None, body: bytes, timeout_s: float) -> None:
        _ = url, token, timeout_s
        told = read_case(body)
        self.begun.append(told)
        if not self._delayed and self.delays(told):
            self._delayed = told.distribution_id
        if not self._free.is_set() and told.distribution_id == self._delayed:
            if not self.hangs:
                raise Temporary("HTTP 503")
            await self._free.wait()
        self.told.append(told)

    def free(self) -> None:
        self._free.set()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
async def world(line: Line, database: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world whose rooms are reached by that line."""
    settings = {"behaviour": BY_HAND, "deadlines": PATIENT, "options": {"channel": line}}
    async with worlds(database, tmp_path, **settings) as made:
        yield made


async def presses(world: World, alert: str) -> None:
    assert (await world.phone().press()).alert == alert


async def decides(world: World, alert: str) -> None:
    await world.operator().hears(alert, "holder")
    await world.operator().decides(alert, "no_danger")


async def moves(world: World, _alert: str) -> None:
    before = await world.value("SELECT count(*) FROM position")
    world.phone().position(lat=46.5811, lon=0.3521)
    await world.until_sql("SELECT count(*) > $1 FROM position", before)


ACTS = {"press": presses, "verdict": decides, "move": moves}


def place(told: Envelope) -> str:
    """Which kind of word a message is."""
    said = " / ".join(told.case.lines)
    if told.kind == "Report":
        return "report"
    if "la salle décide" in said:
        return "verdict"
    return "press" if "nouvel appui" in said else "move"


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "fails"])
@pytest.mark.parametrize("order", [*permutations(ACTS)], ids=", ".join)
@pytest.mark.parametrize("delayed", ["Report", "Update"])
async def test_the_first_word_is_a_report_and_the_last_the_latest(
    world: World, line: Line, delayed: str, order: tuple[str, ...], hangs: bool
) -> None:
    line.hangs, line.delays = hangs, lambda told: told.kind == delayed
    first = await world.phone().press(loc=PLACE)
    await world.operator().decides(first.alert, "police")
    await world.until(lambda: line.begun)
    for act in order:
        await ACTS[act](world, first.alert)
        await world.advance(0.5)
    line.free()
    await world.advance(3)
    await world.until_sql("SELECT NOT bool_or(state IN ('waiting', 'sending')) FROM envelope")
    said = [place(told) for told in line.told]
    reports = said.count("report")
    assert said[:reports] == ["report"] * reports
    assert reports > 0
    assert len({told.case.case_id for told in line.told}) == 1
    # Of the press it has heard by another message than the first; what that press has taken back
    # is not said after it.
    first_id = line.begun[0].distribution_id
    anew = [told for told in line.told if told.distribution_id != first_id]
    words = [word for word in map(place, anew) if word != "move"]
    assert words[0 if order.index("press") < order.index("verdict") else -1] in {"press", "report"}
    if order.index("press") < order.index("verdict"):
        assert words[-1] == "verdict"
