"""What becomes of an assignment: handed over, tested, renewed, shortened, ended, returned.

Promises: each is a person's act with its time; ending or running out takes nothing from the button;
credentials end with the attested return and not before; a hand-over is finished only by a press of
that phone that an operator heard. What is said in words is sealed.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from tgd import sim
from tgd.errors import Invalid, Refused
from tgd.justice import files
from tgd.justice.domain import life as rules
from tgd.justice.flow.desk import Desk, held
from tgd.store import assignments, phone_tests, stock
from tgd.store.db import Connection, again
from tgd.store.stock import Row


class Life(Desk):
    """The acts on an assignment; ``own`` is the caller's tribunal, None for all."""

    @again
    async def hand_over(self, assignment: UUID, by: str, own: str | None) -> None:
        """Say that the phone is in her hands; it stands on the red list until it was tested."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._assignment(connection, assignment, own)
            rules.standing(held(row))
            if row["handed_over_at"] is None:
                await assignments.act(connection, "hand_over", assignment, now)
                await stock.note(
                    connection, now, by, "handed_over", assignment, device=row["device_id"]
                )

    @again
    async def test(
        self,
        assignment: UUID,
        said: Mapping[str, object],
        by: str,
        own: str | None,
        *,
        press: UUID | None = None,
        wiped: bool = False,
    ) -> list[str]:
        """Finish the hand-over; returns what it still lacks, and then it is not finished."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = dict(await self._assignment(connection, assignment, own))
            device: str = row["device_id"]
            if wiped and not row["device_wiped"]:
                for before in await stock.wiped(connection, device, now, by):
                    await stock.note(connection, now, by, "wiped", before, device=device)
                row["device_wiped"] = True
            since = row["handed_over_at"] or row["starts_at"]
            found = await assignments.heard(connection, assignment, since, press)
            heard = (
                rules.Heard(found["pressed_at"], found["heard"], found["located"])
                if found
                else None
            )
            missing = rules.tested(held(row), heard, said, self._known(row, said))
            if not missing and found:
                at = found["pressed_at"]
                await assignments.act(connection, "tested", assignment, now, by, at)
                await phone_tests.handed_over(connection, assignment, found["id"])
            shown = {"passed": not missing, "missing": missing}
            if found:
                shown["press"] = str(found["id"])
            await stock.note(connection, now, by, "handover_test", assignment, **shown)
            return missing

    def _known(self, row: Row, said: Mapping[str, object]) -> dict[str, str | None]:
        card = sim.opened(self._sealer, row["device_id"], row["sim"], row["sim_key"])
        read = rules.plain(str(said.get("sim") or ""))
        by_number = card.msisdn is not None and read == rules.plain(card.msisdn)
        number = card.msisdn if by_number else card.iccid or card.msisdn
        return {"label": row["label"], "imei": row["imei"], "sim": number, "identity": None}

    @again
    async def renew(
        self, assignment: UUID, until: datetime | None, note: str | None, by: str, own: str | None
    ) -> None:
        """Add a term of six months at most."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._assignment(connection, assignment, own)
            start, end = rules.renewed(held(row), now, until)
            await assignments.act(connection, "renew", assignment, start, end)
            await self._keep(connection, row, "renewed", note, now, by)
            said = {"from": start, "until": end}
            await stock.note(connection, now, by, "renewed", assignment, **said)

    @again
    async def take_note(self, assignment: UUID, days: int | None, by: str, own: str | None) -> None:
        """Say to have seen that the term ends; ``days`` is the step that was seen."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._assignment(connection, assignment, own)
            rules.standing(held(row))
            due = rules.warning(row["ends_at"], now)
            if due is None or days not in {None, due}:
                raise Refused(
                    "nothing_ends", "the term does not end so soon, or sooner: look again"
                )
            await assignments.act(connection, "warned", assignment, row["ends_at"], due, now, by)
            said = {"days": due, "until": row["ends_at"]}
            await stock.note(connection, now, by, "ending_seen", assignment, **said)

    @again
    async def shorten(
        self, assignment: UUID, until: datetime, note: str | None, by: str, own: str | None
    ) -> None:
        """Set an earlier end of the present term; the button works on after it all the same."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._assignment(connection, assignment, own)
            end = rules.shortened(held(row), now, until)
            await assignments.act(connection, "shorten", assignment, end)
            await self._keep(connection, row, "shortened", note, now, by)
            await stock.note(connection, now, by, "shortened", assignment, until=end)

    @again
    async def end(
        self, assignment: UUID, reason: str | None, note: str | None, by: str, own: str | None
    ) -> None:
        """End it for a reason; until the phone is back it raises alerts, marked."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._assignment(connection, assignment, own)
            await self._end(connection, row, reason, note, now, by)

    async def _end(
        self,
        connection: Connection,
        row: Row,
        reason: str | None,
        note: str | None,
        now: datetime,
        by: str,
    ) -> None:
        code, words = rules.ended(held(row), reason)
        await assignments.act(connection, "end", row["id"], now, by, code)
        text = "\n".join(one for one in (words, note) if one)
        await self._keep(connection, row, "ended", text or None, now, by)
        await stock.note(connection, now, by, "assignment_ended", row["id"], reason=code)

    @again
    async def give_back(
        self,
        assignment: UUID,
        by: str,
        own: str | None,
        *,
        reason: str | None = None,
        attested_by: str | None = None,
        wiped: bool = False,
    ) -> None:
        """Attest that the phone is back: its credentials end. With a reason it ends here too."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._assignment(connection, assignment, own)
            device: str = row["device_id"]
            if row["ended_at"] is None and reason is not None:
                await self._end(connection, row, reason, None, now, by)
                row = await assignments.hold(connection, assignment)
            rules.returned(held(row))
            await assignments.act(connection, "give_back", assignment, now, by)
            await self._keep(connection, row, "returned", attested_by, now, by)
            await stock.note(connection, now, by, "returned", assignment, device=device)
            if wiped:
                await stock.wiped(connection, device, now, by)
                await stock.note(connection, now, by, "wiped", assignment, device=device)

    @again
    async def consent(
        self, assignment: UUID, said: Mapping[str, bool], by: str, own: str | None
    ) -> None:
        """Record what she agrees to now, each apart; an alert that is open keeps its own."""
        if not said:
            raise Invalid("consents", f"names at least one of {', '.join(rules.CONSENTS)}")
        async with self._database.transaction() as connection:
            now = self._clock.now()
            await self._assignment(connection, assignment, own)
            for kind, given in said.items():
                await assignments.consent(connection, assignment, kind, given, now, by)
            await stock.note(connection, now, by, "consented", assignment, consents=dict(said))

    @again
    async def ground(
        self,
        assignment: UUID,
        basis: str | None,
        order: Mapping[str, str] | None,
        by: str,
        own: str | None,
    ) -> None:
        """Enter the legal basis (1° or 2°) and the order that it stands on."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            row = await self._assignment(connection, assignment, own)
            if basis is not None:
                await assignments.act(connection, "set_basis", assignment, basis)
            if order:
                said = files.words(self._sealer, assignment, (row["content"], row["key"]))
                said.order = files.Order(**order)
                sealed = files.seal_words(self._sealer, assignment, said, row["key"])
                await assignments.act(connection, "content", assignment, *sealed)
            entry = {"legal_basis": basis, "order": bool(order)}
            await stock.note(connection, now, by, "grounded", assignment, **entry)

    async def _keep(
        self,
        connection: Connection,
        row: Row,
        about: str,
        text: str | None,
        now: datetime,
        by: str,
    ) -> None:
        """Seal what was said at an act, beside what was said before."""
        if not text or not text.strip():
            return
        assignment: UUID = row["id"]
        current = await assignments.hold(connection, assignment)
        kept = (current["content"], current["key"])
        said = files.words(self._sealer, assignment, kept)
        said.notes = [*said.notes, files.Note(now, by, about, text)]
        sealed = files.seal_words(self._sealer, assignment, said, kept[1])
        await assignments.act(connection, "content", assignment, *sealed)
