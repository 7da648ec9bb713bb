"""Two operators, a supervisor, and fifty alerts from fifty phones: none waits beyond its deadline.

    python tests/storm/run.py [--storms 20] [--seed N] [--phones 50] [--leave]

Server, database and broker are real, the phones are ``firmware_sim``'s, the control room is the
simulated one; the clock is turned by hand for all of them. Afterwards the database's own record
must say of every alert that it was answered in time, or forwarded by its deadline (``record``).
With ``--leave`` all three people leave in the midst of it. Exit code 1 if a sentence does not hold.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from storm.people import Person
from storm.record import Record, Story
from world import World, worlds

from firmware_sim import Fleet, HandTime, Kind, Recorder, names
from tgd.demo.postgres import EmbeddedPostgres
from tgd.store import accounts, register
from tgd.store.db import sql
from tgd.store.migrate import migrate

PHONES, STORM_S = 50, (30.0, 180.0)
"""How long the presses of one storm take: short ones overrun three people, long ones do not."""
AGAIN = 0.12
"""The share of phones whose holder presses a second time."""
STEP_S, LONGEST_S = 0.5, 900.0
STAFF = {
    "operateur-1": ("operator", "first"),
    "operateur-2": ("operator", "second"),
    "superviseur-1": ("supervisor", "first"),
}
OWED = {"operateur-1": "hesitates", "operateur-2": "says nothing"}
"""So that no storm passes without a voice and a decision that are waited for in vain."""
SETTLED = """
SELECT NOT EXISTS (SELECT FROM deadline WHERE due_at <= $1)
   AND NOT EXISTS (SELECT FROM dispatch d JOIN alert a ON a.id = d.alert_id
                   WHERE a.status = 'police' AND d.acknowledged_at IS NULL)
