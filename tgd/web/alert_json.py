"""The alert as operators and programs see it (docs/protocol.md, "An alert").

Serves arrow 2. Pure: rows in, plain values out. Times are RFC 3339 in UTC, presses newest first,
the position is estimated at ``now`` and carries its radius, age, source and doubts. Sealed things
(raw presses, notes, the agreed word) never come here, nor whether a word was agreed. An alert of
which a part cannot be read is told all the same, as far as it can be.
"""

import base64
import binascii
import logging
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from tgd import sim
from tgd.errors import Invalid
from tgd.geo.locate import Estimate, Judged
from tgd.log import fault
from tgd.platform import typed
from tgd.platform.whereabouts import Whereabouts
from tgd.seal import DataKey, Sealer

Row = Mapping[str, Any]
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class Others(NamedTuple):
    """The persons who are named in an alert: its own, and those of whom else it speaks."""

    person: UUID | None
    follows: UUID | None
    former: UUID | None
    linked: tuple[tuple[UUID, UUID], ...]
    """Alerts with their persons."""

    @property
    def spoken_of(self) -> frozenset[UUID | None]:
        """Whom it speaks of beside its own."""
        return frozenset({self.follows, self.former, *(person for _, person in self.linked)})


_OUR_OWN = "further_press"  # spaces our Updates; nobody waits for it
_TEST = ("at", "by", "kind", "paths", "located", "radius", "batt")
_PRESS = ("id", "pressed_at", "received_at", "age_s", "path", "doubts", "batt")


def others(row: Row) -> Others:
    """Return who is named in an alert of ``store.alerts.page``."""
    former = row["former"]
    return Others(
        row["person"],
        row["follows_person"],
        None if former is None else former[1],
        tuple((alert_id, person) for alert_id, person in row["linked"]),
    )


def without(
    value: dict[str, Any], named: Others, hidden: AbstractSet[UUID | None]
) -> dict[str, Any]:
    """Return an alert without those of whom its reader may know nothing."""
    if not hidden & named.spoken_of:
        return value
    kept = value | {"linked": [str(one) for one, person in named.linked if person not in hidden]}
    if named.follows in hidden:
        kept["follows"] = None
    if named.former in hidden:
        kept["former_beneficiary"] = None
        kept["doubts"] = [doubt for doubt in kept["doubts"] if doubt != "before_handover"]
    return kept


class _Parts:
    """Reads an alert part by part: one that cannot be read leaves the others."""

    def __init__(self) -> None:
        self.lost = 0

    def __call__(self, read: Callable[..., _T], *values: Any) -> _T | None:
        """Return what is read; None where that fails, which is on the log."""
        try:
            return read(*values)
        except Exception as error:  # noqa: BLE001  what else is known of her is to be seen
            fault(_log, "reading a part of an alert", error)
            self.lost += 1
            return None

    def each(self, read: Callable[..., _T], rows: Iterable[Any], *values: Any) -> list[_T]:
        """Return those that can be read."""
        found = (self(read, row, *values) for row in rows)
        return [one for one in found if one is not None]


