"""What a control room is told: one message of a case, written from an alert's rows.

Serves arrow 3, between the claimed row and the pure envelope of ``cisu_case``. Texts are French,
short, and say first what the room must know. Names and addresses are not known here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tgd.geo.locate import Estimate
from tgd.platform.channels import cisu_case, cisu_wire

WHY = {
    "press, not answered": "appui non répondu par un opérateur, transmis sans levée de doute",
    "no voice recorded": "aucune voix entendue après l'appui, transmis sans levée de doute",
    "doubt not lifted": "danger non écarté dans le délai, transmis sans levée de doute",
    "coercion": "mot de sûreté non donné : contrainte possible",
}
VERDICTS = {
    "no_danger": "l'opérateur n'a pas constaté de danger",
    "test": "l'opérateur a reconnu un essai",
    "accidental": "l'opérateur a reconnu un appui involontaire",
    "police": "l'opérateur confirme la demande d'intervention",
}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: our CISU identifier, the operators' number, the code of what happened."""

    sender_id: str
    callback: str | None
    nature: str


def write(
    row: Mapping[str, Any], estimate: Estimate | None, sender: Sender, now: datetime
) -> bytes:
    """Return the encoded envelope for one claimed row (see ``store.outbox.claim``)."""
    alert, room = row["held"], row["room"]
    rooms: Sequence[str] = row["rooms_told"]
    message = cisu_case.CaseMessage(
        distribution_id=cisu_wire.distribution_id(sender.sender_id, row["envelope_id"]),
        sender_id=sender.sender_id,
        room=room["address"],
        sent_at=now,
        expires_at=row["expires_at"],
        exercise=False,
        kind="Report" if row["purpose"] == "report" else "Update",
        case_id=alert["case_id"],
        alert_id=str(alert["id"]),
        case_created_at=alert["police_at"],
        alert_opened_at=alert["opened_at"],
        reason=_reason(alert, row["purpose"]),
        position=_place(estimate),
        presses=max(1, alert["presses"]),
        last_press_at=row["latest_press"] or alert["last_press_at"],
        device_label=alert["device"],
        beneficiary_label=row["beneficiary"],
        phone=row["number"],
        callback=sender.callback,
        operator_id=alert["answered_by"],
        voice=alert["voice"],
        doubts=_doubts(row, estimate),
        lead=rooms[0] if len(rooms) > 1 else None,
        others=tuple(rooms[1:]),
        nature=sender.nature,
    )
    return cisu_wire.encode(cisu_case.envelope(message))


def _reason(
    alert: Mapping[str, Any],
    purpose: Literal["report", "press", "verdict", "contact", "position"],
) -> str:
    if purpose == "press":
        return "nouvel appui sur le téléphone : à consulter de nouveau"
    if purpose == "contact":
        return "contact perdu avec le téléphone"
    if purpose == "position":
        return "position nouvelle du téléphone"
    if purpose == "verdict":
        if alert["verdict"] == "forwarded":
            return WHY.get(alert["reason"], WHY["coercion"])
        told = VERDICTS.get(alert["verdict"], alert["verdict"])
        return f"pour information, la salle décide : {told}"
    why = WHY.get(alert["reason"], "transmis sans levée de doute")
    if alert["verdict"] == "police":
        why = "danger retenu par l'opérateur"
    return why if alert["contact_lost_at"] is None else f"{why}, contact perdu avec le téléphone"


def _doubts(row: Mapping[str, Any], estimate: Estimate | None) -> tuple[str, ...]:
    """Return what is doubtful about the case: its presses' doubts, and those of the whole."""
    alert = row["held"]
    found = set(row["doubts"]) - {"location_absent"}
    # A rescued alert has no position whatever the holder agreed to: that is not her refusal.
    if alert["consent"] == "refused" and not alert["rescued"]:
        found.add("location_refused")
    elif estimate is None:
        found.add("location_absent")
    if alert["located"]:  # what the register says meanwhile does not concern this alert
        found.discard("location_refused")
    if alert["contact_lost_at"] is not None:
        found.add("contact_lost")
    return tuple(sorted(found))


def _place(estimate: Estimate | None) -> cisu_case.Place | None:
    if estimate is None:
        return None
    return cisu_case.Place(
        lat=estimate.lat,
        lon=estimate.lon,
        r95_m=estimate.r95_m,
        fixed_at=estimate.fixed_at,
        age_s=estimate.age_s,
        method=estimate.method,
        speed_kmh=estimate.speed_kmh,
        heading_deg=estimate.heading_deg,
        doubts=estimate.doubts,
    )