"""
UNDECIDED = "SELECT count(*) FROM alert WHERE status IN ('ringing', 'answered')"
_console = Console()


@dataclass(frozen=True)
class Findings:
    """What a storm came to; ``wrong`` is empty where every sentence holds."""

    seed: int
    wrong: list[str]
    figures: dict[str, object]


@dataclass
class Storm:
    """One storm in a world; with ``leave`` all three people leave in the midst of it."""

    world: World
    seed: int
    phones: int = PHONES
    leave: bool = False
    left_at: datetime | None = None
    there: list[float] = field(default_factory=list)

    async def run(self) -> Findings:
        """Let it pass; then do the sums."""
        began = time.monotonic()
        self.luck = random.Random(self.seed)
        self.time = HandTime(self.world.clock.now().timestamp())
        self.length = self.luck.uniform(*STORM_S)
        self.events = Recorder()
        await self._furnish()
        self.people = [
            Person(self.world, name, *who, random.Random(f"{self.seed} {name}"))
            for name, who in STAFF.items()
        ]
        for one in self.people:
            one.others = [other.name for other in self.people if other is not one]
            one.owes = OWED.get(one.name)
        async with Fleet(
            names(self.phones),
            brokers=[self.world.broker.url],
            seed=self.seed,
            time=self.time,
            listeners=[self.events],
        ) as fleet:
            await fleet.connected(within_s=120)
            try:
                await self._pass(fleet)
            finally:
                for one in self.people:
                    await one.leave()
        return await self._sums(time.monotonic() - began)

    async def _furnish(self) -> None:
        """The register has 8 phones; the others' holders agree to be located as well."""
        now = self.world.clock.now()
        await self.world.owner("UPDATE tribunal SET allocation = $1", self.phones)
        more = [name for name in names(self.phones) if name not in set(names(register.PHONES))]
        labels = [f"Bénéficiaire {name.removeprefix('tgd-')}" for name in more]
        async with self.world.database.transaction() as transaction:
            await transaction.execute(
                sql("register", "add_assigned"),
                *(register.TRIBUNAL[0], more, labels, [True] * len(more)),
                *(now - timedelta(days=1), "storm"),
            )
            for name, (role, group) in STAFF.items():
                await accounts.add_account(
                    transaction, username=name, password="un mot de passe", role=role, now=now
                )
                await accounts.place(transaction, name, group, None)

    async def _pass(self, fleet: Fleet) -> None:
        """Turn the clock: phones are pressed, people act, until nobody's decision is awaited."""
        presses = self._presses()
        turns = {one.name: (0.0, one.life()) for one in self.people}
        passed, length = 0.0, max(moment for moment, _ in presses)
        while passed < length or await self.world.value(UNDECIDED):
            assert passed < LONGEST_S, "the storm does not end"
            while presses and presses[0][0] <= passed:
                fleet[presses.pop(0)[1]].press_now()
            await self._receipted(fleet)
            if self.leave and self.left_at is None and passed >= length / 3:
                await self._all_leave(turns)
            for name, (moment, life) in turns.items():
                if moment <= passed:
                    turns[name] = (passed + await anext(life), life)
            await self._turn(STEP_S)
            passed += STEP_S
        if self.leave:
            for _ in range(24):  # whatever they had is by then everybody's
                await self._turn(STEP_S)
            self.there = [gauge._value.get() for gauge in self._available()]

    async def _all_leave(self, turns: dict[str, tuple[float, AsyncIterator[float]]]) -> None:
        for one in self.people:
            await one.leave()
        turns.clear()
        self.left_at = self.world.clock.now()

    async def _turn(self, seconds: float) -> None:
        """Pass this much time, stopping at each deadline until it has fired and rooms have replied.

        The watch passes over what somebody holds just then, and looks again a moment later.
        """
        clock, end = self.world.clock, self.world.clock.now() + timedelta(seconds=seconds)
        while clock.now() < end:
            due = await self.world.value("SELECT min(due_at) FROM deadline")
            step = min(end, due or end) - clock.now()
            await self.world.advance(step.total_seconds())
            self.time.advance(step.total_seconds())  # behind the server's: nothing is of the future
            await self.world.until_sql(SETTLED, clock.now(), what="deadlines or rooms do nothing")

    async def _receipted(self, fleet: Fleet) -> None:
        await self.world.until(
            lambda: not any(phone.unreceipted for phone in fleet), "a press is not receipted"
        )

    def _presses(self) -> list[tuple[float, str]]:
        """When each phone is pressed: most in the first half, as storms are."""
        devices = names(self.phones)
        again = self.luck.sample(devices, round(self.phones * AGAIN))
        moments = [(self.luck.triangular(0, self.length, self.length / 4), d) for d in devices]
        return sorted(moments + [(self.luck.uniform(5, self.length + 20), d) for d in again])

    def _available(self) -> list:
        return list(self.world.app.metrics.operators_available.values())

    async def _sums(self, took_s: float) -> Findings:
        record = await Record.read(self.world)
        receipts: dict[str, dict] = {}
        for event in self.events.all(Kind.PRESSED):
            receipts[str(event.details["press"])] = {}
        for event in self.events.all(Kind.RECEIPT):
            receipts[str(event.details["press"])] = dict(event.details)
        room = self.world.room.room()
        cases = Counter(case.rpartition(".")[2] for case in room.cases)
        wrong = record.wrong(receipts, cases)
        if room.split_alerts:
            wrong.append(f"{room.split_alerts} alerts have two cases at the room")
        if strange := cases.keys() - {alert["case_id"] for alert in record.alerts}:
            wrong.append(f"cases at the room that are no alert's: {strange}")
        silent = set(names(self.phones)) - {alert["device"] for alert in record.alerts}
        wrong += [f"{phone}: pressed, and no alert" for phone in silent]
        return Findings(self.seed, wrong + self._absence(record), self._figures(record, took_s))

    def _absence(self, record: Record) -> list[str]:
        """After all have left: what they had is everybody's, and nobody being there is told."""
        if self.left_at is None:
            return []
        wrong = [] if sum(self.there) == 0 else [f"said to be there: {self.there}"]
        for alert in record.alerts:
            story = Story(alert, record.facts.get(alert["id"], []))
            if story.held_in_absence(STAFF, self.left_at):
                wrong.append(f"{alert['device']}: its holder left, and it is not given back")
            if story.answered > self.left_at and alert["answered_at"]:
                wrong.append(f"{alert['device']}: answered by {alert['answered_by']}, who is gone")
        return wrong

    def _figures(self, record: Record, took_s: float) -> dict[str, object]:
        alerts = record.alerts
        verdicts = Counter(
            f"{alert['verdict']}{': ' if alert['reason'] else ''}{alert['reason'] or ''}"
            for alert in alerts
        )
        every = [fact for facts in record.facts.values() for fact in facts]
        forwarded = [fact for fact in every if fact["kind"] == "forwarded"]
        kinds = Counter(fact["kind"] for fact in every)
        told = ("rang_everyone", "released", "holder_gone", "taken_over", "offered", "extended")
        did: Counter[str] = sum((one.did for one in self.people), Counter())
        return {
            "the presses took, s": round(self.length),
            "presses, receipts": f"{len(self.events.all(Kind.PRESSED))}, "
            f"{len(self.events.all(Kind.RECEIPT))}",
            "alerts": len(alerts),
            "answered by a person": sum(alert["answered_at"] is not None for alert in alerts),
            "verdicts": dict(sorted(verdicts.items())),
            "forwarded": dict(Counter(fact["details"]["reason"] for fact in forwarded)),
            "cases at the room": len(self.world.room.room().cases),
            **{kind: kinds[kind] for kind in told},
            "what people did": dict(sorted(did.items())),
            "seconds": round(took_s, 1),
        }


