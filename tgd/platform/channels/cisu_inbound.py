"""What control rooms say to us: RC-REF, EMSI and RS-ERROR, read without trusting a byte.

Serves the way back of arrow 3, by whichever adapter the envelope came. It promises to be total:
every byte string either is one of the three messages or raises ``BadEnvelope`` with the RS-ERROR
code to answer with, in time proportional to its size. The official schemas are not run here: they
let unknown steps and endless identifiers pass, and their case-id pattern can be kept busy for
seconds; each field that we use is bounded first and then checked by hand. Unknown fields are
ignored, since a room's extra word must not cost us its acknowledgement. Whether the sender may
speak for the room, and what the message changes, is left to the web and to the flows.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NoReturn, cast

import msgspec

from tgd.errors import TgdError
from tgd.platform.channels.cisu_wire import CASE_ID_MAX, Letter, clean, legible, wrap

LONGEST = 64 * 1024
"""Bytes of one envelope; a greater one is not looked at."""
UNAVAILABLE = "UNAVAILABLE"
"""Stands for the id of a message whose own could not be read."""

_STEPS = ("RECU", "INTEGRE", "CONSULTE", "ERREUR", "SUPPRIME")
_KINDS = ("Report", "Update", "Cancel", "Ack", "Error")
_EVENT = ("NST", "IPR", "STOP", "COM")
_RESOURCE = ("AVAILB", "UNAV", "MAINTC", "RESRVD", "VIRTUAL", "IN_USE/MOBILE", "IN_USE/ON_SCENE")
_CASE_ID = re.compile(r"[A-Za-z0-9_.-]+")
_RESOURCES_MAX = 200
_STATUS_MAX = 999_999
_TIME_MAX = 40
_YEARS = range(1970, 2200)

UNRECOGNIZED = (102, "UNRECOGNIZED_MESSAGE_FORMAT")
SENDER = (200, "SENDER_INCONSISTENCY")
INVALID = (300, "INVALID_MESSAGE")


class BadEnvelope(TgdError):
    """An envelope that cannot be used. ``code`` and ``string`` are RS-ERROR's, ``cause`` says why.

    ``referenced`` is the id of the bad message and ``sender`` its sender, where legible. The cause
    names fields and never repeats a value: it may end in a log.
    """

    def __init__(self, code: int, string: str, cause: str) -> None:
        super().__init__(f"{code} {string}: {cause}")
        self.code = code
        self.string = string
        self.cause = cause
        self.referenced = UNAVAILABLE
        self.sender: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    """What every message says: its own id (the idempotency key), sender, addressee, sending."""

    distribution_id: str
    sender: str
    addressed_to: str
    sent_at: datetime
    exercise: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(_Received):
    """RC-REF: how far the message ``referenced`` came at the room. No step said means RECU."""

    referenced: str
    step: Literal["RECU", "INTEGRE", "CONSULTE", "ERREUR", "SUPPRIME"]
    refused: bool

    @property
    def is_refusal(self) -> bool:
        """Tell whether this ends the attempt: refused outright, or in error."""
        return self.refused or self.step == "ERREUR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patrol(_Received):
    """EMSI: what the patrol of ``case_id`` (the shared number) does; None if this does not say."""

    case_id: str
    state: Literal["engaged", "on_scene", "closed"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReport(_Received):
    """RS-ERROR about our message ``referenced``. ``cause`` is the other side's text, cleaned."""

    referenced: str
    code: int
    string: str
    cause: str


Inbound = Reference | Patrol | ErrorReport


def read(raw: bytes) -> Inbound:
    """Return the message in ``raw``, or raise ``BadEnvelope``, and nothing else."""
    if len(raw) > LONGEST:
        raise BadEnvelope(*INVALID, f"plus de {LONGEST} octets")
    try:
        outer = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise BadEnvelope(*UNRECOGNIZED, "JSON illisible") from None
    try:
        return _read(_dict(outer, "enveloppe"))
    except BadEnvelope as bad:
        if isinstance(outer, dict):
            bad.referenced = _salvaged(outer.get("distributionID")) or UNAVAILABLE
            bad.sender = _salvaged(outer.get("senderID"))
        raise


def rs_error(
    bad: BadEnvelope,
    *,
    sender_id: str,
    recipient: str,
    distribution_id: str,
    sent_at: datetime,
    expires_at: datetime,
    exercise: bool = False,
) -> dict[str, Any]:
    """Return the RS-ERROR envelope that answers ``bad``; the bad message itself is not echoed."""
    letter = Letter(
        distribution_id=distribution_id,
        sender=sender_id,
        recipient=recipient,
        sent_at=sent_at,
        expires_at=expires_at,
        kind="Error",
        exercise=exercise,
    )
    error = {
        "errorCode": {"statusCode": bad.code, "statusString": bad.string},
        "errorCause": clean(bad.cause, 500),
        "referencedDistributionID": bad.referenced,
    }
    return wrap(letter, {"error": error})


def _read(outer: Mapping[str, Any]) -> Inbound:
    kind = _one_of(outer, "distributionKind", _KINDS)
    status = _one_of(outer, "distributionStatus", ("Actual", "Exercise"))
    descriptor = _dict(outer.get("descriptor"), "descriptor")
    to = _dict(descriptor.get("explicitAddress"), "explicitAddress")
    common = {
        "distribution_id": _name(outer, "distributionID"),
        "sender": _name(outer, "senderID"),
        "addressed_to": _name(to, "explicitAddressValue"),
        "sent_at": _time(outer, "dateTimeSent"),
        "exercise": status == "Exercise",
    }
    _time(outer, "dateTimeExpires")
    message = _message(outer)
    if message.get("status", status) != status:
        _wrong("status", "n'est pas celui de l'enveloppe")
    present = [name for name in _BODIES if name in message]
    if len(present) != 1:
        _wrong("message", "un seul corps attendu : reference, emsi ou error")
    kinds, reader = _BODIES[present[0]]
    if kind not in kinds:
        _wrong("distributionKind", f"ne va pas avec {present[0]}")
    return reader(_dict(message[present[0]], present[0]), kind, common)


