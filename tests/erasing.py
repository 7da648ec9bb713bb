"""What tests of the erasure share: alerts that hold something of every kind, and what is left.

The days pass at once (``later``); the server then looks as it does by itself.
"""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from world import PLACE, Phone, World

from tgd.platform.flow.forget import Forgotten
from tgd.seal import KeyErased
from tgd.store import forget

KEPT = """
SELECT 'position' AS kind, count(*) AS n FROM position WHERE alert_id = $1
UNION ALL SELECT 'press', count(*) FROM alert_press k JOIN press p ON p.no = k.press_no
    WHERE k.alert_id = $1 AND p.raw IS NOT NULL
UNION ALL SELECT 'message', count(*) FROM envelope WHERE alert_id = $1 AND content IS NOT NULL
UNION ALL SELECT 'note', count(*) FROM note WHERE alert_id = $1 AND text IS NOT NULL
"""
ACKNOWLEDGED = "SELECT bool_and(acknowledged_at IS NOT NULL) FROM dispatch WHERE alert_id = $1"
TO_BE_TOLD = "SELECT count(*) FROM deadline WHERE alert_id = $1 AND name = 'further_press'"
DAY = 86_400.0
MINUTE = 60.0
NOTE = "elle est derrière la gare"


@dataclass
class Case:
    """One alert of one phone."""

    world: World
    phone: Phone
    alert: str
    opened_at: datetime

    @property
    def id(self) -> UUID:
        return UUID(self.alert)

    async def kept(self) -> Counter[str]:
        """How many things of each kind are kept; what is gone is left out."""
        return +Counter({row["kind"]: row["n"] for row in await self.world.rows(KEPT, self.id)})

    async def hers(self) -> Counter[str]:
        """The same without messages: to an open alert deadlines add some."""
        kept = await self.kept()
        del kept["message"]
        return kept

    async def acknowledged(self) -> None:
        """Wait until the rooms know of everything; time passes where they are told only later.

        A room answers in time of its own: none of ours passes meanwhile, or it were told again.
        """
        for _ in range(32):
            told = not await self.world.value(TO_BE_TOLD, self.id)
            await self.world.until_sql(ACKNOWLEDGED, self.id)
            if told:
                return
            await self.world.advance(1)
        raise AssertionError("the rooms are not told of a further press")

    async def located(self) -> None:
        """Have the phone say where it is, and wait until that is kept."""
        before = (await self.kept())["position"]
        self.phone.position()
        await self.world.until_sql(
            "SELECT count(*) > $2 FROM position WHERE alert_id = $1", self.id, before
        )

    async def noted(self, status: int = 200) -> None:
        body = {"text": NOTE}
        await self.world.operator().does(self.alert, "notes", body, status)

    async def reads_notes(self) -> list[str]:
        """Every note that is kept, opened with the alert's key."""
        rows = await self.world.rows(
            "SELECT n.text, a.key FROM note n JOIN alert a ON a.id = n.alert_id"
            " WHERE n.alert_id = $1 AND n.text IS NOT NULL ORDER BY n.no",
            self.id,
        )
        about = f"note {self.alert}"
        return [self.world.sealer.unwrap(r["key"]).open(r["text"], about).decode() for r in rows]

    async def reads_presses(self) -> list[str]:
        """The ids in all raw presses that are kept."""
        rows = await self.world.rows(
            "SELECT p.raw, p.raw_key FROM alert_press k JOIN press p ON p.no = k.press_no"
            " WHERE k.alert_id = $1 AND p.raw IS NOT NULL ORDER BY p.no",
            self.id,
        )
        raws = [self.world.sealer.unwrap(r["raw_key"]).open(r["raw"], "press") for r in rows]
        return [json.loads(raw)["id"] for raw in raws]

    async def to_the_police(self, *, closed: bool = True) -> None:
        """The police are sent, the room says that it knows, and the operator closes."""
        operator = self.world.operator()
        await operator.decides(self.alert, "police")
        await self.world.until_sql(ACKNOWLEDGED, self.id)
        if closed:
            await operator.closes(self.alert)

    async def ends(self, verdict: str = "no_danger") -> None:
        """The operator hears her and closes by this verdict."""
        operator = self.world.operator()
        await operator.hears(self.alert, "holder")
        await operator.decides(self.alert, verdict)

    async def journal(self, kind: str) -> list[dict[str, Any]]:
        entries = await self.world.operator().journal(self.alert)
        return [entry for entry in entries if entry["kind"] == kind]

    async def erased(self) -> Counter[str]:
        """What the journal says was erased of it, altogether."""
        total: Counter[str] = Counter()
        for entry in await self.journal("erased"):
            assert entry["actor"] == "forget"
            counts = {k: n for k, n in entry["details"].items() if k not in {"left", "days"}}
            total.update(counts)
        return +total


async def case(world: World, device: str = "tgd-86-01", **fields: object) -> Case:
    """A press with its position, and a note."""
    world.room.forgives()  # what it is sent is other tests' matter
    at = world.clock.now()
    phone = world.phone(device)
    press = await phone.press(**{"loc": {**PLACE, "tst": at.timestamp()}, **fields})
    made = Case(world, phone, press.alert, at)
    await made.noted()
    return made


async def later(world: World, since: datetime, seconds: float) -> Forgotten:
    """Let it be so long after that moment, and have the server look.

    The last seconds pass one by one, so that whatever else was due meanwhile has been done.
    """
    then = since + timedelta(seconds=seconds)
    world.clock.set_on((then - world.clock.now()).total_seconds() - 3)
    await world.advance(3)
    world.clock.set_on((then - world.clock.now()).total_seconds())
    return await world.app.forget.look()


async def named(world: World) -> set[bytes]:
    """Every key that a row of the database names."""
    async with world.database.connection() as connection:
        return set(await forget.named(connection))


def gone(world: World, keys: set[bytes]) -> set[bytes]:
    """Those of these keys that are erased for good."""
    found = set()
    for key in keys:
        try:
            world.sealer.unwrap(key)
        except KeyErased:
            found.add(key)
    return found