async def storm(
    database_url: str,
    folder: Path,
    seed: int,
    *,
    phones: int = PHONES,
    leave: bool = False,
) -> Findings:
    """Let one storm pass over a server of its own."""
    async with worlds(database_url, folder, broker="mosquitto") as world:
        world.room.forgives()
        return await Storm(world, seed, phones, leave).run()


async def _alone(seed: int, phones: int, leave: bool) -> Findings:
    with tempfile.TemporaryDirectory(prefix="tgd-storm-") as name:
        folder = Path(name)
        postgres = EmbeddedPostgres(folder / "postgres")
        await asyncio.to_thread(postgres.start)
        try:
            await migrate(postgres.url)
            return await storm(postgres.url, folder, seed, phones=phones, leave=leave)
        finally:
            await asyncio.to_thread(postgres.remove)


def _show(found: Findings) -> None:
    table = Table("what", "figure", title=f"storm, seed {found.seed}")
    for name, value in found.figures.items():
        table.add_row(name, str(value))
    _console.print(table)
    for wrong in found.wrong[:40]:
        _console.print(f"[red]WRONG[/red] {wrong}")
    if not found.wrong:
        _console.print("[green]None waited beyond its deadline without being forwarded.[/green]")


def main(
    storms: Annotated[int, typer.Option(min=1, help="How many, each with its own seed.")] = 10,
    seed: Annotated[int | None, typer.Option(help="The first one's; repeats its luck.")] = None,
    phones: Annotated[int, typer.Option(min=8, help="Phones in each storm.")] = PHONES,
    leave: Annotated[bool, typer.Option(help="All three people leave in the midst of it.")] = False,
) -> None:
    """Let storms pass, and see that none waited too long."""
    first = random.SystemRandom().randrange(10**6) if seed is None else seed
    failed = False
    for number in range(first, first + storms):
        found = asyncio.run(_alone(number, phones, leave))
        _show(found)
        failed = failed or bool(found.wrong)
    raise typer.Exit(code=int(failed))


if __name__ == "__main__":
    typer.run(main)
