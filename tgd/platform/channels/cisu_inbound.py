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
from codecs import BOM_UTF8
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NoReturn, cast

import msgspec

from tgd.errors import TgdError
from tgd.platform.channels import codes
from tgd.platform.channels.cisu_wire import CASE_ID_MAX, Letter, clean, legible, wrap

LONGEST = 64 * 1024
"""Bytes of one envelope; a greater one is not looked at."""
UNAVAILABLE = "UNAVAILABLE"
"""Stands for the id of a message whose own could not be read."""

_KINDS = ("Report", "Update", "Cancel", "Ack", "Error")
_CASE_ID = re.compile(r"[A-Za-z0-9_.-]+")
_RESOURCE = "EMSI.RESOURCE.STATUS"
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
        outer = msgspec.json.decode(raw.removeprefix(BOM_UTF8))  # a file's habit, and no harm
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise BadEnvelope(*UNRECOGNIZED, "JSON illisible") from None
    try:
        return _read(_dict(outer, "enveloppe"))
    except BadEnvelope as bad:
        if isinstance(outer, dict):
            bad.referenced = _salvaged(outer.get("distributionID")) or UNAVAILABLE
            bad.sender = _salvaged(outer.get("senderID"))
        raise


def stranger(raw: bytes, cause: str) -> BadEnvelope:
    """Return what to answer to an envelope that nobody we know has brought.

    It is read for what it says of its sender, which proves nothing.
    """
    bad = BadEnvelope(*SENDER, cause)
    try:
        message = read(raw)
    except BadEnvelope as unreadable:
        bad.sender, bad.referenced = unreadable.sender, unreadable.referenced
    else:
        bad.sender, bad.referenced = message.sender, message.distribution_id
    return bad


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
    kind = one_of(outer, "distributionKind", _KINDS)
    status = one_of(outer, "distributionStatus", ("Actual", "Exercise"))
    descriptor = _dict(outer.get("descriptor"), "descriptor")
    to = _dict(descriptor.get("explicitAddress"), "explicitAddress")
    common = {
        "distribution_id": name(outer, "distributionID"),
        "sender": name(outer, "senderID"),
        "addressed_to": name(to, "explicitAddressValue"),
        "sent_at": moment(outer, "dateTimeSent"),
        "exercise": status == "Exercise",
    }
    moment(outer, "dateTimeExpires")
    message = _message(outer)
    if message.get("status", status) != status:
        wrong("status", "n'est pas celui de l'enveloppe")
    present = [body for body in _BODIES if body in message]
    if len(present) != 1:
        wrong("message", "un seul corps attendu : reference, emsi ou error")
    kinds, reader = _BODIES[present[0]]
    if kind not in kinds:
        wrong("distributionKind", f"ne va pas avec {present[0]}")
    return reader(_dict(message[present[0]], present[0]), kind, common)


def _message(outer: Mapping[str, Any]) -> dict[str, Any]:
    content = outer.get("content")
    if not isinstance(content, list) or len(content) != 1:
        wrong("content", "un seul contenu attendu")
    inner = _dict(_dict(content[0], "content").get("jsonContent"), "jsonContent")
    embedded = _dict(inner.get("embeddedJsonContent"), "embeddedJsonContent")
    return _dict(embedded.get("message"), "message")


def _reference(body: Mapping[str, Any], _kind: str, common: Mapping[str, Any]) -> Reference:
    refused = body.get("refused", False)
    if not isinstance(refused, bool):
        wrong("refused", "vrai ou faux attendu")
    # The field is optional and the official sample leaves it out: then it says "received".
    step = _listed(body, "step", "HubSante.etape") if "step" in body else "RECU"
    return Reference(
        **common,
        referenced=name(body, "distributionID"),
        step=cast("Literal['RECU', 'INTEGRE', 'CONSULTE', 'ERREUR', 'SUPPRIME']", step),
        refused=refused,
    )


def _patrol(body: Mapping[str, Any], kind: str, common: Mapping[str, Any]) -> Patrol:
    context = _dict(body.get("CONTEXT"), "CONTEXT")
    mode = _listed(context, "MODE", "EMSI-CONTEXT.MODE")
    msgtype = _listed(context, "MSGTYPE", "EMSI-CONTEXT.MSGTYPE")
    event = _dict(body.get("EVENT"), "EVENT")
    # The room's own number stands in ID; it serves only where no shared number was given.
    case_id = name(event, "MAIN_EVENT_ID" if "MAIN_EVENT_ID" in event else "ID")
    if len(case_id) > CASE_ID_MAX or not _CASE_ID.fullmatch(case_id):
        wrong("MAIN_EVENT_ID", f"lettres, chiffres, point, tirets ; {CASE_ID_MAX} au plus")
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
        wrong("RESOURCE", f"une liste de {_RESOURCES_MAX} au plus attendue")
    doing = {_listed(_dict(one, "RESOURCE"), "STATUS", _RESOURCE) for one in resources}
    if "STATUS" in event and _listed(event, "STATUS", "EMSI-EVENT.STATUS") == "COM":
        return "closed"
    if "IN_USE/ON_SCENE" in doing:
        return "on_scene"
    return "engaged" if "IN_USE/MOBILE" in doing else None


def _error(body: Mapping[str, Any], _kind: str, common: Mapping[str, Any]) -> ErrorReport:
    told = _dict(body.get("errorCode"), "errorCode")
    code = told.get("statusCode")
    if isinstance(code, bool) or not isinstance(code, int | float) or not 0 <= code <= _STATUS_MAX:
        wrong("statusCode", "un nombre attendu")
    cause = body.get("errorCause")
    if not isinstance(cause, str):
        wrong("errorCause", "un texte attendu")
    return ErrorReport(
        **common,
        referenced=name(body, "referencedDistributionID"),
        code=int(code),
        string=clean(name(told, "statusString"), 64),
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
        wrong(field, "objet attendu")
    return value


def name(holder: Mapping[str, Any], field: str) -> str:
    """Return an identifier that can be one, else raise ``BadEnvelope``."""
    value = holder.get(field)
    if not isinstance(value, str) or not legible(value):
        wrong(field, "identifiant absent, trop long ou illisible")
    return value


def _listed(holder: Mapping[str, Any], field: str, of: str) -> str:
    return one_of(holder, field, codes.known(of))


def one_of(holder: Mapping[str, Any], field: str, known: Container[str]) -> str:
    """Return a code that is known, else raise ``BadEnvelope``."""
    value = holder.get(field)
    if not isinstance(value, str) or value not in known:
        wrong(field, "code inconnu")
    return value


def moment(holder: Mapping[str, Any], field: str) -> datetime:
    """Return a time with its offset, else raise ``BadEnvelope``."""
    value = holder.get(field)
    if not isinstance(value, str) or len(value) > _TIME_MAX:
        wrong(field, "date attendue")
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        wrong(field, "date illisible")
    # Years at the ends of the calendar overflow in whoever turns them into another zone.
    if found.tzinfo is None or found.year not in _YEARS:
        wrong(field, "décalage horaire et année de notre temps attendus")
    return found


def _salvaged(value: object) -> str | None:
    return value if isinstance(value, str) and legible(value) else None


def wrong(field: str, detail: str) -> NoReturn:
    """Refuse a message for one of its fields."""
    raise BadEnvelope(*INVALID, f"{field} : {detail}")
