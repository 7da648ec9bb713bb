"""What a room reads of a case in plain French, whichever standard carries it.

Serves arrow 3. The first line says what is asked, the second why now; then what is known, most
urgent first. Every text is one line, printable and bounded. What stands in fields of its own is
``cisu_case``'s and ``cisu_place``'s.
"""

from collections.abc import Iterable
from datetime import datetime
from types import MappingProxyType

from tgd.platform.channels.cisu_message import CaseMessage, FurtherPress
from tgd.platform.channels.cisu_wire import clean, wall

DO_NOT_CALL = "Bénéficiaire TGD. Ne pas rappeler le téléphone de la victime."
LINK = "Fiche d'une page : "
"""Before the address of the sheet, where only words can carry it."""
TOLD = "Salle chef de file : "
"""Before the rooms that are told, the lead first."""
LINE, LABEL, NOTES, ROOMS = 300, 80, 20, 20
_ENDS = ".!?…:;,"
FILE_LINES = 12

_HEARD = MappingProxyType(
    {
        "holder": "la bénéficiaire a parlé à l'opérateur",
        "child": "un enfant a été entendu",
        "other": "une autre personne a été entendue",
        "nobody": "personne n'a répondu",
    }
)
DOUBTS = MappingProxyType(
    {
        "alert_unreadable": "une partie de l'alerte ne peut être lue",
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


def lines(message: CaseMessage) -> list[str]:
    """Return what is asked, why now, and which rooms are told; the first line is the headline."""
    link = f"{LINK}{message.sheet}" if message.sheet else ""
    told = (_head(message), clean(message.reason, LINE), _rooms(message), link)
    return [line for line in told if line]


def facts(message: CaseMessage) -> list[str]:
    """Return what is known by now: presses and their doubts, voices, her file, later notes."""
    if message.kind == "Cancel":
        return []
    told = [f"Réserves : {doubts(message.doubts)}."] if message.doubts else []
    if message.presses > 0:
        count = "1 appui" if message.presses == 1 else f"{message.presses} appuis"
        told.insert(0, f"TGD : {count}, le dernier à {wall(message.last_press_at)}.")
    if message.voice is not None:
        told.append(f"Voix : {_HEARD[message.voice]}.")
    told += message.hers.lines[:FILE_LINES]
    later = [one for one in message.notes if one.at >= message.case_created_at]
    told += [f"Note de l'opérateur, {wall(one.at)} : {one.text}" for one in later[-NOTES:]]
    return [line for line in (clean(one, LINE) for one in told) if line]


def first_notes(message: CaseMessage) -> list[tuple[datetime, str]]:
    """Return what there was to say as the case began: the first press, and notes until then."""
    if message.presses <= 0:
        return []
    at = message.first_press_at or message.last_press_at
    told = [(message.alert_opened_at, _press("appui déclenché", at, message.first_doubts))]
    before = [one for one in message.notes if one.at < message.case_created_at]
    told += [(one.at, clean(one.text, LINE)) for one in before[:NOTES]]
    return [(when, text) for when, text in told if text]


def further_note(press: FurtherPress) -> str:
    """Return the note that stands with a press after the first."""
    return _press("nouvel appui", press.pressed_at, press.doubts)


def told_rooms(message: CaseMessage) -> list[str]:
    """Name the lead and then the others, once each; nothing if this room alone is told."""
    lead = clean(message.lead or "", LABEL)
    others = [clean(name, LABEL) for name in message.others[:ROOMS]]
    names = list(dict.fromkeys(name for name in (lead or message.room, *others) if name))
    return names if lead or len(names) > 1 else []


def doubts(codes: tuple[str, ...]) -> str:
    """Return doubts in words, at most twenty of them."""
    return ", ".join(DOUBTS.get(code, clean(code, 40)) for code in codes[:NOTES])


def sentences(told: Iterable[str]) -> str:
    """Return texts as sentences one after the other: what people typed often ends in nothing."""
    lines = (clean(line, 4 * LINE) for text in told for line in text.splitlines())
    return " ".join(_sentence(line) for line in lines if line)


def _sentence(line: str) -> str:
    ended = line[-1] in _ENDS or "://" in line.rpartition(" ")[2]  # a stop would end the address
    return f"{line[0].upper()}{line[1:]}{'' if ended else '.'}"


def _head(message: CaseMessage) -> str:
    if message.exercise:
        return "EXERCICE : ne pas intervenir. Essai d'un Téléphone Grave Danger."
    if message.kind == "Cancel":
        return "Annulation : cette affaire ne concerne pas votre salle."
    if message.kind == "Report":
        return "Téléphone Grave Danger : intervention immédiate demandée."
    return "Téléphone Grave Danger : mise à jour de l'affaire."


def _rooms(message: CaseMessage) -> str:
    told = told_rooms(message)
    if not told:
        return ""
    others = ", ".join(told[1:]) or "aucune"
    return clean(f"{TOLD}{told[0]}. Autres salles prévenues : {others}.", 2 * LINE)


def _press(what: str, at: datetime, codes: tuple[str, ...]) -> str:
    known = f" Réserves : {doubts(codes)}." if codes else ""
    return clean(f"TGD : {what} à {wall(at)}.{known}", LINE)
