"""The alert as operators and programs see it (docs/protocol.md, "An alert").

Serves arrow 2. Pure: rows in, plain values out. Times are RFC 3339 in UTC, presses newest first,
the position is estimated at ``now`` and carries its radius, age, source and doubts. Sealed things
(raw presses, notes, the agreed word) never come here, nor whether a word was agreed.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tgd.errors import Invalid
from tgd.geo.locate import Estimate, Judged
from tgd.platform.whereabouts import Whereabouts

Row = Mapping[str, Any]

_OUR_OWN = "further_press"  # spaces our Updates; nobody waits for it
_TEST = ("at", "by", "kind", "paths", "located", "radius", "batt")
_PRESS = ("id", "pressed_at", "received_at", "age_s", "path", "doubts", "batt")


def alert(row: Row, whereabouts: Whereabouts, now: datetime) -> dict[str, Any]:
    """Return one alert out of a row of ``store.alerts.page``."""
    own = row["alert"]
    presses = [_press(press) for press in row["presses"]]
    found = position(whereabouts.estimate(row["positions"], now))
    return {
        **_identity(own),
        **_progress(own),
        "beneficiary": row["beneficiary"],
        "former_beneficiary": row["former"],
        "number": row["number"],
        "last_test": _test(row["last_test"]),
        "linked": [str(alert_id) for alert_id in row["linked"]],
        "presses": presses,
        "position": found,
        "doubts": _doubts(own, presses, found, row["former"]),
        "deadlines": [_deadline(d) for d in row["deadlines"] if d["name"] != _OUR_OWN],
        "dispatches": [_dispatch(dispatch) for dispatch in row["dispatches"]],
        "tasks": [_task(task) for task in row["tasks"]],
    }


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
        "rings": own["rings"],
        "forwards": own["known"] and own["plan"]["forward"],
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
        "outcome": own["outcome"],
        "closed_at": at(own["closed_at"]),
        "closed_by": own["closed_by"],
    }


def _press(values: Iterable[Any]) -> dict[str, Any]:
    press = dict(zip(_PRESS, values, strict=True))
    return {
        **press,
        "id": str(press["id"]),
        "pressed_at": stamp(press["pressed_at"]),
        "received_at": stamp(press["received_at"]),
        "age_s": round(press["age_s"], 3),
    }


def _test(values: Iterable[Any] | None) -> dict[str, Any] | None:
    """Return her latest test with this phone; whether a word was part of it is not said here."""
    if values is None:
        return None
    test = dict(zip(_TEST, values, strict=True))
    return {**test, "at": stamp(test["at"])}


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
    own: Row, presses: list[dict[str, Any]], place: dict[str, Any] | None, former: str | None
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
    if former is not None:
        found.append("before_handover")
    return list(dict.fromkeys(found))


def _deadline(row: Row) -> dict[str, Any]:
    return {
        "name": row["name"],
        "due_at": stamp(row["due_at"]),
        "late": row["late"],
        "dispatch": _text(row["dispatch_id"]),
    }


def _dispatch(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "room": row["room_id"],
        "line": row["line"],
        "lead": row["lead"],
        "state": row["state"],
        "attempts": row["attempts"],
        "acknowledged_at": at(row["acknowledged_at"]),
        "acknowledged_by": row["acknowledged_by"],
        "reference": row["reference"],
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
