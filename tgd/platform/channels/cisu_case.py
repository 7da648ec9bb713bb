"""What we say to a control room: one alert as an RC-EDA ``createCase``, whole in every message.

Serves arrow 3. A room that missed the Report understands any Update: each carries the case as it
stands. It promises an envelope valid against the official schemas for every text and every
position, because a dispatch must never fail on a word. Rules of honesty: what the platform does not
know is left out; a message to several rooms names the lead and the others; a Cancel says which case
it withdraws and nothing of her. ``initialAlert`` is how the case began and, as the framework wants
it, stays so under a case; each further press is a ``newAlert``; ``location``, ``qualification`` and
``freetext`` are how things stand now. No name of a person is ever in it: labels only. Which message
is due, and when, is the flow's.
"""

from typing import Any

from tgd.errors import Invalid
from tgd.platform.channels import cisu_risks, codes
from tgd.platform.channels.cisu_message import NATURE, CaseMessage, FurtherPress
from tgd.platform.channels.cisu_place import KINDS, location, on_earth, radius_m, source
from tgd.platform.channels.cisu_wire import Letter, clean, e164, shared_case_id, stamp, wrap
from tgd.platform.channels.cisu_words import (
    DO_NOT_CALL,
    LABEL,
    LINE,
    facts,
    first_notes,
    further_note,
    lines,
    told_rooms,
)

PLATFORM = "Plateforme TGD"
VOID = "Sans objet : affaire adressée à tort."
"""Stands in a Cancel where a place has to stand."""
FURTHER = 10
"""So many presses after the first are told one by one, the latest; their number always is."""


def check_nature(code: str) -> str:
    """Return a configured what-happened code if it is one of the list's, else raise Invalid."""
    if code not in codes.known("HubSante.fait"):
        raise Invalid("nature", f"is none of {', '.join(codes.known('HubSante.fait'))}")
    return code


def envelope(message: CaseMessage) -> dict[str, Any]:
    """Return the EDXL-DE envelope of ``message``; the same message always gives the same one.

    Raises ``errors.Invalid`` for an identifier or a time that cannot go on the wire (room, sender,
    case number, distribution id, naive time); never for a text, a number or a position.
    """
    letter = Letter(
        distribution_id=message.distribution_id,
        sender=message.sender_id,
        recipient=message.room,
        sent_at=message.sent_at,
        expires_at=message.expires_at,
        kind=message.kind,
        exercise=message.exercise,
    )
    return wrap(letter, {"createCase": _case(message)})


def where(message: CaseMessage) -> dict[str, Any]:
    """Return where she is now, as RC-EDA's location."""
    refused = "location_refused" in message.doubts
    return location(message.case_id, message.position, message.hers.home, refused=refused)


def _case(message: CaseMessage) -> dict[str, Any]:
    case: dict[str, Any] = {
        "caseId": shared_case_id(message.sender_id, message.case_id),
        "senderCaseId": message.case_id,
        "creation": stamp(message.case_created_at),
        "referenceVersion": codes.reference_version(),
        "qualification": _qualification(message),
    }
    if message.kind == "Cancel":
        return {**case, **_withdrawn(message), "freetext": lines(message)}
    found = {**case, "location": where(message), "initialAlert": _first(message)}
    if message.further:
        found["newAlert"] = [_further(message, one) for one in message.further[-FURTHER:]]
    found["freetext"] = [*lines(message), *facts(message)]
    found["additionalInformation"] = {"customMap": _custom(message)}
    return found


def _withdrawn(message: CaseMessage) -> dict[str, Any]:
    """Return what a Cancel has where the case was: whom to ask, and nothing of her."""
    nowhere = {"locID": message.case_id, "country": "FR", "locLabel": VOID, "freetext": VOID}
    nobody = {"channel": "PERSONNE", "type": "WEB", "detail": "Sans objet"}
    return {
        "location": nowhere,
        "initialAlert": {
            "id": f"{message.sender_id}.alerte.{clean(message.alert_id, LABEL)}",
            "reception": stamp(message.alert_opened_at),
            "reporting": "ATTENTION",
            "caller": {"callerContact": nobody},
            "location": nowhere,
            "qualification": _qualification(message),
            "callTaker": _call_taker(message),
        },
    }


def _qualification(message: CaseMessage, *, first: bool = False) -> dict[str, Any]:
    listed = codes.known("HubSante.fait")
    code = message.nature if message.nature in listed else NATURE
    label = clean(message.nature_label or "", LABEL) or listed[code]
    found: dict[str, Any] = {"whatsHappen": {"code": code, "label": label}}
    if message.kind == "Cancel":
        return found
    place = message.first_position if first else message.position
    kind = KINDS.get(place.at.kind) if place is not None and place.at is not None else None
    if kind is not None:
        found["locationKind"] = {"code": kind, "label": codes.label("HubSante.lieu", kind)}
    found["riskThreat"] = [
        {"code": risk, "label": codes.label("HubSante.risque", risk)}
        for risk in cisu_risks.of(message, first=first)
    ]
    found["victims"] = _victims(message)
    return found


