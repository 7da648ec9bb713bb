"""Arrow 3, what a message to a room says: written once, kept sealed, repeated to the letter.

Serves ``sending``. Promises: what is written is kept, under the alert's own key, with or before its
sending, so that every repetition is the same; a message that cannot be written with all that is
known is written with less, and keeps no other back. What may be told is ``telling``'s and
``script``'s; when it goes, and by which line, is the sender's.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from tgd.geo.locate import Estimate
from tgd.log import fault
from tgd.platform.channels import script
from tgd.platform.channels.adapters import Adapters
from tgd.platform.channels.cisu_message import NOTHING_KNOWN
from tgd.platform.domain.alert import Alert, Dispatch, Envelope
from tgd.platform.domain.outgoing import go_out
from tgd.platform.telling import Telling, Told
from tgd.seal import DataKey, SealBroken, Sealer
from tgd.store import outbox
from tgd.store.db import OUTAGE, Connection

ABOUT = "envelope"
"""What sent envelopes are sealed as."""
LEASE = timedelta(seconds=3)
"""Beside the time-out of the room's lines: what a server that died was sending goes again then."""
_DISPATCH = tuple(field.name for field in fields(Dispatch))
_log = logging.getLogger(__name__)


class Unread(Exception):
    """What first messages are written from cannot be read; its transaction may be lost with it."""


class Written(NamedTuple):
    """A message under way: its row as a claim returns it, and its bytes."""

    row: Mapping[str, Any]
    body: bytes


