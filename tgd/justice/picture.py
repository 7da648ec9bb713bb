"""What the office is shown: phones, assignments, requests and releases as plain values.

Serves the pages and the command line. Promises: of a person no more than a label and initials; of a
SIM no more than the last four digits; the red list with its reasons beside every phone, derived at
that moment. Rows in, values out; times are aware and left to the caller to write.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tgd import sim
from tgd.justice import files
from tgd.justice.domain import life, red_list
from tgd.justice.files import Files
from tgd.seal import Sealer

Row = Mapping[str, Any]


def phone(row: Row, sealer: Sealer, kept: Files, now: datetime) -> dict[str, Any]:
    """Return one phone of ``store.stock.listed``."""
    held = row["assignment_id"] is not None
    contact = max(
        (at for at in (row["heartbeat_at"], row["last_press_at"]) if at is not None), default=None
    )
    reasons = red_list.reasons(_seen(row, contact), now)
    card = sim.opened(sealer, row["id"], row["sim"], row["key"])
    return {
        "id": row["id"],
        "device": row["id"],
        "tribunal": row["tribunal_id"],
        "lent_to": row["lent_to"],
        "state": row["state"],
        "state_at": row["state_at"],
        "label": row["label"],
        "imei": row["imei"],
        "sim": {"iccid": _last(card.iccid), "msisdn": _last(card.msisdn)},
        "generation": row["generation"],
        "firmware": row["firmware"],
        "lost_at": row["lost_at"],
        "compromised_at": row["compromised_at"],
        "compromised_by": row["compromised_by"],
        "muted_at": row["muted_at"],
        "muted_by": row["muted_by"],
        "assignment": row["assignment_id"],
        "assignment_status": row["status"],
        "holder": _holder(row, kept) if held else None,
        "handed_over_at": row["handed_over_at"],
        "ends_at": row["ends_at"],
        "days_left": _days(row, now) if held else None,
        "last_test_at": row["last_test_at"],
        "last_press_at": row["last_press_at"],
        "battery": row["battery"],
        "last_contact_at": contact,
        "ending": _ending(row, now) if held else None,
        "credential": None if row["credential"] is None else {
            "state": row["credential"],
            "since": row["enrolled_at"],
            "until": row["certificate_until"],
        },
        "red_list": reasons,
        "red": bool(reasons),
    }  # fmt: skip


def assignment(row: Row, sealer: Sealer, kept: Files, now: datetime) -> dict[str, Any]:
    """Return one assignment of ``store.assignments.listed``."""
    said = files.words(sealer, row["id"], (row["content"], row["key"]))
    consents = row["consents"] or {}
    plain = (
        "request_id", "replaces", "decided_by", "handed_over_at", "tested_at", "tested_by",
        "ended_at", "ended_by", "end_reason", "returned_at", "returned_by", "wiped_at", "wiped_by",
    )  # fmt: skip
    return {
        "id": row["id"],
        "device": row["device_id"],
        "tribunal": row["tribunal_id"],
        "status": row["status"],
        "beneficiary": _holder(row, kept),
        "legal_basis": row["legal_basis"],
        "order": None if said.order is None else {
            "reference": said.order.reference,
            "issued_at": said.order.issued_at,
            "expires_at": said.order.expires_at,
        },
        "consents": {kind: consents.get(kind) for kind in life.CONSENTS},
        "starts_at": row["starts_at"],
        "term_at": row["term_at"] or row["starts_at"],
        "ends_at": row["ends_at"],
        "days_left": _days(row, now),
        "expired": row["ended_at"] is None and row["ends_at"] <= now,
        "warning": life.warned(row["ends_at"], now) if row["ended_at"] is None else None,
        "ending": _ending(row, now),
        "renewals": row["renewals"],
        **{name.removesuffix("_id"): row[name] for name in plain},
        "reason": row["end_reason"],
        "listen": row["listen"],
        "word_agreed": row["word_agreed"],
        "linked": row["linked"],
        "conflicts": row["conflicts"],
        "notes": [{"at": n.at, "by": n.by, "about": n.about, "text": n.text} for n in said.notes],
    }  # fmt: skip


def request(row: Row, kept: Files) -> dict[str, Any]:
    """Return one request of ``store.requests.listed``; ``place`` counts from 1."""
    return {
        "id": row["id"],
        "tribunal": row["tribunal_id"],
        "beneficiary": _holder(row, kept),
        "status": row["status"],
        "reason": row["reason"],
        "reason_at": row["reason_at"],
        "place": row["place"],
        "asked_at": row["asked_at"],
        "source": row["source"],
        "means": row["means"],
        "legal_basis": row["legal_basis"],
        "recorded_by": row["recorded_by"],
        "decided_at": row["decided_at"],
        "decided_by": row["decided_by"],
        "assignment": row["assignment_id"],
    }


def release(row: Row) -> dict[str, Any]:
    """Return one release of ``store.requests.releases``."""
    return {
        "id": row["id"],
        "tribunal": row["tribunal_id"],
        "beneficiary": {"id": row["beneficiary_id"], "label": row["beneficiary"]},
        "kind": row["kind"],
        "happens_at": row["happens_at"],
        "recorded_at": row["recorded_at"],
        "recorded_by": row["recorded_by"],
        "device": row["device_id"],
        "evaluated_at": row["evaluated_at"],
        "evaluated_by": row["evaluated_by"],
        "outcome": row["outcome"],
    }


def _seen(row: Row, contact: datetime | None) -> red_list.Seen:
    since, pressed = row["handed_over_at"], row["last_press_at"]
    return red_list.Seen(
        device_state=row["state"],
        compromised=row["compromised_at"] is not None,
        generation=row["generation"],
        status=row["status"],
        handed_over_at=since,
        ends_at=row["ends_at"],
        pressed_at=pressed if since and pressed and pressed >= since else None,
        tested_at=row["last_test_at"],
        heard_at=contact if since and contact and contact >= since else None,
        battery=row["battery"],
        wiped=row["wiped"],
        consented=row["consented"],
        legal_basis=row["legal_basis"],
        evaluation_due=row["evaluation_due"],
    )


def _holder(row: Row, kept: Files) -> dict[str, Any]:
    return {
        "id": row["beneficiary_id"],
        "label": row["beneficiary"],
        "initials": kept.initials(row["beneficiary_id"], row["file"], row["file_key"]),
    }


def _days(row: Row, now: datetime) -> int | None:
    """Return whole days until the term ends, 0 once it has; None once the assignment has ended."""
    if row["ended_at"] is not None:
        return None
    left: int = (row["ends_at"] - now).days
    return max(0, left)


def _ending(row: Row, now: datetime) -> dict[str, Any] | None:
    """Return which step of a term's end is due, and who has taken note of it."""
    days = life.warning(row["ends_at"], now) if row["ended_at"] is None else None
    if days is None:
        return None
    seen = row["seen_days"] is not None and row["seen_days"] <= days
    by, at = (row["seen_by"], row["seen_at"]) if seen else (None, None)
    return {"days": days, "seen_at": at, "seen_by": by}


def _last(number: str | None) -> str | None:
    return None if number is None else f"…{number[-4:]}"


def found(row: Row, files: Files) -> dict[str, Any]:
    """Return a person who was looked for: a label, initials, and where to read on."""
    return {
        "id": row["beneficiary_id"],
        "label": row["beneficiary"],
        "initials": files.initials(row["beneficiary_id"], row["file"], row["file_key"]),
        "assignment": row["assignment_id"],
        "device": row["device_id"],
        "status": row["status"],
        "request": row["request_id"],
        "request_status": row["request_status"],
    }
