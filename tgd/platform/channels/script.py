"""What a control room is told: one message of a case, written from an alert's rows.

Serves arrow 3, between the claimed row and the pure envelope of ``cisu_case``. Texts are French,
short, and say first what the room must know. Names and addresses are not known here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal
from uuid import UUID

from tgd.platform.channels import cisu_message, cisu_risks, cisu_wire
from tgd.platform.channels.sheet_link import Links
from tgd.platform.telling import Told

WHY = {
    "press, not answered": "appui non répondu par un opérateur, transmis sans levée de doute",
    "no voice recorded": "aucune voix entendue après l'appui, transmis sans levée de doute",
    "doubt not lifted": "danger non écarté dans le délai, transmis sans levée de doute",
    "coercion": "mot de sûreté non donné : contrainte possible",
}
_KINDS: Mapping[str, Literal["Report", "Update", "Cancel"]] = MappingProxyType(
    {"report": "Report", "cancel": "Cancel"}
)
_NEWS: Mapping[str, str] = MappingProxyType(
    {
        "press": "nouvel appui sur le téléphone : à consulter de nouveau",
        "contact": "contact perdu avec le téléphone",
        "position": "position nouvelle du téléphone",
        "fact": "fait nouveau à la plateforme : voir ci-dessous",
        "cancel": "affaire adressée à votre salle par erreur : n'en plus tenir compte",
    }
)
VERDICTS = {
    "no_danger": "l'opérateur n'a pas constaté de danger",
    "test": "l'opérateur a reconnu un essai",
    "accidental": "l'opérateur a reconnu un appui involontaire",
    "police": "l'opérateur confirme la demande d'intervention",
}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: our CISU identifier, the operators' number, the code of what happened.

    ``links`` makes the addresses of sheets, where there are any.
    """

    sender_id: str
    callback: str | None
    nature: str
    links: Links | None = None


def write(
    row: Mapping[str, Any], told: Told, sender: Sender, now: datetime
) -> cisu_message.CaseMessage:
    """Return what one claimed row says (see ``store.outbox.claim``), of what is known."""
    alert, room = row["held"], row["room"]
    neighbour = row["told"]["stands_in_for"] is not None  # is told what it needs to go
    rooms: Sequence[str] = row["rooms_told"]
    return cisu_message.CaseMessage(
        distribution_id=cisu_wire.distribution_id(sender.sender_id, row["envelope_id"]),
        sender_id=sender.sender_id,
        room=room["address"],
        sent_at=now,
        expires_at=row["expires_at"],
        exercise=False,
        kind=_KINDS.get(row["purpose"], "Update"),
        case_id=alert["case_id"],
        alert_id=str(alert["id"]),
        case_created_at=alert["police_at"],
        alert_opened_at=alert["opened_at"],
        reason=_reason(alert, row["purpose"]),
        position=told.position,
        first_position=told.first_position,
        first_press_at=told.first_press_at,
        first_doubts=told.first_doubts,
        further=told.further,
        presses=max(1, alert["presses"]),
        last_press_at=row["latest_press"] or alert["last_press_at"],
        device_label=alert["device"],
        beneficiary_label=None if neighbour else row["beneficiary"],
        hers=cisu_risks.least(told.hers) if neighbour else told.hers,
        phone=None if neighbour else told.number,
        callback=sender.callback,
        operator_id=alert["answered_by"],
        voice=alert["voice"],
        silent=_silent(alert),
        danger_retained=alert["verdict"] == "police" or alert["coerced"],
        doubts=_doubts(row, told.position),
        notes=() if neighbour else told.notes,
        lead=rooms[0] if len(rooms) > 1 else None,
        others=tuple(rooms[1:]),
        nature=sender.nature,
        sheet=None if sender.links is None else sender.links.of(row["told"], now),
    )


def _silent(alert: Mapping[str, Any]) -> bool:
    """Say whether nobody had spoken to the platform as the case began."""
    if alert["voice_at"] is None or alert["voice_at"] > alert["police_at"]:
        return alert["verdict_by"] is None or alert["reason"] is not None
    return bool(alert["voice"] == "nobody")


def exercise(
    room: str,
    message_id: UUID,
    case_id: str,
    line: str,
    sender: Sender,
    now: datetime,
    until: datetime,
) -> cisu_message.CaseMessage:
    """Return a test of one line, to the room of that address: nobody, nowhere, nobody to be sent.

    ``case_id`` is of the caller's making (letters, digits, - and _) and no alert's; ``line`` says
    in words which line is tried.
    """
    return cisu_message.CaseMessage(
        distribution_id=cisu_wire.distribution_id(sender.sender_id, message_id),
        sender_id=sender.sender_id,
        room=room,
        sent_at=now,
        expires_at=until,
        exercise=True,
        kind="Report",
        case_id=case_id,
        alert_id=case_id,
        case_created_at=now,
        alert_opened_at=now,
        reason=(
            f"Essai de la ligne {line} : une personne de la salle le consulte (CONSULTE) et donne"
            f" son nom par téléphone, avec le numéro {case_id}."
        ),
        position=None,
        presses=0,
        last_press_at=now,
        device_label="essai",
        beneficiary_label="Essai, personne fictive",
        callback=sender.callback,
        nature=sender.nature,
    )


def _reason(alert: Mapping[str, Any], purpose: str) -> str:
    if purpose in _NEWS:
        return _NEWS[purpose]
    if purpose == "verdict":
        if alert["verdict"] == "forwarded":
            return WHY.get(alert["reason"], WHY["coercion"])
        told = VERDICTS.get(alert["verdict"], alert["verdict"])
        return f"pour information, la salle décide : {told}"
    why = WHY.get(alert["reason"], "transmis sans levée de doute")
    if alert["verdict"] == "police":
        why = "danger retenu par l'opérateur"
    return why if alert["contact_lost_at"] is None else f"{why}, contact perdu avec le téléphone"


def _doubts(row: Mapping[str, Any], position: cisu_message.Place | None) -> tuple[str, ...]:
    """Return what is doubtful about the case: its presses' doubts, and those of the whole."""
    alert = row["held"]
    found = set(row["doubts"]) - {"location_absent"}
    # A rescued alert has no position whatever the holder agreed to: that is not her refusal.
    if alert["consent"] == "refused" and not alert["rescued"]:
        found.add("location_refused")
    elif position is None:
        found.add("location_absent")
    if alert["located"]:  # what the register says meanwhile does not concern this alert
        found.discard("location_refused")
    if alert["contact_lost_at"] is not None:
        found.add("contact_lost")
    return tuple(sorted(found))