class Writing:
    """Writes messages; one for the whole server."""

    def __init__(self, sealer: Sealer, adapters: Adapters, sender: script.Sender) -> None:
        self._sealer = sealer
        self._telling = Telling(sealer)
        self._adapters = adapters
        self._sender = sender

    async def background(self, transaction: Connection, alert_id: UUID) -> outbox.Background:
        """Read what ``first`` writes from; raises ``Unread`` where that breaks."""
        try:
            return await outbox.background(transaction, alert_id)
        except OUTAGE:
            raise
        except Exception as failure:
            fault(_log, "what is known of an alert", failure)
            raise Unread from failure

    def first(
        self, alert: Alert, known: outbox.Background, where: Estimate | None, now: datetime
    ) -> list[Written]:
        """Write a held alert's first messages to its rooms, and have them under way from now.

        ``known`` is of the same transaction, ``where`` she is of its positions at ``now``. What is
        under way is saved with the alert, leased to whoever has called, who sends it once that is
        committed. Never raises: what cannot be written here waits to be claimed, as any other.
        """
        try:
            written = self._first(alert, known, where, now)
        except Exception as failure:  # noqa: BLE001  to write it here is only quicker
            fault(_log, "first messages", failure)
            return []
        key = self._key(known.held)
        for envelope, row, body in written:
            slowest_s = max((line["timeout_s"] for line in row["room"]["lines"]), default=0.0)
            until = now + LEASE + timedelta(seconds=slowest_s)
            content = None if key is None else key.seal(body, ABOUT)
            go_out(alert, envelope, now, until, content)
        return [Written(row, body) for _, row, body in written]

    def _first(
        self, alert: Alert, known: outbox.Background, where: Estimate | None, now: datetime
    ) -> list[tuple[Envelope, Mapping[str, Any], bytes]]:
        held = {name: getattr(alert, name, value) for name, value in known.held.items()}
        told = self._telling.of(held, known.known, now, where)
        rows = [(one, _row(alert, one, held, known)) for one in alert.envelopes]
        return [(one, row, self._written(row, told, now)) for one, row in rows]

    async def claimed(
        self, connection: Connection, claimed: Sequence[Mapping[str, Any]], now: datetime
    ) -> list[bytes | None]:
        """Return each claimed message's bytes: those sent before, or new ones, which are kept.

        None stands for one that cannot be written; it is tried again and holds up no other.
        """
        keys = [self._key(row["held"]) for row in claimed]
        bodies = [self._kept(row, key) for row, key in zip(claimed, keys, strict=True)]
        new = [row for row, body in zip(claimed, bodies, strict=True) if body is None]
        told = await self._told(connection, new, now) if new else {}
        kept: list[tuple[UUID, bytes]] = []
        for n, row in enumerate(claimed):
            if bodies[n] is not None:
                continue
            try:
                body = bodies[n] = self._written(row, told[row["held"]["id"]], now)
            except Exception as failure:  # noqa: BLE001  one bad row must not keep the others from theirs
                if row["attempts"] <= 1:
                    fault(_log, "a message", failure)
                continue
            if (key := keys[n]) is not None:
                kept.append((row["envelope_id"], key.seal(body, ABOUT)))
        if kept:
            sealed_by = {row["held"]["id"]: row["held"]["key"] for row in new if row["held"]["key"]}
            await outbox.keep_contents(connection, kept, sealed_by)
        return bodies

    def _written(self, row: Mapping[str, Any], told: Told, now: datetime) -> bytes:
        """Return a message with all that is known or, where that cannot be said, with less."""
        written = self._adapters.of(_by(row["room_line"])).written
        for less in (told, replace(told, hers=NOTHING_KNOWN, notes=(), further=())):
            try:
                return written(script.write(row, less, self._sender, now))
            except Exception as failure:  # noqa: BLE001  what is known must keep nobody from her
                if row["attempts"] <= 1:
                    fault(_log, "a message with all that is known", failure)
        return written(script.write(row, Told(), self._sender, now))

    async def _told(
        self, connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime
    ) -> dict[UUID, Told]:
        """Return what may be told of each alert: opened once, however many rooms are told."""
        alerts = {row["held"]["id"]: row["held"] for row in rows}
        try:
            known = await outbox.known(connection, list(alerts))
        except OUTAGE:
            raise
        except Exception as failure:  # noqa: BLE001  whichever alert it was, the others' messages go
            fault(_log, "what is known of alerts", failure)
            known = await self._known_one_by_one(connection, alerts)
        return {one: self._telling.of(alert, known.get(one), now) for one, alert in alerts.items()}

    async def _known_one_by_one(
        self, connection: Connection, alerts: Iterable[UUID]
    ) -> dict[UUID, outbox.Known]:
        """Return the same without those alerts that break it: their messages go without."""
        found: dict[UUID, outbox.Known] = {}
        for one in alerts:
            try:
                found |= await outbox.known(connection, [one])
            except OUTAGE:
                raise
            except Exception:  # noqa: BLE001  where it failed was said for all of them
                _log.warning("nothing is known of alert %s: its message goes without", one)
        return found

    def _key(self, held: Mapping[str, Any]) -> DataKey | None:
        """Return the alert's key; without it (erased, or away) a message is written anew each time.

        Never a reason not to send: a repetition may then differ, under the same distributionID.
        """
        wrapped = held["key"]
        try:
            return None if wrapped is None else self._sealer.unwrap(wrapped)
        except SealBroken:
            _log.error("an alert's key is not there: its messages cannot be kept")
            return None

    def _kept(self, row: Mapping[str, Any], key: DataKey | None) -> bytes | None:
        """Return what was sent before under this id; None where it is new, or does not open."""
        if key is None or row["content"] is None:
            return None
        try:
            return key.open(row["content"], ABOUT)
        except SealBroken:
            _log.error("what was sent before does not open: it is written anew")
            return None


def _row(
    alert: Alert, envelope: Envelope, held: Mapping[str, Any], known: outbox.Background
) -> dict[str, Any]:
    """Return what ``store.outbox.claim`` would return of a message that is not committed yet."""
    dispatch = next(one for one in alert.dispatches if one.id == envelope.dispatch_id)
    room = known.rooms[str(dispatch.room_id)]
    lines = room["lines"]
    presses = known.known.presses
    latest = (one.pressed_at for one in reversed(presses) if one.id == alert.last_press_id)
    return {
        "envelope_id": envelope.id,
        "held": held,
        "told": {
            **{name: getattr(dispatch, name) for name in _DISPATCH},
            "sheet_revoked_at": None,
        },
        "beneficiary": known.beneficiary,
        "room": room,
        "room_line": next((one for one in lines if one["line"] == envelope.line), None),
        "purpose": envelope.purpose,
        "expires_at": envelope.expires_at,
        "attempts": 1,
        "rooms_told": [
            known.rooms[one.room_id]["address"] for one in alert.standing if one.room_id
        ],
        "latest_press": next(latest, None),
        "doubts": known.doubts,
    }


def _by(line: Mapping[str, Any] | None) -> str:
    """Return the adapter that writes for a line; for none the one that most rooms have."""
    return "https" if line is None else str(line["adapter"])