def _victims(message: CaseMessage) -> dict[str, Any]:
    """Say who is in danger, as far as known: she, and children that were heard."""
    heard, children = message.voice == "child", message.hers.children
    found = {"count": "PLUSIEURS" if heard else "1"}
    if message.hers.victim is not None:
        found["mainVictim"] = message.hers.victim
    said = ["Un enfant a été entendu."] if heard else []
    if children:
        number = "1 enfant" if children == 1 else f"{children} enfants"
        said.append(f"Au dossier : {number}{'' if heard else ', présence inconnue'}.")
    return found | ({"freetext": " ".join(said)} if said else {})


def _first(message: CaseMessage) -> dict[str, Any]:
    """Return the alert that made the case, as it was then."""
    place = location(
        message.case_id,
        message.first_position,
        message.hers.home,
        refused="location_refused" in message.doubts,
    )
    return {
        "id": f"{message.sender_id}.alerte.{clean(message.alert_id, LABEL)}",
        "reception": stamp(message.alert_opened_at),
        "reporting": "ATTENTION",
        "notes": [{"creation": stamp(at), "freetext": text} for at, text in first_notes(message)],
        "caller": _caller(message),
        "location": place,
        "qualification": _qualification(message, first=True),
        "callTaker": _call_taker(message),
        **_attached(message),
    }


def _attached(message: CaseMessage) -> dict[str, Any]:
    if message.sheet is None:
        return {}
    page = {"description": "Fiche TGD", "mimeType": "text/html", "URI": message.sheet}
    return {"attachment": [page]}


def _further(message: CaseMessage, press: FurtherPress) -> dict[str, Any]:
    """Return a press after the first, with what is its own and no more."""
    return {
        "id": f"{message.sender_id}.alerte.{clean(press.id, LABEL)}",
        "reception": stamp(press.received_at),
        "reporting": "ATTENTION",
        "notes": [{"creation": stamp(press.received_at), "freetext": further_note(press)}],
        "caller": {"callerContact": _phone(message), "type": _caller_type(message)},
        "location": location(message.case_id, press.position, None, refused=False),
        "qualification": {"whatsHappen": _qualification(message)["whatsHappen"]},
        "callTaker": {"organization": message.sender_id, "controlRoom": PLATFORM},
    }


def _caller(message: CaseMessage) -> dict[str, Any]:
    caller: dict[str, Any] = {
        "callerContact": _phone(message),
        "language": message.hers.languages[0] if message.hers.languages else "fr",
        "type": _caller_type(message),
        "freetext": DO_NOT_CALL,
        "detailedName": {
            "complete": clean(message.beneficiary_label or "", LABEL) or "Bénéficiaire inconnue"
        },
    }
    callback = e164(message.callback)
    if callback:
        caller["callbackContact"] = {"channel": "PERSONNE", "type": "TEL", "detail": callback}
    if communication := _communication(message):
        caller["communication"] = communication
    return caller


def _caller_type(message: CaseMessage) -> str:
    """Without a beneficiary in the register nobody knows who pressed: a thing has called."""
    return "SUJET" if message.beneficiary_label else "OBJCONNC"


def _communication(message: CaseMessage) -> str | None:
    if message.silent:
        return "IMPOSS"
    languages = message.hers.languages
    if languages and "fr" not in languages:
        return "LANGUE"
    return "AUTRE" if message.voice in {"child", "other"} else None


def _phone(message: CaseMessage) -> dict[str, str]:
    """Name the phone by its number, where there is another to call: a room that must call has one.

    The contact is compulsory; without a number it names the device.
    """
    number = e164(message.phone)
    if number and e164(message.callback):
        return {"channel": "APPLICATION", "type": "TEL", "detail": number}
    device = clean(message.device_label, LABEL) or "inconnu"
    return {"channel": "APPLICATION", "type": "WEB", "detail": f"Appareil {device}, sans numéro"}


def _call_taker(message: CaseMessage) -> dict[str, Any]:
    taker: dict[str, Any] = {
        "organization": message.sender_id,
        "controlRoom": PLATFORM,
        "role": "TELEASSISTEUR",
    }
    operator, callback = clean(message.operator_id or "", LABEL), e164(message.callback)
    if operator:
        taker["calltakerId"] = operator
    if callback:
        taker["calltakerContact"] = {"channel": "PERSONNE", "type": "TEL", "detail": callback}
    return taker


def _custom(message: CaseMessage) -> list[dict[str, str]]:
    """Return what programs of the room may read; the schema takes three entries and no more."""
    entries: list[tuple[str, str, str]] = []
    place = message.position
    if place is not None and on_earth(place):
        radius = radius_m(place)
        if radius is not None:
            label = "Rayon d'incertitude (95 %) en mètres"
            entries.append(("tgd.uncertaintyM95", label, str(radius)))
        entries.append(("tgd.locationSource", "Source de la position", source(place)[0]))
    told = told_rooms(message)
    if told:
        label = "Salles prévenues, la première est chef de file"
        entries.append(("tgd.rooms", label, clean(", ".join(told), 2 * LINE)))
    else:
        entries.append(("tgd.presses", "Nombre d'appuis", str(message.presses)))
    return [{"key": key, "label": label, "value": value} for key, label, value in entries]