def _message(outer: Mapping[str, Any]) -> dict[str, Any]:
    content = outer.get("content")
    if not isinstance(content, list) or len(content) != 1:
        _wrong("content", "un seul contenu attendu")
    inner = _dict(_dict(content[0], "content").get("jsonContent"), "jsonContent")
    embedded = _dict(inner.get("embeddedJsonContent"), "embeddedJsonContent")
    return _dict(embedded.get("message"), "message")


def _reference(body: Mapping[str, Any], _kind: str, common: Mapping[str, Any]) -> Reference:
    refused = body.get("refused", False)
    if not isinstance(refused, bool):
        _wrong("refused", "vrai ou faux attendu")
    # The field is optional and the official sample leaves it out: then it says "received".
    step = _one_of(body, "step", _STEPS) if "step" in body else "RECU"
    return Reference(
        **common,
        referenced=_name(body, "distributionID"),
        step=cast("Literal['RECU', 'INTEGRE', 'CONSULTE', 'ERREUR', 'SUPPRIME']", step),
        refused=refused,
    )


def _patrol(body: Mapping[str, Any], kind: str, common: Mapping[str, Any]) -> Patrol:
    context = _dict(body.get("CONTEXT"), "CONTEXT")
    mode = _one_of(context, "MODE", ("ACTUAL", "EXERCS", "SYSTEM", "TEST"))
    msgtype = _one_of(context, "MSGTYPE", ("ACK", "ALERT", "CANCEL", "ERROR", "UPDATE"))
    event = _dict(body.get("EVENT"), "EVENT")
    # The room's own number stands in ID; it serves only where no shared number was given.
    case_id = _name(event, "MAIN_EVENT_ID" if "MAIN_EVENT_ID" in event else "ID")
    if len(case_id) > CASE_ID_MAX or not _CASE_ID.fullmatch(case_id):
        _wrong("MAIN_EVENT_ID", f"lettres, chiffres, point, tirets ; {CASE_ID_MAX} au plus")
    withdrawn = kind == "Cancel" or msgtype in {"CANCEL", "ERROR"}
    state = _state(event, body.get("RESOURCE", []))
    drill = common["exercise"] or mode != "ACTUAL"
    own = {**common, "exercise": drill}
    return Patrol(**own, case_id=case_id, state=None if withdrawn else state)


def _state(
    event: Mapping[str, Any], resources: object
) -> Literal["engaged", "on_scene", "closed"] | None:
    """Read the furthest that any patrol of the case has come; a closed case outweighs patrols."""
    if not isinstance(resources, list) or len(resources) > _RESOURCES_MAX:
        _wrong("RESOURCE", f"une liste de {_RESOURCES_MAX} au plus attendue")
    doing = {_one_of(_dict(one, "RESOURCE"), "STATUS", _RESOURCE) for one in resources}
    if "STATUS" in event and _one_of(event, "STATUS", _EVENT) == "COM":
        return "closed"
    if "IN_USE/ON_SCENE" in doing:
        return "on_scene"
    return "engaged" if "IN_USE/MOBILE" in doing else None


def _error(body: Mapping[str, Any], _kind: str, common: Mapping[str, Any]) -> ErrorReport:
    told = _dict(body.get("errorCode"), "errorCode")
    code = told.get("statusCode")
    if isinstance(code, bool) or not isinstance(code, int | float) or not 0 <= code <= _STATUS_MAX:
        _wrong("statusCode", "un nombre attendu")
    cause = body.get("errorCause")
    if not isinstance(cause, str):
        _wrong("errorCause", "un texte attendu")
    return ErrorReport(
        **common,
        referenced=_name(body, "referencedDistributionID"),
        code=int(code),
        string=clean(_name(told, "statusString"), 64),
        cause=clean(cause, 500),
    )


_Reader = Callable[[Mapping[str, Any], str, Mapping[str, Any]], Inbound]
_BODIES: Mapping[str, tuple[tuple[str, ...], _Reader]] = MappingProxyType(
    {
        "reference": (("Ack",), _reference),
        "emsi": (("Report", "Update", "Cancel"), _patrol),
        "error": (("Error",), _error),
    }
)
"""Each body that a room may send, with the kinds of envelope that may hold it and its reader."""


def _dict(value: object, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _wrong(field, "objet attendu")
    return value


def _name(holder: Mapping[str, Any], field: str) -> str:
    value = holder.get(field)
    if not isinstance(value, str) or not legible(value):
        _wrong(field, "identifiant absent, trop long ou illisible")
    return value


def _one_of(holder: Mapping[str, Any], field: str, known: tuple[str, ...]) -> str:
    value = holder.get(field)
    if not isinstance(value, str) or value not in known:
        _wrong(field, "code inconnu")
    return value


def _time(holder: Mapping[str, Any], field: str) -> datetime:
    value = holder.get(field)
    if not isinstance(value, str) or len(value) > _TIME_MAX:
        _wrong(field, "date attendue")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        _wrong(field, "date illisible")
    # Years at the ends of the calendar overflow in whoever turns them into another zone.
    if moment.tzinfo is None or moment.year not in _YEARS:
        _wrong(field, "décalage horaire et année de notre temps attendus")
    return moment


def _salvaged(value: object) -> str | None:
    return value if isinstance(value, str) and legible(value) else None


def _wrong(field: str, detail: str) -> NoReturn:
    raise BadEnvelope(*INVALID, f"{field} : {detail}")
