"""The open alerts as consoles read them: what has changed, and nothing that has is left out."""

import asyncio
from contextlib import AsyncExitStack
from uuid import UUID

import pytest
from web.served import PLACE, Api, serving
from world import ManualClock

from tgd.store import alerts

ALL = {"gone", "all", "now", "next", "since", "items"}
TIMED = ("age_s", "r95_m", "doubts")  # as of the moment of telling


class Console:
    """What a console's page keeps of its readings."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.since = ""
        self.open: dict[str, dict] = {}
        self.last: dict = {}

    async def read(self) -> dict:
        status, self.last = await self.api.call("GET", f"alerts?status=open&since={self.since}")
        assert (status, set(self.last)) == (200, ALL)
        self.since = self.last["since"]
        if self.last["all"]:
            self.open = {}
        for one in self.last["gone"]:
            self.open.pop(one, None)
        self.open |= {one["id"]: one for one in self.last["items"]}
        return self.last

    async def is_right(self) -> None:
        """What is kept is what there is, as a whole reading says it."""
        await self.read()
        _, whole = await self.api.call("GET", "alerts?status=open&limit=500")
        assert untimed(list(self.open.values())) == untimed(whole["items"])


def untimed(items: list[dict]) -> dict[str, dict]:
    found = {}
    for one in items:
        position = one["position"] and {k: v for k, v in one["position"].items() if k not in TIMED}
        found[one["id"]] = one | {"position": position, "doubts": sorted(set(one["doubts"]))}
    return found


@pytest.fixture
def console(api: Api) -> Console:
    return Console(api)


async def test_only_what_has_changed_is_told(api: Api, console: Console):
    assert (await console.read())["all"] is True
    first = (await api.press("tgd-86-01"))["alert"]
    told = await console.read()
    assert ([one["id"] for one in told["items"]], told["all"]) == ([first], False)
    second = (await api.press("tgd-86-02"))["alert"]
    assert [one["id"] for one in (await console.read())["items"]] == [second]
    told = await console.read()
    assert (told["items"], told["gone"], told["since"]) == ([], [], console.since)
    await api.act(first, "answer")
    [one] = (await console.read())["items"]
    assert (one["id"], one["answered_by"]) == (first, "op-1")


async def test_nothing_that_happens_to_an_alert_is_left_out(api: Api, console: Console):
    """Whatever a reading of everything shows, the readings of changes add up to."""

    async def act(alert: str, what: str, body: dict | None = None, **who) -> dict:
        status, found = await api.act(alert, what, body, **who)
        assert status in {200, 201}, found
        await console.is_right()
        return found

    alert = (await api.press("tgd-86-01", loc=PLACE))["alert"]
    await console.is_right()
    await api.press("tgd-86-01")
    await console.is_right()
    await api.press("tgd-86-01", loc=PLACE | {"lat": 46.59})
    await console.is_right()
    await act(alert, "answer")
    await act(alert, "voice", {"with": "child"})
    await act(alert, "extend", {"reason": "elle cherche ses mots"})
    await api.call("POST", "presence", json={"state": "available"}, name="op-2")
    await act(alert, "offer", {"to": "op-2", "note": "relève"})
    await act(alert, "answer", name="op-2")
    await act(alert, "release", {"reason": "appelé ailleurs"}, name="op-2")
    await act(alert, "answer")
    await act(alert, "follow", {"reason": "elle marche"})
    noted = await act(alert, "notes", {"text": "sa sœur appelle"}, name="op-2")
    assert (noted["last_note"]["by"], console.open[alert]["last_note"]["by"]) == ("op-2", "op-2")
    await act(alert, "decision", {"verdict": "police"})
    handed = {"room": "cic86", "call_taker": "Chef de salle", "reference": "2030-1"}
    await act(alert, "voice-handoff", handed)
    await act(alert, "voice", {"with": "holder"})
    await act(alert, "withdraw-location", {"reason": "elle ne veut plus"})
    await act(alert, "close", {"outcome": "safe"})
    assert console.open == {}
    again = await act(alert, "decision", {"verdict": "police"})
    assert list(console.open) == [again["id"]]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("alert", "status"),
        ("deadline", "due_at"),
        ("dispatch", "state"),
        ("task", "red"),
        ("beneficiary", "label"),
    ],
)
async def test_every_row_that_an_alert_is_made_of_changes_its_mark(
    api: Api, table: str, column: str
):
    alert = (await api.press("tgd-86-01", loc=PLACE))["alert"]
    await api.act(alert, "decision", {"verdict": "police"})
    async with api.database.connection() as connection:
        before = await alerts.marks(connection)
        await connection.execute("SET ROLE NONE")
        changed = await connection.execute(f"UPDATE {table} SET {column} = {column}")  # noqa: S608  ours
        assert changed.startswith("UPDATE ")
        assert changed != "UPDATE 0"
        await connection.execute("SET ROLE tgd_app")
        after = await alerts.marks(connection)
    assert set(before) == set(after) == {UUID(alert)}
    assert before != after


async def test_linked_persons_alerts_are_told_anew(api: Api, console: Console):
    async with api.database.connection() as connection:
        await connection.execute("SET ROLE NONE")
        await connection.execute(
            "INSERT INTO linked_person SELECT a.beneficiary_id, b.beneficiary_id "
            "FROM assignment a, assignment b "
            "WHERE (a.device_id, b.device_id) IN (('tgd-86-01', 'tgd-86-02'), "
            "('tgd-86-02', 'tgd-86-01'))"
        )
        await connection.execute("SET ROLE tgd_app")
    mother = (await api.press("tgd-86-01"))["alert"]
    await console.is_right()
    child = (await api.press("tgd-86-02"))["alert"]
    await console.is_right()
    assert console.open[mother]["linked"] == [child]


async def test_an_alert_is_told_anew_when_the_phone_s_last_test_is_void(api: Api, console: Console):
    test = (await api.press("tgd-86-01"))["alert"]
    await api.act(test, "answer")
    await api.act(test, "voice", {"with": "holder"})
    seen = (await api.alert(test))["last_press"]
    await api.act(test, "decision", {"verdict": "test", "seen": seen})
    alert = (await api.press("tgd-86-01"))["alert"]
    await console.is_right()
    assert console.open[alert]["last_test"] is not None
    await api.act(test, "decision", {"verdict": "police"})
    await console.is_right()
    assert console.open[alert]["last_test"] is None


@pytest.mark.parametrize("since", ["", "x", "12345678.1", "{}.99999999999999999999999", "{}.-1"])
async def test_an_unknown_reading_is_told_everything(api: Api, console: Console, since: str):
    alert = (await api.press())["alert"]
    await console.read()
    console.since = since.format(console.since.partition(".")[0])
    told = await console.read()
    assert (told["all"], [one["id"] for one in told["items"]]) == (True, [alert])


async def test_another_process_is_told_everything(database: str):
    clock = ManualClock()
    async with serving(database, clock) as one, AsyncExitStack() as stack:
        console = Console(one)
        await one.press()
        await console.read()
        console.api = Api(database, clock)
        await console.api.start()
        stack.push_async_callback(console.api.stop)
        assert (await console.read())["all"] is True
        await console.is_right()


async def test_many_who_ask_at_once_are_all_right(api: Api):
    """Each sees at least what it has just done."""

    async def work(number: int) -> None:
        console = Console(api)
        await console.read()
        alert = (await api.press(f"unknown-{number}"))["alert"]
        await console.read()
        assert alert in console.open
        status, _ = await api.act(alert, "answer", name=f"op-{number}")
        assert status == 200
        await console.read()
        assert console.open[alert]["answered_by"] == f"op-{number}"

    for number in range(8):
        await api.token(name=f"op-{number}")
    await asyncio.gather(*(work(number) for number in range(8)))


async def test_since_is_for_what_is_open(api: Api):
    status, problem = await api.call("GET", "alerts?since=")
    assert (status, problem["field"]) == (422, "since")
