"""The sheet: what a control room hangs on its wall, one page made of the very message it was sent.

Serves arrow 3. It is made of the CISU envelope and of nothing else, so that the sheet and the
message cannot differ, and a room that may not know something (a neighbour, a codes' list without
consent) does not find it here either. Texts are French and short, in the order in which they are
needed: what and why, whom not to call, where, what threatens those who go, how to get in. How it is
drawn and made to fit one page is left to the web.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tgd.errors import Invalid
from tgd.platform.channels.cisu_case import PLATFORM
from tgd.platform.channels.cisu_risks import FOR_OFFICERS
from tgd.platform.channels.cisu_wire import clean, stamp
from tgd.platform.channels.cisu_words import LINK, TOLD

EXERCISE = "EXERCICE — NE PAS INTERVENIR"
NEVER_CALL = "NE JAMAIS APPELER LE TÉLÉPHONE DE LA VICTIME"
_HEAD, _LINE, _LABEL, _LINES = 160, 600, 80, 60
_RADIUS = re.compile(r"<gml:radius[^>]{0,80}>(\d{1,9})</gml:radius>")
_ADDRESS = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_SPEECH = MappingProxyType(
    {
        "IMPOSS": "Personne n'a parlé à la plateforme : communication impossible.",
        "LANGUE": "Elle ne parle pas le français.",
    }
)
_ACCESS = (
    ("buildingName", "bâtiment"),
    ("entrance", "entrée"),
    ("accessCode", "code"),
    ("interphone", "interphone"),
    ("elevator", "ascenseur"),
    ("floor", "étage"),
    ("roomNumber", "porte"),
    ("entity", "établissement"),
)

_Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Disc:
    """Where she is with 95 %: degrees WGS84 and metres; without a radius, the point alone.

    ``borders``: of communes, where these are known, as metres east and north of the point.
    """

    lat: float
    lon: float
    radius_m: int | None
    borders: tuple[tuple[tuple[float, float], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """Some lines under a title; ``alarm``: they concern the safety of those who go."""

    title: str
    lines: tuple[str, ...]
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page. ``facts``: a title and a value each; ``place`` and ``beside`` stand by the map."""

    exercise: bool
    case: str
    headline: str
    why: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    callback: str | None
    place: tuple[str, ...]
    disc: Disc | None
    beside: tuple[Block, ...]
    blocks: tuple[Block, ...]
    made: str


