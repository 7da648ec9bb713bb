"""The paper on which control rooms write: EDXL-DE around RC-DE, times, texts, identifiers.

Serves arrow 3 in both directions. It promises that whatever text goes in, what comes out is
legible, bounded and accepted by the official schemas: no control character, no half surrogate, no
``Z`` and no milliseconds in a time (RC-EDA refuses both), no telephone number in national format.
An identifier that would break the wire is refused (``errors.Invalid``) and never mended, because
a mended identifier names another case. What the bodies say is left to ``cisu_case`` and
``cisu_inbound``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tgd.errors import Invalid

IDENTIFIER_MAX = 256
CASE_ID_MAX = 128
"""Bounds any look at a case id: the official pattern backtracks for seconds on a long bad one."""

_ADDRESS = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_LOCAL_CASE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INTERNATIONAL = re.compile(r"\+\d{5,15}")
_NATIONAL = re.compile(r"0[1-9]\d{8}")
_PUNCTUATION = re.compile(r"[\s.\-()]")


@dataclass(frozen=True, slots=True)
class Letter:
    """What every envelope says about itself. ``kind`` is EDXL-DE's distributionKind."""

    distribution_id: str
    sender: str
    recipient: str
    sent_at: datetime
    expires_at: datetime
    kind: Literal["Report", "Update", "Cancel", "Ack", "Error"]
    exercise: bool


def wrap(letter: Letter, body: Mapping[str, Any]) -> dict[str, Any]:
    """Put ``body`` (one entry: ``createCase``, ``reference``, ``emsi``, ``error``) in its envelope.

    Raises ``errors.Invalid`` for an identifier that cannot go on the wire or a naive time.
    """
    own = identifier("distribution_id", letter.distribution_id)
    sender, recipient = address("sender", letter.sender), address("recipient", letter.recipient)
    status = "Exercise" if letter.exercise else "Actual"
    sent = stamp(letter.sent_at)
    header = {
        "messageId": own,
        "sender": {"name": sender, "URI": f"hubex:{sender}"},
        "sentAt": sent,
        "kind": letter.kind,
        "status": status,
        "recipient": [{"name": recipient, "URI": f"hubex:{recipient}"}],
    }
    return {
        "distributionID": own,
        "senderID": sender,
        "dateTimeSent": sent,
        "dateTimeExpires": stamp(letter.expires_at),
        "distributionStatus": status,
        "distributionKind": letter.kind,
        "descriptor": {
            "language": "fr-FR",
            "explicitAddress": {
                "explicitAddressScheme": "hubex",
                "explicitAddressValue": recipient,
            },
        },
        "content": [{"jsonContent": {"embeddedJsonContent": {"message": {**header, **body}}}}],
    }


def encode(envelope: Mapping[str, Any]) -> bytes:
    """Return the envelope as the JSON that goes out."""
    return msgspec.json.encode(envelope)


def distribution_id(sender_id: str, unique: UUID) -> str:
    """Return the id of one message, as the hubs form it: the sender, an underscore, a UUID."""
    return f"{sender_id}_{unique}"


def shared_case_id(sender_id: str, case_id: str) -> str:
    """Return the case number shared by all: ours behind our own name.

    Raises ``errors.Invalid`` where the result would not fit the official pattern.
    """
    if not _LOCAL_CASE.fullmatch(case_id[: CASE_ID_MAX + 1]):
        raise Invalid("case_id", "letters, digits, - and _ only, at most 64")
    return f"{address('sender', sender_id)}.{case_id}"


def local_case_id(sender_id: str, shared: str) -> str | None:
    """Return our own number out of a shared one, or None if it is not one of ours."""
    own = shared.removeprefix(f"{sender_id}.")
    return own if own != shared and _LOCAL_CASE.fullmatch(own[: CASE_ID_MAX + 1]) else None


def address(field: str, value: str) -> str:
    """Return ``value`` if it can name a system: dotted words, at most 63 characters."""
    if len(value) > CASE_ID_MAX - 65 or not _ADDRESS.fullmatch(value):
        raise Invalid(field, "dotted words of letters, digits, - and _, at most 63 characters")
    return value


def legible(value: str) -> bool:
    """Tell whether ``value`` can serve as an identifier: short, printable, not blank."""
    return 0 < len(value) <= IDENTIFIER_MAX and value.isprintable() and not value.isspace()


def identifier(field: str, value: str) -> str:
    """Return ``value`` if it is legible, else raise ``errors.Invalid``."""
    if not legible(value):
        raise Invalid(field, f"1 to {IDENTIFIER_MAX} printable characters")
    return value


@lru_cache(maxsize=1024)
def stamp(moment: datetime) -> str:
    """Return the time as CISU writes it: Paris time, offset, whole seconds (rounded down)."""
    return _paris(moment).isoformat()


@lru_cache(maxsize=1024)
def wall(moment: datetime) -> str:
    """Return the time of day in Paris as a French reader writes it, for texts."""
    return _paris(moment).strftime("%H:%M:%S")


def clean(text: str, longest: int) -> str:
    """Return ``text`` on one line, printable, at most ``longest`` characters; may be empty."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(shown.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def e164(number: str | None) -> str | None:
    """Return a telephone number in international form, or None if it is not one.

    A ten-digit French number is turned (06… → +336…); short numbers (17, 112) have no such form.
    """
    bare = _PUNCTUATION.sub("", (number or "")[:40])
    bare = f"+{bare[2:]}" if bare.startswith("00") else bare
    if not bare.isascii():
        return None
    if _NATIONAL.fullmatch(bare):
        return f"+33{bare[1:]}"
    return bare if _INTERNATIONAL.fullmatch(bare) else None


def _paris(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise Invalid("time", "has no offset")
    return moment.astimezone(_zone()).replace(microsecond=0)


@cache
def _zone() -> ZoneInfo:
    return ZoneInfo("Europe/Paris")
