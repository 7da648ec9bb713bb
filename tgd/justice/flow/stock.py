"""The phones: entered, amended, lent, lost, found, broken, wiped, compromised.

Promises: a loss takes nothing from the button (the phone still raises alerts, marked); only two
different persons mute a compromised phone, and only once its replacement was tested; each act is in
the journal. What a phone comes in with ends by ``store.credentials``.
"""

from dataclasses import dataclass

from tgd import sim
from tgd.errors import Invalid, Refused
from tgd.justice.domain import stock as rules
from tgd.justice.flow.desk import Desk, phone
from tgd.store import credentials, stock
from tgd.store.db import Connection, again


@dataclass(frozen=True, slots=True)
class Known:
    """What is said of a phone; None: nothing, and what was known stays."""

    label: str | None = None
    imei: str | None = None
    generation: str | None = None
    firmware: str | None = None
    iccid: str | None = None
    msisdn: str | None = None


class StockActs(Desk):
    """The acts on phones; ``own`` is the caller's tribunal, None for all."""

    @again
    async def put(
        self,
        device: str,
        known: Known,
        by: str,
        own: str | None,
        *,
        tribunal: str | None = None,
        state: str = "in_stock",
        only_new: bool = False,
    ) -> bool:
        """Enter a phone, or change what is known of one unless ``only_new``; True: it is new."""
        if state not in {"in_stock", "reserve"}:
            raise Invalid("state", "a phone comes into the stock, or into the reserve")
        async with self._database.transaction() as connection:
            now = self._clock.now()
            if await stock.owners(connection, device) is not None:
                if only_new:
                    raise Refused("device_known", "the register has a phone of this id")
                await self._amend(connection, device, known, by, own)
                return False
            ours = await self._tribunal(connection, own, tribunal)
            await stock.hold(connection, [ours])
            sealed = sim.sealed(self._sealer, device, sim.Sim(known.iccid, known.msisdn))
            said = (known.label, known.imei, known.generation, known.firmware)
            await stock.add(connection, device, ours, now, state, *said, *sealed)
            await stock.note(connection, now, by, "device_added", device=device, tribunal=ours)
            return True

    async def _amend(
        self, connection: Connection, device: str, known: Known, by: str, own: str | None
    ) -> None:
        now = self._clock.now()
        row = await self._phone(connection, device, own)
        before = sim.opened(self._sealer, device, row["sim"], row["key"])
        card = sim.Sim(known.iccid or before.iccid, known.msisdn or before.msisdn)
        changed = card != before
        sealed = sim.sealed(self._sealer, device, card) if changed else (None, None, None)
        said = (known.label, known.imei, known.generation, known.firmware)
        await stock.amend(connection, device, now, *said, *sealed)
        names = ("label", "imei", "generation", "firmware")
        fields = [name for name, value in zip(names, said, strict=True) if value is not None]
        fields += ["sim"] if changed else []
        await stock.note(connection, now, by, "device_amended", device=device, fields=fields)

    @again
    async def move(self, device: str, act: str, by: str, own: str | None) -> None:
        """Say that a phone is lost, stolen, broken, found, repaired, in_stock or in reserve."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._phone(connection, device, own)
            rules.may(phone(row), act)
            state = act
            if act in {"found", "repaired"}:
                state = rules.found(phone(row), had_assignment=row["assigned_before"])
            await stock.move(connection, device, state, now)
            await stock.note(
                connection, now, by, f"device_{act}", row["assignment_id"], device=device
            )

    @again
    async def wipe(self, device: str, by: str, own: str | None) -> None:
        """Attest that a phone holds nothing any more of whoever had it."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._phone(connection, device, own)
            emptied = await stock.wiped(connection, device, now, by)
            if not emptied:
                rules.may(phone(row), "wiped")
                await stock.move(connection, device, "wiped", now)
            of = emptied[0] if emptied else None
            await stock.note(connection, now, by, "wiped", of, device=device)

    @again
    async def lend(self, device: str, to: str | None, by: str, own: str | None) -> None:
        """Lend a phone within the court of appeal; to nobody: it is back."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._phone(connection, device, own)
            if own is not None and row["tribunal_id"] != own:
                raise Refused("not_the_owner", "only its own tribunal lends a phone")
            if to is None:
                if row["lent_to"] is None:
                    raise Refused("device_state", "the phone is lent to nobody")
                rules.may(phone(row), "loan_ended")
                state = "in_stock" if row["state"] == "on_loan" else row["state"]
                await stock.lend(connection, device, None, state, now)
                await stock.note(connection, now, by, "device_back", device=device)
                return
            if to == row["tribunal_id"]:
                raise Invalid("to", "is the phone's own tribunal")
            rules.may(phone(row), "loan")
            await stock.lend(connection, device, to, "on_loan", now)
            await stock.note(connection, now, by, "device_lent", device=device, to=to)

    @again
    async def compromise(self, device: str, by: str, own: str | None) -> None:
        """Call a phone compromised; it still raises alerts, marked, until a second one confirms."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._phone(connection, device, own)
            if row["compromised_at"] is not None:
                raise Refused("compromised_already", "a second person confirms it")
            await stock.compromise(connection, device, now, by)
            await stock.note(
                connection, now, by, "device_compromised", row["assignment_id"], device=device
            )

    @again
    async def mute(self, device: str, by: str, own: str | None) -> None:
        """Confirm as a second person: its credentials end. Needs a tested replacement."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._phone(connection, device, own)
            if row["compromised_at"] is None:
                raise Refused("not_compromised", "nobody has called the phone compromised")
            if row["muted_at"] is not None:
                raise Refused("muted_already", "it was confirmed already")
            if row["compromised_by"] == by:
                raise Refused("same_person", "a second person confirms, not the first one")
            await stock.mute(connection, device, now, by)
            await credentials.end(connection, device, "compromised", now, by)
            await stock.note(
                connection, now, by, "device_muted", row["assignment_id"], device=device
            )

    @again
    async def allocate(
        self, tribunal: str, by: str, allocation: int | None, reserve_floor: int | None
    ) -> None:
        """Say how many phones a tribunal has, and how many stay in reserve."""
        async with self._database.transaction() as connection:
            await stock.hold(connection, [tribunal])
            await stock.allocate(connection, tribunal, allocation, reserve_floor)
            now, said = self._clock.now(), {"allocation": allocation, "floor": reserve_floor}
            await stock.note(connection, now, by, "allocated", tribunal=tribunal, **said)