def sheet(envelope: _Tree, rooms: Mapping[str, str] = MappingProxyType({})) -> Sheet:
    """Return the sheet of an envelope that holds a case; raises ``Invalid`` for any other.

    ``rooms``: names by addresses, where they are known; a message has addresses alone.
    """
    try:
        message = envelope["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]
        return _sheet(envelope, message, message["createCase"], rooms)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise Invalid("envelope", "holds no case that a sheet could be made of") from None


def _sheet(envelope: _Tree, message: _Tree, case: _Tree, rooms: Mapping[str, str]) -> Sheet:
    alert, location = case.get("initialAlert", {}), case["location"]  # a Cancel has no alert
    told = [line for line in _said(case.get("freetext", ())) if not line.startswith(LINK)]
    case_id, made = case.get("senderCaseId", case["caseId"]), _moment(message["sentAt"])
    callback = alert.get("callTaker", {}).get("calltakerContact", {}).get("detail")
    return Sheet(
        exercise=envelope["distributionStatus"] != "Actual",
        case=clean(case_id, _LABEL),
        headline=clean(told[0], _HEAD) if told else "Téléphone Grave Danger",
        why=tuple(told[1:2])
        + tuple(_named(line, rooms) for line in told[2:] if line.startswith(TOLD)),
        facts=(
            ("Affaire", clean(case_id, _LABEL)),
            ("Alerte ouverte", _when(alert.get("reception", case["creation"]), made)),
            ("Police demandée", _when(case["creation"], made)),
            ("Pour la salle", clean(_named(message["recipient"][0]["name"], rooms), _LABEL)),
        ),
        callback=clean(callback, _LABEL) if callback else None,
        place=_place(location),
        disc=_disc(location),
        beside=_filled(
            Block(
                "Dangers pour les intervenants", _dangers(case["qualification"], told), alarm=True
            ),
            Block("Accès", _access(location)),
        ),
        blocks=_filled(
            Block("Ce que l'on sait", tuple(line for line in told[2:] if not _elsewhere(line))),
            Block("Au début, et appuis suivants", _presses(case, alert)),
            Block("Personne", _person(alert.get("caller", {}), alert.get("callTaker", {}))),
        ),
        made=f"{made:%d/%m/%Y à %H:%M:%S}",
    )


def _named(line: str, rooms: Mapping[str, str]) -> str:
    """Return a line with rooms by their names."""
    return _ADDRESS.sub(lambda found: rooms.get(found[0], found[0]), line)


def _filled(*blocks: Block) -> tuple[Block, ...]:
    return tuple(block for block in blocks if block.lines)


def _presses(case: _Tree, alert: _Tree) -> tuple[str, ...]:
    told = [line for one in (alert, *case.get("newAlert", ())) for line in _notes(one)]
    return _kept([_SPEECH.get(alert.get("caller", {}).get("communication"), ""), *told])


def _place(location: _Tree) -> tuple[str, ...]:
    """Return where she is: address, coordinates, and how far to be believed."""
    address = location.get("detailedAddress", {}).get("complete", "")
    city = location.get("city", {})
    town = " ".join(one for one in (city.get("name", ""), city.get("detail", "")) if one)
    coord = _coord(location)
    degrees = f"{coord['lat']:.5f}, {coord['lon']:.5f} (WGS 84)" if coord else ""
    moving = _moving(coord) if coord else ""
    where = ", ".join(one for one in (address, town) if one)
    name = location.get("name", "")
    return _kept([name, where, degrees, location.get("freetext", ""), moving])


def _moving(coord: _Tree) -> str:
    speed, heading = coord.get("speed"), coord.get("heading")
    if speed is None:
        return ""
    towards = f", cap {heading:.0f}°" if heading is not None else ""
    return f"En mouvement : {speed:.0f} km/h{towards}." if speed >= 1 else ""


def _disc(location: _Tree) -> Disc | None:
    coord = _coord(location)
    if coord is None:
        return None
    radius = _RADIUS.search(location["geometry"].get("sketch", ""))
    return Disc(float(coord["lat"]), float(coord["lon"]), int(radius[1]) if radius else None)


def _coord(location: _Tree) -> _Tree | None:
    coord: _Tree | None = location.get("geometry", {}).get("point", {}).get("coord")
    return coord


def _elsewhere(line: str) -> bool:
    """Say whether a line of the message has a place of its own on the sheet."""
    return line.startswith((TOLD, *FOR_OFFICERS))


def _dangers(qualification: _Tree, told: Sequence[str]) -> tuple[str, ...]:
    labels = [clean(risk["label"], _LABEL) for risk in qualification.get("riskThreat", ())]
    victims = qualification.get("victims", {})
    count = victims.get("count", "")
    about = ". ".join(
        one for one in (f"Victimes : {count}" if count else "", _word(victims)) if one
    )
    known = [line for line in told if line.startswith(FOR_OFFICERS)]
    return _kept([" · ".join(labels), *known, about])


def _word(victims: _Tree) -> str:
    told = (victims.get("mainVictim", ""), victims.get("freetext", ""))
    return ", ".join(one for one in told if one)


def _access(location: _Tree) -> tuple[str, ...]:
    access = location.get("access", {})
    known = []
    for name, word in _ACCESS:
        value = access.get(name)
        text = ", ".join(value) if isinstance(value, list) else value
        if text:
            known.append(f"{word} {text}")
    return _kept([" · ".join(known)])


def _person(caller: _Tree, taker: _Tree) -> tuple[str, ...]:
    name = caller.get("detailedName", {}).get("complete", "")
    phone = caller.get("callerContact", {}).get("detail", "")
    phone = f"son téléphone, à ne pas appeler : {phone}" if phone.startswith("+") else phone
    by = clean(taker.get("calltakerId", ""), _LABEL)
    asked = f"Demande de : {taker.get('controlRoom', PLATFORM)}" + (f", {by}." if by else ".")
    return _kept(["\u00a0; ".join(one for one in (name, phone) if one), asked])


def _notes(alert: _Tree) -> list[str]:
    return [note.get("freetext", "") for note in alert.get("notes", ())]


def _said(lines: Sequence[str]) -> tuple[str, ...]:
    return _kept(list(lines[:_LINES]))


def _kept(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in (clean(line, _LINE) for line in lines[:_LINES]) if one)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return datetime.fromisoformat(stamp(moment))  # in Paris, whatever offset it came with


def _when(text: str, made: datetime) -> str:
    """Return the time of day; with the date where it is another day's."""
    moment = _moment(text)
    return f"{moment:%H:%M:%S}" if moment.date() == made.date() else f"{moment:%d/%m %H:%M:%S}"
