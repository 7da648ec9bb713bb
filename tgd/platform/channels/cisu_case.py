"""What we say to a control room: one alert as an RC-EDA ``createCase``, whole in every message.

Serves arrow 3. A room that missed the Report understands any Update: each carries the case as it
stands. It promises an envelope valid against the official schemas for every text and every
position, because a dispatch must never fail on a word. Three rules of honesty: what the platform
does not know is left out (no kind of place, no age of the victim); a position never goes without
its radius, age and source, which no field of RC-EDA holds, so they stand in ``sketch`` (GML),
``freetext`` and ``customMap``; and a message to several rooms names the lead and the others.
No name of a person is ever in it: labels only. Which message is due, and when, is the flow's.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from tgd.errors import Invalid
from tgd.platform.channels.cisu_wire import Letter, clean, e164, shared_case_id, stamp, wall, wrap

NATURE = "C02.15.04"
"""What happened, by default: violences intrafamiliales (code list HubSante.fait)."""
PLATFORM = "Plateforme TGD"
DO_NOT_CALL = "Bénéficiaire TGD. Ne pas rappeler le téléphone de la victime."

_NATURE = re.compile(r"C\d{2}\.\d{2}\.\d{2}")
_NATURES = MappingProxyType(
    {NATURE: "Violences intra familiales", "C02.15.07": "Téléphone grave danger"}
)
_RISKS = (("R34", "Patient/Victime vulnérable"), ("R37", "Situation instable/indéterminée"))
_REFERENCE_VERSION = "3.0"
_LINE, _LABEL, _NOTES, _ROOMS = 300, 80, 20, 20
_EARTH_M = 20_000_000  # half the way round: a greater radius says nothing
_SKETCH = (
    "<sketch xmlns:gml='http://www.opengis.net/gml' version='1.0'>"
    "<gml:CircleByCenterPoint numArc='1' srsName='urn:ogc:def:crs:EPSG::4326'>"
    "<gml:pos>{lat} {lon}</gml:pos>"
    "<gml:radius uom='urn:ogc:def:uom:EPSG::9001'>{radius}</gml:radius>"
    "</gml:CircleByCenterPoint></sketch>"
)
_SOURCES = MappingProxyType(
    {
        "G": ("gnss", "GNSS"),
        "W": ("wifi", "Wi-Fi"),
        "C": ("cell", "réseau mobile"),
        "F": ("fused", "sources combinées"),
    }
)
_PRECISION = ((50, "EXACTE"), (500, "RUE"), (10_000, "VILLE"))
"""Our reading of the code list by the 95 % radius in metres; beyond, INCONNUE."""
_DOUBTS = MappingProxyType(
    {
        "assignment_ended": "attribution terminée",
        "before_handover": "geste antérieur à la remise actuelle du téléphone",
        "cell_only": "position par le réseau mobile seul",
        "clock_wrong": "horloge du téléphone fausse",
        "consent_unknown": "consentement à la localisation inconnu",
        "contact_lost": "contact perdu avec le téléphone",
        "device_compromised": "téléphone signalé compromis",
        "device_ill_formed": "identifiant de téléphone mal formé",
        "device_lost": "téléphone déclaré perdu",
        "device_unassigned": "téléphone non attribué",
        "device_unknown": "téléphone inconnu du parc",
        "fix_from_future": "position datée dans l'avenir",
        "fix_mocked": "position fixée par un logiciel du téléphone",
        "fix_repeated": "position répétée à l'identique",
        "fix_time_unknown": "heure de la position inconnue",
        "id_missing": "appui sans identifiant",
        "id_reused": "identifiant d'appui réutilisé",
        "jump": "position incohérente avec les autres",
        "late": "appui parvenu en retard",
        "location_absent": "aucune position dans l'appui",
        "location_invalid": "position reçue inexploitable",
        "location_refused": "localisation refusée par la bénéficiaire",
        "location_salvaged": "position tirée d'un message abîmé",
        "location_stale": "position ancienne",
        "oversized": "message trop long",
        "press_unreadable": "appui illisible",
        "radius_unknown": "précision inconnue",
        "retained": "appui rejoué par le serveur de messages",
        "time_missing": "heure de l'appui inconnue",
        "wire_fault": "appui mal lu",
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """A position as told to a room: degrees WGS84, metres, seconds, km/h, degrees from north.

    ``method`` is the phone's letter (G, W, C, F) or None; ``doubts`` are codes.
    """

    lat: float
    lon: float
    r95_m: float
    fixed_at: datetime
    age_s: float
    method: str | None = None
    speed_kmh: float | None = None
    heading_deg: float | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseMessage:
    """Everything one message to one room says. Times are aware; texts are French, of any length.

    ``room`` is the CISU address written to. ``case_id`` is our local number. ``reason`` says why
    the room is told now. ``voice`` is what was heard last. ``lead`` and ``others`` name rooms
    (``lead`` None: this room alone is told). ``phone`` and ``callback`` may be in any format and
    are left out if they are no number. ``doubts`` are the alert's, as codes.
    """

    distribution_id: str
    sender_id: str
    room: str
    sent_at: datetime
    expires_at: datetime
    exercise: bool
    kind: Literal["Report", "Update"]
    case_id: str
    alert_id: str
    case_created_at: datetime
    alert_opened_at: datetime
    reason: str
    position: Place | None
    presses: int
    last_press_at: datetime
    device_label: str
    beneficiary_label: str | None = None
    phone: str | None = None
    callback: str | None = None
    operator_id: str | None = None
    voice: Literal["holder", "child", "other", "nobody"] | None = None
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lead: str | None = None
    others: tuple[str, ...] = ()
    nature: str = NATURE
    nature_label: str | None = None


def check_nature(code: str) -> str:
    """Return a configured what-happened code if RC-EDA can carry it, else raise Invalid."""
    if not _NATURE.fullmatch(code[:16]):
        raise Invalid("nature", "has the form C02.15.04")
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


def _case(message: CaseMessage) -> dict[str, Any]:
    qualification, location = _qualification(message), _location(message)
    return {
        "caseId": shared_case_id(message.sender_id, message.case_id),
        "senderCaseId": message.case_id,
        "creation": stamp(message.case_created_at),
        "referenceVersion": _REFERENCE_VERSION,
        "qualification": qualification,
        "location": location,
        "initialAlert": {
            "id": f"{message.sender_id}.alerte.{clean(message.alert_id, _LABEL)}",
            "reception": stamp(message.alert_opened_at),
            "reporting": "ATTENTION",
            "notes": _notes(message),
            "caller": _caller(message),
            # The same, newest place: a room may show either, and an old one would mislead.
            "location": location,
            "qualification": qualification,
            "callTaker": _call_taker(message),
        },
        "freetext": _freetext(message),
        "additionalInformation": {"customMap": _custom(message)},
    }


def _qualification(message: CaseMessage) -> dict[str, Any]:
    known = _NATURE.fullmatch(message.nature[:16]) is not None
    code = message.nature if known else NATURE
    label = clean(message.nature_label or "", _LABEL) or _NATURES.get(code, code)
    return {
        "whatsHappen": {"code": code, "label": label},
        "riskThreat": [{"code": code, "label": label} for code, label in _RISKS],
        "victims": {"count": "1"},
    }


def _freetext(message: CaseMessage) -> list[str]:
    news = message.kind == "Report"
    if message.exercise:
        head = "EXERCICE : ne pas intervenir. Essai d'un Téléphone Grave Danger."
    elif news:
        head = "Téléphone Grave Danger : intervention immédiate demandée."
    else:
        head = "Téléphone Grave Danger : mise à jour de l'affaire."
    return [line for line in (head, clean(message.reason, _LINE), _rooms(message)) if line]


def _rooms(message: CaseMessage) -> str:
    told = _told(message)
    if not told:
        return ""
    others = ", ".join(told[1:]) or "aucune"
    return clean(f"Salle chef de file : {told[0]}. Autres salles prévenues : {others}.", 2 * _LINE)


def _told(message: CaseMessage) -> list[str]:
    """Name the lead and then the others, once each; nothing if this room alone is told."""
    lead = clean(message.lead or "", _LABEL)
    others = [clean(name, _LABEL) for name in message.others[:_ROOMS]]
    names = list(dict.fromkeys(name for name in (lead or message.room, *others) if name))
    return names if lead or len(names) > 1 else []


def _notes(message: CaseMessage) -> list[dict[str, str]]:
    count = "1 appui" if message.presses == 1 else f"{message.presses} appuis"
    lines = [f"TGD : {count}, le dernier à {wall(message.last_press_at)}."]
    if message.doubts:
        lines.append(f"Réserves : {_doubts(message.doubts)}.")
    lines.extend(message.notes[:_NOTES])
    shown = (clean(line, _LINE) for line in lines)
    return [{"creation": stamp(message.sent_at), "freetext": line} for line in shown if line]


def _doubts(codes: tuple[str, ...]) -> str:
    return ", ".join(_DOUBTS.get(code, clean(code, 40)) for code in codes[:_NOTES])


def _caller(message: CaseMessage) -> dict[str, Any]:
    caller: dict[str, Any] = {
        "callerContact": _phone(message),
        "language": "fr",
        # Without a beneficiary in the register nobody knows who pressed.
        "type": "SUJET" if message.beneficiary_label else "INCONNU",
        "freetext": DO_NOT_CALL,
        "detailedName": {
            "complete": clean(message.beneficiary_label or "", _LABEL) or "Bénéficiaire inconnue"
        },
    }
    callback = e164(message.callback)
    if callback:
        caller["callbackContact"] = {"channel": "PERSONNE", "type": "TEL", "detail": callback}
    if message.voice == "nobody":
        caller["communication"] = "IMPOSS"
    elif message.voice in {"child", "other"}:
        caller["communication"] = "AUTRE"
    return caller


def _phone(message: CaseMessage) -> dict[str, str]:
    number = e164(message.phone)
    if number:
        return {"channel": "APPLICATION", "type": "TEL", "detail": number}
    device = clean(message.device_label, _LABEL) or "inconnu"
    # The contact is compulsory; without a number it names the device.
    return {"channel": "APPLICATION", "type": "WEB", "detail": f"Appareil {device}, sans numéro"}


def _call_taker(message: CaseMessage) -> dict[str, Any]:
    taker: dict[str, Any] = {
        "organization": message.sender_id,
        "controlRoom": PLATFORM,
        "role": "TELEASSISTEUR",
    }
    operator, callback = clean(message.operator_id or "", _LABEL), e164(message.callback)
    if operator:
        taker["calltakerId"] = operator
    if callback:
        taker["calltakerContact"] = {"channel": "PERSONNE", "type": "TEL", "detail": callback}
    return taker


def _location(message: CaseMessage) -> dict[str, Any]:
    place = message.position
    location: dict[str, Any] = {
        # Derived, so that a repetition of one message is the same to the last byte.
        "locID": str(uuid5(NAMESPACE_URL, message.distribution_id)),
        "country": "FR",
    }
    if place is None or not _on_earth(place):
        refused = "location_refused" in message.doubts
        text = "Localisation refusée par la bénéficiaire." if refused else "Aucune position."
        return {**location, "locLabel": text, "freetext": text}
    told = _source(place)[1]
    radius = _radius(place)
    within = "rayon inconnu" if radius is None else f"rayon 95 % {radius} m"
    lines = [
        f"Position {told}, {within}, âge {_age(place)} s, relevée à {wall(place.fixed_at)}.",
        f"Réserves : {_doubts(place.doubts)}." if place.doubts else "",
    ]
    return {
        **location,
        "locLabel": f"Position {told}, {within}",
        "geometry": _geometry(place, radius),
        "freetext": clean(" ".join(lines), 2 * _LINE),
    }


def _geometry(place: Place, radius: int | None) -> dict[str, Any]:
    lat, lon = round(place.lat, 6), round(place.lon, 6)
    reach = math.inf if radius is None else radius
    precision = next((code for limit, code in _PRECISION if reach <= limit), "INCONNUE")
    coord: dict[str, Any] = {"lat": lat, "lon": lon, "precision": precision}
    if _between(place.speed_kmh, 0, 1_000):
        coord["speed"] = place.speed_kmh
    if _between(place.heading_deg, 0, 360):
        coord["heading"] = place.heading_deg
    geometry: dict[str, Any] = {"datetime": stamp(place.fixed_at), "point": {"coord": coord}}
    if radius is not None:
        geometry["sketch"] = _SKETCH.format(lat=_plain(lat), lon=_plain(lon), radius=radius)
    return geometry


def _plain(degrees: float) -> str:
    """Write degrees without an exponent, which GML readers stumble over."""
    return f"{degrees:.6f}".rstrip("0").rstrip(".")


def _custom(message: CaseMessage) -> list[dict[str, str]]:
    """Return what programs of the room may read; the schema takes three entries and no more."""
    entries: list[tuple[str, str, str]] = []
    place = message.position
    if place is not None and _on_earth(place):
        radius = _radius(place)
        if radius is not None:
            label = "Rayon d'incertitude (95 %) en mètres"
            entries.append(("tgd.uncertaintyM95", label, str(radius)))
        entries.append(("tgd.locationSource", "Source de la position", _source(place)[0]))
    told = _told(message)
    if told:
        label = "Salles prévenues, la première est chef de file"
        entries.append(("tgd.rooms", label, clean(", ".join(told), 2 * _LINE)))
    else:
        entries.append(("tgd.presses", "Nombre d'appuis", str(message.presses)))
    return [{"key": key, "label": label, "value": value} for key, label, value in entries]


def _on_earth(place: Place) -> bool:
    """Tell whether the coordinates exist: the schemas let latitude 200 pass."""
    return _between(place.lat, -90, 90) and _between(place.lon, -180, 180)


def _between(value: float | None, low: float, high: float) -> bool:
    return value is not None and low <= value <= high  # NaN is between nothing


def _radius(place: Place) -> int | None:
    """Return the 95 % radius in whole metres, rounded up; None if it is none."""
    return math.ceil(place.r95_m) if _between(place.r95_m, 0, _EARTH_M) else None


def _age(place: Place) -> int:
    return round(place.age_s) if _between(place.age_s, 0, 1e9) else 0


def _source(place: Place) -> tuple[str, str]:
    sources: Mapping[str, tuple[str, str]] = _SOURCES
    return sources.get(place.method or "", ("unknown", "de source inconnue"))
