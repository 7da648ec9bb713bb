"""Arrow 2, alert → decision: what operators do, each act one transaction.

Promises: an act is whole or has not happened; two operators cannot both take an alert; the
dispatches of a verdict ``police`` stand in the same transaction as the verdict. The rules are in
``domain.decision``; who may call is the web's business; sending is the next arrow's.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial, wraps
from typing import ParamSpec
from uuid import UUID

from tgd.clock import Clock
from tgd.config import Deadlines
from tgd.errors import Invalid, NotFound, Refused
from tgd.metrics import Metrics
from tgd.platform import calls, dossier, notes, typed
from tgd.platform.competence import Competence
from tgd.platform.domain import apart, deadlines, decision, dispatch, following, listening, proof
from tgd.platform.domain.alert import CLOSING_VERDICTS, OUTCOMES, VERDICTS, Alert
from tgd.platform.domain.routing import Room
from tgd.platform.holding import Repeated, held_in, holding, measure
from tgd.platform.reopening import Reopening
from tgd.platform.whereabouts import Whereabouts
from tgd.platform.writing import Unread, Writing, Written
from tgd.seal import Sealer
from tgd.store import alerts, phone_tests, presence
from tgd.store.db import Connection, Database, again

VOICES = ("holder", "child", "other", "nobody")
_P = ParamSpec("_P")


def _once(act: Callable[_P, Awaitable[None]]) -> Callable[_P, Coroutine[None, None, None]]:
    """Do an act that was done before under the same key not at all: it stands."""

    @wraps(act)
    async def at_most_once(*args: _P.args, **kwargs: _P.kwargs) -> None:
        with suppress(Repeated):
            await act(*args, **kwargs)

    return at_most_once


class Triage:
    """The operators' acts. All raise ``NotFound`` for an unknown alert and ``Refused`` for an
    act that does not fit its state; ``operator`` is the name under which the act is recorded.
    ``send`` is given what a decision has written to rooms, once that is committed.
    ``once`` is a key that whoever sends the act has made up for it: an act that comes again under
    its key has been done, and is not done a second time.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sealer: Sealer,
        metrics: Metrics,
        limits: Deadlines,
        competence: Competence,
        writing: Writing,
        send: Callable[[Sequence[Written]], Awaitable[None]],
        *,
        forward_unverified: bool,
    ) -> None:
        self._database = database
        self._competence = competence
        self._writing = writing
        self._send = send
        self._clock = clock
        self._sealer = sealer
        self._whereabouts = Whereabouts(sealer)
        self._metrics = metrics
        plan = deadlines.plan(limits, forward_unverified=forward_unverified)
        self._reopening = Reopening(clock, sealer, plan)

    @_once
    @again
    async def answer(self, alert_id: UUID, operator: str, *, once: str | None = None) -> None:
        """Take charge of an alert; a second operator is refused and told who has it."""
        async with holding(self._database, [alert_id], self._metrics, once) as (_, held):
            decision.answer(_one(held), operator, self._clock.now())

    @_once
    @again
    async def voice(
        self,
        alert_id: UUID,
        operator: str,
        heard: str,
        *,
        supervisor: bool = False,
        once: str | None = None,
    ) -> None:
        """Record whose voice was heard; nobody a second time forwards at once."""
        if heard not in VOICES:
            raise Invalid("with", f"must be one of {', '.join(VOICES)}")
        async with holding(self._database, [alert_id], self._metrics, once) as (transaction, held):
            alert, now = _one(held), self._clock.now()
            # Only nobody, a second time, sends anything to anybody.
            told = await self._rooms(transaction, alert) if heard == "nobody" else []
            decision.hear(alert, operator, heard, now, told, supervisor=supervisor)

    @_once
    @again
    async def extend(
        self,
        alert_id: UUID,
        operator: str,
        reason: str,
        *,
        supervisor: bool = False,
        once: str | None = None,
    ) -> None:
        """Give 60 s more to decide."""
        async with holding(self._database, [alert_id], self._metrics, once) as (transaction, held):
            now = self._clock.now()
            decision.extend(_one(held), operator, now, supervisor=supervisor)
            await self._keep_note(transaction, alert_id, operator, reason)

    @again
    async def decide(
        self,
        alert_id: UUID,
        operator: str,
        verdict: str,
        *,
        seen: str | None,
        note: str | None = None,
        all_clear_word: str | None = None,
        supervisor: bool = False,
        once: str | None = None,
    ) -> tuple[UUID, bool]:
        """Give the verdict; return the alert that it now stands on, and whether that is new.

        ``police`` on a closed alert dispatches the phone's other open alert, or a new one that
        names the closed one; a test that the closed one was is then void. A verdict ``test``
        that has passed is kept as the phone's latest.
        """
        if verdict not in VERDICTS:
            raise Invalid("verdict", f"must be one of {', '.join(VERDICTS)}")
        said = alert_id, operator, verdict, seen, note, all_clear_word, once
        try:
            try:
                return await self._decided(*said, supervisor=supervisor)
            except Unread:  # what is known, or where, must keep nobody from her: it is claimed
                return await self._decided(*said, supervisor=supervisor, writes=False)
        except Repeated as repeated:
            return repeated.alert_id, False

    async def _decided(
        self,
        alert_id: UUID,
        operator: str,
        verdict: str,
        seen: str | None,
        note: str | None,
        all_clear_word: str | None,
        once: str | None,
        *,
        supervisor: bool,
        writes: bool = True,
    ) -> tuple[UUID, bool]:
        async with self._database.transaction() as transaction:
            standing = self._reopening.standing(transaction, alert_id, verdict, once)
            async with standing as (held, new):
                alert = _one(held)
                target = alert.id
                word_right = None  # sending the police must not fail on a word
                if verdict in CLOSING_VERDICTS:
                    word_right = await dossier.word_right(
                        transaction, self._sealer, alert.id, all_clear_word
                    )
                    # Its closing takes the positions: read before.
                    located = await self._located(transaction, alert)
                if note:
                    sent = verdict == "police"
                    await self._keep_note(transaction, target, operator, note, for_rooms=sent)
                written = await self._decide(
                    *(transaction, alert, operator, verdict, seen),
                    word_right=word_right,
                    supervisor=supervisor,
                    writes=writes,
                )
            if proof.passed(alert):
                word: phone_tests.Word = "none_agreed" if word_right is None else "given"
                proved = located._asdict()
                await phone_tests.keep(transaction, target, "fortnightly", **proved, word=word)
            if target != alert_id:
                await phone_tests.void(transaction, alert_id, target, operator, self._clock.now())
        await self._send(written)
        measure(held, self._metrics)
        return target, new

    async def _decide(
        self,
        transaction: Connection,
        alert: Alert,
        operator: str,
        verdict: str,
        seen: str | None,
        *,
        word_right: bool | None,
        supervisor: bool,
        writes: bool,
    ) -> list[Written]:
        """Decide, and write to the rooms that are told by it: what goes out with the commit."""
        decide = partial(decision.decide, word_right=word_right, supervisor=supervisor)
        sends = not alert.with_police and (verdict == "police" or word_right is False)
        now = self._clock.now()  # before anything is read for it: the leg to the room begins here
        if not (sends and writes):
            rooms = await self._rooms(transaction, alert, placed=writes) if sends else []
            decide(alert, operator, verdict, seen, now, rooms)
            return []
        known = await self._writing.background(transaction, alert.id)
        rooms, where = await self._competence.rooms_of(transaction, known, now)
        decide(alert, operator, verdict, seen, now, rooms)
        return self._writing.first(alert, known, where, now)

    @_once
    @again
    async def note(
        self, alert_id: UUID, operator: str, text: str, *, once: str | None = None
    ) -> None:
        """Add a note, sealed under the alert's key; on a closed alert too."""
        async with holding(self._database, [alert_id], self._metrics, once) as (transaction, held):
            alert, now = _one(held), self._clock.now()
            alert.record(now, operator, "note")
            if alert.is_open and alert.with_police:
                dispatch.inform_rooms(alert, "fact", now)
            if not await self._keep_note(transaction, alert_id, operator, text, for_rooms=True):
                raise Refused("erased", "what is kept under this alert cannot be opened")

    @_once
    @again
    async def close(
        self,
        alert_id: UUID,
        operator: str,
        outcome: str,
        note: str | None = None,
        *,
        once: str | None = None,
    ) -> None:
        """End an alert that the police have, once every dispatch is acknowledged."""
        async with holding(self._database, [alert_id], self._metrics, once) as (transaction, held):
            alert = _one(held)
            if outcome not in OUTCOMES:  # in the operator's own words
                key = typed.unlock(self._sealer, await alerts.key_of(transaction, alert_id))
                outcome = typed.same(key, outcome, alert.outcome, alert_id)
            decision.close(alert, operator, outcome, self._clock.now())
            if note:
                await self._keep_note(transaction, alert_id, operator, note)

    @_once
    @again
    async def voice_handoff(
        self,
        references: Mapping[UUID, str],
        operator: str,
        room: str,
        call_taker: str,
        *,
        once: str | None = None,
    ) -> None:
        """Record one call in which a room took these over: it acknowledges each, all or none."""
        ids = list(references)
        async with holding(self._database, ids, self._metrics, once) as (transaction, held):
            said = operator, room, call_taker, self._clock.now()
            await calls.hand_over(transaction, self._sealer, held, references, *said)

    @_once
    @again
    async def cancel(
        self, alert_id: UUID, supervisor: str, room: str, why: str, *, once: str | None = None
    ) -> None:
        """Withdraw the case from a room to which it was sent by mistake (``why``)."""
        if why not in apart.MISTAKES:
            raise Invalid("why", f"must be one of {', '.join(apart.MISTAKES)}")
        async with holding(self._database, [alert_id], self._metrics, once) as (_, held):
            apart.cancel(_one(held), room, supervisor, why, self._clock.now())

    @_once
    @again
    async def release(
        self,
        alert_id: UUID,
        operator: str,
        reason: str,
        *,
        supervisor: bool = False,
        once: str | None = None,
    ) -> None:
        """Give an alert back: it rings everyone until somebody answers."""
        async with holding(self._database, [alert_id], self._metrics, once) as (transaction, held):
            decision.release(_one(held), operator, self._clock.now(), supervisor=supervisor)
            await self._keep_note(transaction, alert_id, operator, reason)

    @_once
    @again
    async def offer(
        self,
        alert_ids: Sequence[UUID],
        operator: str,
        to: str,
        note: str | None = None,
        *,
        supervisor: bool = False,
        once: str | None = None,
    ) -> None:
        """Offer alerts to another operator who is there: one, or all of a shift that ends."""
        async with self._database.transaction() as transaction:
            now = self._clock.now()
            # Whoever is not there cannot take it; one that takes it for herself is.
            if to != operator and not await presence.is_there(transaction, to, now):
                raise Refused("not_there", f"{to} is not there to take it")
            async with held_in(transaction, alert_ids, once) as held:
                if len(held) < len(set(alert_ids)):
                    raise NotFound("alert")
                for alert in held:
                    decision.offer(alert, operator, to, now, supervisor=supervisor)
            for alert_id in alert_ids if note else ():
                await self._keep_note(transaction, alert_id, operator, note or "")
        measure(held, self._metrics)

    @again
    async def follow(
        self, alert_id: UUID, operator: str, reason: str, *, supervisor: bool = False
    ) -> None:
        """Have the phone say where it is for two hours from now."""
        async with holding(self._database, [alert_id], self._metrics) as (transaction, held):
            now = self._clock.now()
            following.follow_on(_one(held), operator, now, supervisor=supervisor)
            await self._keep_note(transaction, alert_id, operator, reason)

    @again
    async def withdraw_location(
        self, alert_id: UUID, operator: str, reason: str, *, supervisor: bool = False
    ) -> None:
        """End the locating at the holder's own wish, which the operator has verified.

        The register hears of it as well: her next alert is not located either.
        """
        async with holding(self._database, [alert_id], self._metrics) as (transaction, held):
            now = self._clock.now()
            following.withdraw(_one(held), operator, now, supervisor=supervisor)
            await alerts.withdraw_consent(transaction, alert_id, operator, now)
            await self._keep_note(transaction, alert_id, operator, reason)

    @_once
    @again
    async def listen(
        self,
        alert_id: UUID,
        operator: str,
        mode: str,
        *,
        supervisor: bool = False,
        once: str | None = None,
    ) -> None:
        """Let the operator be heard at the phone's end, or not any more."""
        async with holding(self._database, [alert_id], self._metrics, once) as (transaction, held):
            now = self._clock.now()
            listening.listen(_one(held), operator, mode, now, supervisor=supervisor)
            await alerts.listen(transaction, alert_id, mode, now)

    async def _rooms(
        self, transaction: Connection, alert: Alert, *, placed: bool = True
    ) -> list[Room]:
        """Return the rooms to tell; none are looked for where rooms were told already."""
        if alert.with_police:
            return []
        now = self._clock.now()
        found = await self._competence.rooms_for(transaction, [alert.id], now, placed=placed)
        return found[alert.id]

    async def _located(self, transaction: Connection, alert: Alert) -> proof.Located:
        """Say how well the phone has told where it is: never where."""
        rows = await alerts.positions(transaction, alert.id)
        latest = max((row["received_at"] for row in rows), default=alert.opened_at)
        return proof.located(alert, self._whereabouts.estimate(rows, latest))

    async def _keep_note(
        self,
        transaction: Connection,
        alert_id: UUID,
        by: str,
        text: str,
        *,
        for_rooms: bool = False,
    ) -> bool:
        said = alert_id, self._clock.now(), by, text
        return await notes.keep(transaction, self._sealer, *said, for_rooms=for_rooms)


def _one(held: list[Alert]) -> Alert:
    if not held:
        raise NotFound("alert")
    return held[0]
