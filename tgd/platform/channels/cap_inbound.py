"""What a room that speaks no CISU says to us: CAP 1.2's ``Ack`` and ``Error``, read distrustfully.

Serves the way back of arrow 3. It promises what ``cisu_inbound`` promises: every byte string
either is such a message or raises ``BadEnvelope`` with the RS-ERROR code to answer with, in time
proportional to its size; no document type, no entity and no more than 64 KiB is looked at. By
CAP's own words an ``Ack`` says that a message was received and accepted, and not by whom: it counts
as INTEGRE. As CONSULTE, which acknowledges, it counts only where ``source`` names the operator
(« operateur op-17 »), as our own messages and the profile do: a machine has none to name. What the
message changes is left to the flow.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from tgd.platform.channels.cisu_inbound import (
    INVALID,
    LONGEST,
    UNAVAILABLE,
    UNRECOGNIZED,
    BadEnvelope,
    Reference,
    moment,
    name,
    one_of,
    wrong,
)
from tgd.platform.channels.cisu_wire import legible

SCHEMA = "urn:oasis:names:tc:emergency:cap:1.2"
CONTENT_TYPE = "application/cap+xml"
PERSON = re.compile(r"op[ée]rat(?:eur|rice)\s+[\w.-]{1,64}", re.IGNORECASE)
"""Who acknowledges by hand, in ``source``."""
REFERENCES = 20
_FIELDS = 60
_LETTER = ("identifier", "sender", "sent", "status", "msgType", "scope", "source", "references")


def read(raw: bytes, room: str) -> list[Reference]:
    """Return what is said of each message that is named, at least one; or raise ``BadEnvelope``.

    ``room`` is the address of the room whose token came with it: ``sender`` is that address, or
    ``identifier`` begins with it.
    """
    if len(raw) > LONGEST:
        raise BadEnvelope(*INVALID, f"plus de {LONGEST} octets")
    try:
        root = fromstring(raw, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise BadEnvelope(*UNRECOGNIZED, "XML illisible") from None
    said = _said(root)
    try:
        return list(_read(said, room))
    except BadEnvelope as bad:
        own = said.get("identifier", "")
        bad.referenced = own if legible(own) else UNAVAILABLE
        raise


def _said(root: Element) -> dict[str, str]:
    """Return the texts of the alert's own fields; one that stands twice is not one that we know."""
    if root.tag != f"{{{SCHEMA}}}alert" or len(root) > _FIELDS:
        raise BadEnvelope(*UNRECOGNIZED, "aucune alerte CAP 1.2")
    found: dict[str, str] = {}
    for one in root:
        field = str(one.tag).removeprefix(f"{{{SCHEMA}}}")
        if field in _LETTER:
            if field in found:
                wrong(field, "présent deux fois")
            found[field] = (one.text or "").strip()
    return found


def _read(said: Mapping[str, str], room: str) -> Iterator[Reference]:
    kind = one_of(said, "msgType", ("Ack", "Error"))
    one_of(said, "scope", ("Private",))
    own, sender = name(said, "identifier"), name(said, "sender")
    if own.startswith(f"{room}_"):  # a CAP sender may be a mail address: its messages name it too
        sender = room
    step: Literal["INTEGRE", "CONSULTE", "ERREUR"] = "ERREUR"
    if kind == "Ack":
        step = "CONSULTE" if PERSON.fullmatch(said.get("source", "")) else "INTEGRE"
    common: dict[str, Any] = {
        "distribution_id": own,
        "sender": sender,
        "sent_at": moment(said, "sent"),
        "exercise": one_of(said, "status", ("Actual", "Exercise")) == "Exercise",
    }
    for platform, referenced in _references(said):
        yield Reference(
            **common, addressed_to=platform, referenced=referenced, step=step, refused=False
        )


def _references(said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Return sender and identifier of each message that is named: « sender,identifier,sent »."""
    triples = said.get("references", "").split(maxsplit=REFERENCES)
    if not 1 <= len(triples) <= REFERENCES:
        wrong("references", f"1 à {REFERENCES} messages attendus")
    for triple in triples:
        parts = triple.split(",")
        if len(parts) != 3 or not all(map(legible, parts)):  # noqa: PLR2004  CAP's three
            wrong("references", "expéditeur, identifiant et date attendus")
        yield parts[0], parts[1]
