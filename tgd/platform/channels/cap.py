"""What we say to a control room that speaks no CISU: one alert in the Common Alerting Protocol 1.2.

Serves arrow 3, adapter ``cap``. The same case as in ``cisu_case``, in the fields that every alarm
screen of the world knows (OASIS CAP 1.2, ``scope`` Private: it is for one room and nobody else).
It promises a document valid against the official schema for every text and every position, with the
case number in ``incidents``, and the distributionID as ``identifier``. What comes back by this way
is ``cap_inbound``'s. A case that went to the wrong room is withdrawn from it by a message that says
nothing of her.
"""

from xml.etree import ElementTree as ET

from tgd.errors import Invalid
from tgd.platform.channels.cap_inbound import CONTENT_TYPE, SCHEMA
from tgd.platform.channels.cisu_case import PLATFORM, VOID, check_nature, where
from tgd.platform.channels.cisu_message import NATURE, CaseMessage
from tgd.platform.channels.cisu_place import on_earth, radius_m
from tgd.platform.channels.cisu_wire import (
    address,
    clean,
    e164,
    identifier,
    shared_case_id,
    stamp,
)
from tgd.platform.channels.cisu_words import DO_NOT_CALL, facts, first_notes, lines, sentences

__all__ = ["CONTENT_TYPE", "SCHEMA", "written"]

PROFILE = "profile:tgd-cap:1.0"
EVENT = "Téléphone Grave Danger"
HEADLINE_MAX = 160
"""What CAP recommends for a headline."""
_LABEL = 80


def written(message: CaseMessage) -> bytes:
    """Return the document of ``message``; the same message always gives the same one.

    Raises ``errors.Invalid`` for an identifier or a time that cannot go on the wire; never for a
    text, a number or a position.
    """
    sent = stamp(message.sent_at)
    alert = ET.Element("alert", xmlns=SCHEMA)
    own = identifier("distribution_id", message.distribution_id)
    _say(alert, "identifier", own)
    _say(alert, "sender", address("sender", message.sender_id))
    _say(alert, "sent", sent)
    _say(alert, "status", "Exercise" if message.exercise else "Actual")
    # An update would have to name what it updates to the second; each is the whole case.
    _say(alert, "msgType", "Alert")
    _say(alert, "scope", "Private")
    _say(alert, "addresses", address("recipient", message.room))
    _say(alert, "code", PROFILE)
    _say(alert, "incidents", shared_case_id(message.sender_id, message.case_id))
    said = _withdrawn if message.kind == "Cancel" else _info
    said(ET.SubElement(alert, "info"), message, sent)
    body: bytes = ET.tostring(alert, encoding="utf-8", xml_declaration=True)
    return body


def _withdrawn(info: ET.Element, message: CaseMessage, sent: str) -> None:
    """Say what a Cancel says: which case, why, and whom to ask."""
    _head(info, "None", "Unknown", "Unknown", "Unknown")
    headline, *more = lines(message)
    _say(info, "effective", sent)
    _say(info, "expires", stamp(message.expires_at))
    _say(info, "senderName", PLATFORM)
    _say(info, "headline", headline[:HEADLINE_MAX])
    _say(info, "description", sentences(more))
    _contact(info, message)
    _say(ET.SubElement(info, "area"), "areaDesc", VOID)


def _head(info: ET.Element, response: str, *urgency_severity_certainty: str) -> None:
    _say(info, "language", "fr-FR")
    _say(info, "category", "Security")
    _say(info, "event", EVENT)
    _say(info, "responseType", response)
    for name, said in zip(
        ("urgency", "severity", "certainty"), urgency_severity_certainty, strict=True
    ):
        _say(info, name, said)


def _contact(info: ET.Element, message: CaseMessage) -> None:
    if (callback := e164(message.callback)) is not None:
        _say(info, "contact", callback)


def _info(info: ET.Element, message: CaseMessage, sent: str) -> None:
    headline, *more = lines(message)
    told = [*facts(message), *(text for _, text in first_notes(message))]
    place = where(message)
    response = "None" if message.exercise else "Assess"
    certainty = "Likely" if message.operator_id else "Possible"
    _head(info, response, "Immediate", "Severe", certainty)
    _pair(info, "eventCode", "urn:cisu:nature-de-fait", _nature(message))
    _say(info, "effective", sent)
    _say(info, "expires", stamp(message.expires_at))
    _say(info, "senderName", PLATFORM)
    _say(info, "headline", headline[:HEADLINE_MAX])
    _say(info, "description", sentences([*more, *told, place["freetext"]]))
    _say(info, "instruction", DO_NOT_CALL)
    if message.sheet is not None:
        _say(info, "web", message.sheet)
    _contact(info, message)
    _parameters(info, message)
    if message.sheet is not None:
        resource = ET.SubElement(info, "resource")
        _say(resource, "resourceDesc", "Fiche TGD")
        _say(resource, "mimeType", "text/html")
        _say(resource, "uri", message.sheet)
    _area(ET.SubElement(info, "area"), message, place["locLabel"])


def _parameters(info: ET.Element, message: CaseMessage) -> None:
    _pair(info, "parameter", "tgd.device", clean(message.device_label, _LABEL))
    _pair(info, "parameter", "tgd.presses", str(message.presses))
    if message.beneficiary_label:
        label = clean(message.beneficiary_label, _LABEL)
        _pair(info, "parameter", "tgd.beneficiary", label)
    if (number := e164(message.phone)) is not None:
        _pair(info, "parameter", "tgd.phone", number)
    place = message.position
    if place is not None and on_earth(place):
        _pair(info, "parameter", "tgd.fixedAt", stamp(place.fixed_at))


def _area(area: ET.Element, message: CaseMessage, told: str) -> None:
    """Say where in words, and as a circle in kilometres where there is a radius."""
    _say(area, "areaDesc", told)
    place = message.position
    if place is None or not on_earth(place):
        return
    radius = radius_m(place)
    if radius is not None:
        _say(area, "circle", f"{place.lat:.6f},{place.lon:.6f} {radius / 1000:.3f}")


def _nature(message: CaseMessage) -> str:
    try:
        return check_nature(message.nature)
    except Invalid:
        return NATURE


def _pair(parent: ET.Element, name: str, key: str, value: str) -> None:
    pair = ET.SubElement(parent, name)
    _say(pair, "valueName", key)
    _say(pair, "value", value)


def _say(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text