def alert(
    row: Row,
    whereabouts: Whereabouts,
    now: datetime,
    unread: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Return one alert out of a row of ``store.alerts.page``.

    What cannot be read of it is missing: that is a doubt, and ``unread`` is called.
    """
    own, sealer, part = row["alert"], whereabouts.sealer, _Parts()
    key = part(_key, row, sealer)
    presses = part.each(_press, row["presses"])
    found = part(position, whereabouts.estimate(row["positions"], now))
    running = [one for one in row["deadlines"] if one["name"] != _OUR_OWN]
    value = {
        **_identity(own),
        **_progress(own),
        "forwards": own["known"] and part(_forwards, own["plan"]) is not False,
        "outcome": part(outcome, own["outcome"], key, own["id"]),
        "beneficiary": row["beneficiary"],
        "former_beneficiary": None if row["former"] is None else row["former"][0],
        "number": sim.opened(sealer, own["device"], row["sim"], row["sim_key"]).msisdn,
        "last_test": part(_test, row["last_test"]),
        "last_note": part(_note, row["last_note"]),
        "linked": [str(alert_id) for alert_id, _ in row["linked"]],
        "presses": presses,
        "position": found,
        "deadlines": part.each(_deadline, running),
        "dispatches": part.each(_dispatch, row["dispatches"], key, row["live"]),
        "tasks": part.each(_task, row["tasks"]),
    }
    lost = part.lost > 0 or row.get("unread", False)
    if lost:
        unread()
    former = row["former"] is not None
    return {**value, "doubts": _doubts(own, presses, found, former=former, lost=lost)}


def journal_entry(row: Row) -> dict[str, Any]:
    """Return one entry of the journal."""
    return {
        "no": row["no"],
        "number": row["number"],
        "at": stamp(row["at"]),
        "actor": row["actor"],
        "kind": row["kind"],
        "details": row["details"],
        "hash": row["hash"].hex(),
    }


def stamp(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def at(moment: datetime | None) -> str | None:
    """Return a time as ``stamp`` does; None of none."""
    return None if moment is None else stamp(moment)


def cursor(moment: datetime, last: UUID) -> str:
    """Return what a page's ``next`` says: behind which row the following page begins."""
    return base64.urlsafe_b64encode(f"{moment.isoformat()} {last}".encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> tuple[datetime, UUID] | None:
    """Return what a cursor says; raises ``Invalid``."""
    if cursor is None:
        return None
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        at, _, last = (
            base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition(" ")
        )
        moment, found = datetime.fromisoformat(at), UUID(last)
    except (ValueError, binascii.Error):
        raise Invalid("cursor", "is none that a page's next has given") from None
    if moment.tzinfo is None:
        raise Invalid("cursor", "is none that a page's next has given")
    return moment, found


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _identity(own: Row) -> dict[str, Any]:
    return {
        "id": str(own["id"]),
        "case_id": own["case_id"],
        "device": own["device"],
        "known": own["known"],
        "follows": _text(own["follows"]),
        "consent": own["consent"],
        "listen": _listen(own),
        "rescued": own["rescued"],
    }


def _listen(own: Row) -> str:
    """Return whether the line is silent now: her file's word, unless an operator acted since."""
    acted = own["line_at"] is not None and own["line_at"] >= own["last_press_at"]
    return str(own["line"] if acted else own["listen"])


def _progress(own: Row) -> dict[str, Any]:
    heard_at = own["holder_heard_at"]
    return {
        "status": own["status"],
        "opened_at": stamp(own["opened_at"]),
        "rings": _rings(own),
        "last_press": str(own["last_press_id"]),
        "last_press_at": stamp(own["last_press_at"]),
        "answered_by": own["answered_by"],
        "offered_to": own["offered_to"],
        "released_at": at(own["released_at"]),
        "answered_at": at(own["answered_at"]),
        "voice": own["voice"],
        "holder_heard": heard_at is not None and heard_at >= own["last_press_at"],
        "holder_heard_at": at(heard_at),
        "extended": own["extended"],
        "verdict": own["verdict"],
        "verdict_by": own["verdict_by"],
        "verdict_at": at(own["verdict_at"]),
        "reason": own["reason"],
        "police_at": at(own["police_at"]),
        "contact_lost_at": at(own["contact_lost_at"]),
        "closed_at": at(own["closed_at"]),
        "closed_by": own["closed_by"],
    }


def _forwards(plan: Mapping[str, Any]) -> bool:
    return bool(plan["forward"])


def _rings(own: Row) -> str | None:
    """Return whom it rings; None while somebody has it in charge, and once it is closed."""
    held = own["answered_by"] is not None and own["released_at"] is None
    return None if held or own["status"] == "closed" else str(own["rings"])


def _press(values: Iterable[Any]) -> dict[str, Any]:
    press = dict(zip(_PRESS, values, strict=True))
    return {
        **press,
        "id": str(press["id"]),
        "pressed_at": stamp(press["pressed_at"]),
        "received_at": stamp(press["received_at"]),
        "age_s": round(press["age_s"], 3),
        "doubts": [doubt for doubt in press["doubts"] if doubt],
    }


def _test(values: Iterable[Any] | None) -> dict[str, Any] | None:
    """Return her latest test with this phone; whether a word was part of it is not said here."""
    if values is None:
        return None
    test = dict(zip(_TEST, values, strict=True))
    return {**test, "at": stamp(test["at"])}


def _note(values: Iterable[Any] | None) -> dict[str, Any] | None:
    """Return when the latest note was written, and by whom; what it says is read apart."""
    if values is None:
        return None
    moment, by = values
    return {"at": stamp(moment), "by": by}


def position(found: Estimate | None) -> dict[str, Any] | None:
    """Return an estimate: WGS 84 degrees, metres, seconds, km/h, degrees from north."""
    if found is None:
        return None
    return {
        "lat": found.lat,
        "lon": found.lon,
        "r95_m": round(found.r95_m, 1),
        "fixed_at": stamp(found.fixed_at),
        "age_s": round(found.age_s, 3),
        "method": found.method,
        "speed_kmh": None if found.speed_kmh is None else round(found.speed_kmh, 1),
        "heading_deg": None if found.heading_deg is None else round(found.heading_deg),
        "doubts": list(found.doubts),
    }


def fix(one: Judged) -> dict[str, Any]:
    """Return one of the fixes behind an estimate, with what is thought of it."""
    return {
        "lat": one.lat,
        "lon": one.lon,
        "r95_m": round(one.r95_m, 1),
        "fixed_at": stamp(one.fixed_at),
        "age_s": round(one.age_s, 3),
        "method": one.method,
        "doubts": list(one.doubts),
    }


def _doubts(
    own: Row,
    presses: list[dict[str, Any]],
    place: dict[str, Any] | None,
    *,
    former: bool,
    lost: bool,
) -> list[str]:
    """Return every doubt once. A press without a position is no doubt once there is one.

    Whether she may be located is the alert's to say: what the register says meanwhile does not
    concern it, and what she herself has ended is not in its presses.
    """
    found = [doubt for press in presses for doubt in press["doubts"]]
    if own["located"]:
        found = [doubt for doubt in found if doubt != "location_refused"]
    elif not own["rescued"]:
        found.append("location_refused")
    if place is not None:
        found = [doubt for doubt in found if doubt != "location_absent"] + place["doubts"]
    elif own["located"]:
        found.append("location_absent")
    if own["contact_lost_at"] is not None:
        found.append("contact_lost")
    if former:
        found.append("before_handover")
    if lost:
        found.append("alert_unreadable")
    return list(dict.fromkeys(found))


def _deadline(row: Row) -> dict[str, Any]:
    return {
        "name": row["name"],
        "due_at": stamp(row["due_at"]),
        "late": row["late"],
        "dispatch": _text(row["dispatch_id"]),
    }


def outcome(kept: str | None, key: DataKey | None, alert_id: UUID) -> str | None:
    """Return how an alert ended: a code, or an operator's own words as long as they are kept."""
    return kept and (typed.read(key, kept, alert_id) or "in_words")


def _key(row: Row, sealer: Sealer) -> DataKey | None:
    return typed.unlock(sealer, row["alert"]["key"]) if _is_typed(row) else None


def _is_typed(row: Row) -> bool:
    """Say whether anything of an alert was typed by hand: only then its key is looked for."""
    some = (row["alert"]["outcome"], *(d["acknowledged_by"] for d in row["dispatches"]))
    return any(text is not None and text.startswith(typed.SEALED) for text in some)


def _dispatch(row: Row, key: DataKey | None, live: Iterable[UUID]) -> dict[str, Any]:
    """Return one dispatch; ``live``: those whose line has been proved. None: it has no line."""
    by, alert_id = row["acknowledged_by"], row["alert_id"]
    return {
        "id": str(row["id"]),
        "room": row["room_id"],
        "line": row["line"],
        "lead": row["lead"],
        "live": row["id"] in live if row["lines"] else None,
        "state": row["state"],
        "attempts": row["attempts"],
        "acknowledged_at": at(row["acknowledged_at"]),
        "acknowledged_by": by and (typed.read(key, by, alert_id) or "telephone"),
        "reference": typed.read(key, row["reference"], alert_id),
        "withdrawn_at": at(row["withdrawn_at"]),
        "sheet_opened_at": at(row["sheet_opened_at"]),
        "sheet_revoked_at": at(row["sheet_revoked_at"]),
    }


def _task(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "kind": row["kind"],
        "about": row["about"],
        "room": row["room_id"],
        "number": row["number"],
        "red": row["red"],
        "raised_at": stamp(row["raised_at"]),
    }
