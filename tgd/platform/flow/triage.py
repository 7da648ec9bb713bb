"""Arrow 2, alert → decision: what operators do, each act one transaction.

Promises: an act is whole or has not happened; two operators cannot both take an alert; the
dispatches of a verdict ``police`` stand in the same transaction as the verdict. The rules are in
``domain.decision``; who may call is the web's business; sending is the next arrow's.
"""

import hmac
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import wraps
from typing import ParamSpec
from uuid import UUID

from tgd.clock import Clock
from tgd.config import Deadlines
from tgd.errors import Invalid, NotFound, Refused
from tgd.geo.sealed import open_fix, seal_fix
from tgd.metrics import Metrics
from tgd.platform.competence import Competence
from tgd.platform.domain import deadlines, decision, dispatch, following, listening, proof
from tgd.platform.domain.alert import CLOSING_VERDICTS, VERDICTS, Alert
from tgd.platform.domain.routing import Room
from tgd.platform.holding import Repeated, frozen, held_in, holding, measure, not_done
from tgd.platform.whereabouts import Whereabouts
from tgd.seal import DataKey, SealBroken, Sealer
from tgd.store import alerts, phone_tests, presence
from tgd.store.db import Connection, Database, again

VOICES = ("holder", "child", "other", "nobody")
WORD_ABOUT = "all-clear word"
_P = ParamSpec("_P")
_log = logging.getLogger(__name__)


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
        *,
        forward_unverified: bool,
    ) -> None:
        self._database = database
        self._competence = competence
        self._clock = clock
        self._sealer = sealer
        self._whereabouts = Whereabouts(sealer)
        self._metrics = metrics
        self._plan = deadlines.plan(limits, forward_unverified=forward_unverified)

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
        try:
            return await self._decided(
                *(alert_id, operator, verdict, seen, note, all_clear_word, once),
                supervisor=supervisor,
            )
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
    ) -> tuple[UUID, bool]:
        async with self._database.transaction() as transaction:
            await not_done(transaction, [alert_id], once)  # before another is opened for it
            target, new = alert_id, False
            if verdict == "police":
                target, new = await self._still_open(transaction, alert_id)
            async with held_in(transaction, [target], once) as held:
                alert = _one(held)
                word_right = None  # sending the police must not fail on a word
                if verdict in CLOSING_VERDICTS:
                    word_right = await self._word_right(transaction, alert, all_clear_word)
                    # Its closing takes the positions: read before.
                    located = await self._located(transaction, alert)
                sends = verdict == "police" or word_right is False
                decision.decide(
                    alert,
                    operator,
                    verdict,
                    seen,
                    self._clock.now(),
                    await self._rooms(transaction, alert) if sends else [],
                    word_right=word_right,
                    supervisor=supervisor,
                )
            if proof.passed(alert):
                word: phone_tests.Word = "none_agreed" if word_right is None else "given"
                proved = located._asdict()
                await phone_tests.keep(transaction, target, "fortnightly", **proved, word=word)
            if target != alert_id:
                now = self._clock.now()
                await phone_tests.void(transaction, alert_id, target, operator, now)
            if note:
                await self._keep_note(transaction, target, operator, note)
        measure(held, self._metrics)
        return target, new

    @_once
    @again
    async def note(
        self, alert_id: UUID, operator: str, text: str, *, once: str | None = None
    ) -> None:
        """Add a note, sealed under the alert's key; on a closed alert too."""
        async with holding(self._database, [alert_id], self._metrics, once) as (transaction, held):
            _one(held).record(self._clock.now(), operator, "note")
            if not await self._keep_note(transaction, alert_id, operator, text):
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
            decision.close(_one(held), operator, outcome, self._clock.now())
            if note:
                await self._keep_note(transaction, alert_id, operator, note)

    @_once
    @again
    async def voice_handoff(
        self,
        alert_id: UUID,
        operator: str,
        room: str,
        call_taker: str,
        reference: str,
        *,
        once: str | None = None,
    ) -> None:
        """Record the hand-off by telephone: it counts as an acknowledgement."""
        async with holding(self._database, [alert_id], self._metrics, once) as (_, held):
            now = self._clock.now()
            dispatch.handed_off(_one(held), operator, room, call_taker, reference, now)

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

    async def _rooms(self, transaction: Connection, alert: Alert) -> list[Room]:
        """Return the rooms to tell; none are looked for where rooms were told already."""
        if alert.with_police:
            return []
        found = await self._competence.rooms_for(transaction, [alert.id], self._clock.now())
        return found[alert.id]

    async def _still_open(self, transaction: Connection, alert_id: UUID) -> tuple[UUID, bool]:
        """Return the alert itself while it is open, else the phone's other or a new one."""
        standing = await alerts.standing(transaction, alert_id)
        if standing is None:
            raise NotFound("alert")
        device, status = standing
        if status != "closed":
            return alert_id, False
        # One open alert per phone: whoever comes second finds the first one's.
        key, plan = self._sealer.new_key(), frozen(self._plan)
        now = self._clock.now()
        while True:
            opened = await alerts.open_follow_up(transaction, alert_id, now, key.wrapped, plan)
            if opened is not None:
                await self._bring_positions(transaction, alert_id, opened, key)
                return opened, True
            other = await alerts.open_for(transaction, device)
            if other is not None:  # else it was closed in between
                return other, False

    async def _bring_positions(
        self, transaction: Connection, before: UUID, opened: UUID, key: DataKey
    ) -> None:
        """Seal what is still kept of where the phone was for its new alert as well."""
        moved = []
        for row in await alerts.positions(transaction, before):
            try:
                fix = open_fix(row["fix"], self._sealer.unwrap(row["key"]))
            except SealBroken:
                continue  # erased in this very moment, or its key is away: the alert goes on
            moved.append((row["no"], seal_fix(fix, key)))
        if moved:
            await alerts.bring_positions(transaction, opened, key.wrapped, moved)

    async def _located(self, transaction: Connection, alert: Alert) -> proof.Located:
        """Say how well the phone has told where it is: never where."""
        rows = await alerts.positions(transaction, alert.id)
        latest = max((row["received_at"] for row in rows), default=alert.opened_at)
        return proof.located(alert, self._whereabouts.estimate(rows, latest))

    async def _word_right(
        self, transaction: Connection, alert: Alert, given: str | None
    ) -> bool | None:
        sealed = await alerts.agreed_word(transaction, alert.id)
        if sealed is None:
            return None
        agreed = self._sealer.open(sealed, WORD_ABOUT).decode()
        return hmac.compare_digest(proof.spoken(agreed), proof.spoken(given or ""))

    async def _keep_note(
        self, transaction: Connection, alert_id: UUID, author: str, text: str
    ) -> bool:
        """Keep what an act was said with; False where the alert's key is away: the act stands."""
        wrapped = await alerts.key_of(transaction, alert_id)
        if wrapped is None:
            raise Refused("erased", "what was kept under this alert has been erased")
        try:
            key = self._sealer.unwrap(wrapped)
        except SealBroken:
            _log.error("a note of alert %s cannot be kept: its key is away", alert_id)
            return False
        sealed = key.seal(text.encode(), f"note {alert_id}")
        await alerts.add_note(transaction, alert_id, self._clock.now(), author, sealed)
        return True


def _one(held: list[Alert]) -> Alert:
    if not held:
        raise NotFound("alert")
    return held[0]
