"""The envelopes of a simulated control room: the case that it is sent, the answers that it gives.

Serves the demonstration and the acceptance tests of arrow 3. Reading is a room's own: written
apart from the platform's writer, so that a fault there is not mirrored here. It takes exactly the
fields that a screen shows and refuses what lacks them. What is done with either is ``salle_room``
and ``salle``.
"""

from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Literal
from uuid import uuid4

import msgspec

from tgd.platform.channels.cisu_wire import Letter, clean, encode, legible, stamp, wrap

Step = Literal["ERREUR", "RECU", "INTEGRE", "CONSULTE", "engaged", "on_scene", "closed"]
LADDER: tuple[Step, ...] = ("RECU", "INTEGRE", "CONSULTE", "engaged", "on_scene", "closed")

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_PATROL = MappingProxyType(
    {
        "engaged": ("IPR", "IN_USE/MOBILE"),
        "on_scene": ("IPR", "IN_USE/ON_SCENE"),
        "closed": ("COM", "AVAILB"),
    }
)
_VALID_FOR = timedelta(hours=1)


class Coord(msgspec.Struct):
    """Degrees WGS84 of the point."""

    lat: float
    lon: float
    precision: str


class _Point(msgspec.Struct):
    coord: Coord


class _Geometry(msgspec.Struct):
    datetime: str
    point: _Point | None = None


class Location(msgspec.Struct):
    """Where: in words always, as a point if there is one."""

    country: str
    freetext: str = ""
    geometry: _Geometry | None = None


class Nature(msgspec.Struct):
    """What happened, by the official code list."""

    code: str
    label: str


class _Qualification(msgspec.Struct):
    nature: Nature = msgspec.field(name="whatsHappen")


class _Note(msgspec.Struct):
    freetext: str = ""


class _Contact(msgspec.Struct):
    detail: str = ""


class _Named(msgspec.Struct):
    complete: str = ""


class _Caller(msgspec.Struct):
    contact: _Contact = msgspec.field(name="callerContact")
    freetext: str = ""
    named: _Named = msgspec.field(name="detailedName", default_factory=_Named)


class Attachment(msgspec.Struct):
    """What stands elsewhere: the platform's own sheet of the case."""

    uri: str = msgspec.field(name="URI")


class _Alert(msgspec.Struct):
    id: str
    caller: _Caller
    notes: list[_Note] = []
    attachments: list[Attachment] = msgspec.field(name="attachment", default_factory=list)


NO_ALERT = _Alert(id="", caller=_Caller(contact=_Contact()))
"""That of a case which is withdrawn: nothing is said of her any more."""


class Case(msgspec.Struct):
    """The body ``createCase``, as far as a room's screen needs it."""

    case_id: _Id = msgspec.field(name="caseId")
    qualification: _Qualification
    location: Location
    alert: _Alert = msgspec.field(name="initialAlert", default_factory=lambda: NO_ALERT)
    lines: list[str] = msgspec.field(name="freetext", default_factory=list)


class _Message(msgspec.Struct):
    case: Case = msgspec.field(name="createCase")


class _Embedded(msgspec.Struct):
    message: _Message


class _Json(msgspec.Struct):
    embedded: _Embedded = msgspec.field(name="embeddedJsonContent")


class _Content(msgspec.Struct):
    json: _Json = msgspec.field(name="jsonContent")


class _Address(msgspec.Struct):
    value: _Id = msgspec.field(name="explicitAddressValue")


class _Descriptor(msgspec.Struct):
    address: _Address = msgspec.field(name="explicitAddress")


class Envelope(msgspec.Struct):
    """An EDXL-DE envelope that holds a case."""

    distribution_id: _Id = msgspec.field(name="distributionID")
    sender: _Id = msgspec.field(name="senderID")
    kind: Literal["Report", "Update", "Cancel"] = msgspec.field(name="distributionKind")
    status: Literal["Actual", "Exercise"] = msgspec.field(name="distributionStatus")
    descriptor: _Descriptor
    content: Annotated[list[_Content], msgspec.Meta(min_length=1, max_length=1)]

    @property
    def room(self) -> str:
        """The room that it is addressed to."""
        return self.descriptor.address.value

    @property
    def exercise(self) -> bool:
        """Whether nobody is to be sent."""
        return self.status == "Exercise"

    @property
    def case(self) -> Case:
        """The case in it."""
        return self.content[0].json.embedded.message.case


_decoder = msgspec.json.Decoder(Envelope)


def read_case(raw: bytes) -> Envelope:
    """Return the case message in ``raw``, or raise ``ValueError`` that says what is wrong."""
    try:
        told = _decoder.decode(raw)
    except RecursionError:
        raise ValueError("trop de niveaux") from None
    if not all(map(legible, (told.distribution_id, told.sender, told.room, told.case.case_id))):
        raise ValueError("identifiant illisible")
    return told


def reply(told: Envelope, step: Step, at: datetime, because: str | None = None) -> dict[str, Any]:
    """Write the room's answer to a message: RC-REF, or EMSI for a patrol; with its own id.

    ``because`` says how an event was closed; RC-REF has no place for why something is refused.
    """
    patrol = _PATROL.get(step)
    letter = Letter(
        distribution_id=f"{told.room}_{uuid4()}",
        sender=told.room,
        recipient=told.sender,
        sent_at=at,
        expires_at=at + _VALID_FOR,
        kind="Update" if patrol else "Ack",
        exercise=told.exercise,
    )
    if patrol:
        emsi = _emsi(told, patrol, at)
        if because is not None:
            emsi["CONTEXT"]["FREETEXT"] = clean(because, 200)
        return wrap(letter, {"emsi": emsi})
    refused = step == "ERREUR"
    reference = {"distributionID": told.distribution_id, "step": step, "refused": refused}
    return wrap(letter, {"reference": reference})


def _emsi(told: Envelope, patrol: tuple[str, str], at: datetime) -> dict[str, Any]:
    event, resource = patrol
    return {
        "CONTEXT": {
            "ID": str(uuid4()),
            "MODE": "EXERCS" if told.exercise else "ACTUAL",
            "MSGTYPE": "UPDATE",
            "CREATION": stamp(at),
            "SECLASS": "RESTRC",
            "URGENCY": "URGENT",
            "ORIGIN": {"ORG_ID": told.room, "NAME": clean(told.room, 80)},
        },
        "EVENT": {
            "ID": f"simulation-{told.case.case_id}",
            "MAIN_EVENT_ID": told.case.case_id,
            "ETYPE": {"CATEGORY": ["PSW/ALM"], "ACTOR": ["PPL"], "LOCTYPE": ["OTH"]},
            "SOURCE": "HUMDED",
            "STATUS": event,
        },
        "RESOURCE": [
            {
                "RTYPE": {"RCLASS": ["MAT/VEH/ROADVE/POLICE/PATROL"]},
                "ID": f"{told.room}.resource.simulation-1",
                "NAME": "Patrouille simulée 1",
                "STATUS": resource,
            }
        ],
    }


def written(said: dict[str, Any], wrong: str | None) -> bytes:
    """Write an answer as it goes out; ``wrong`` makes it what no room should send."""
    if wrong == "json":
        return b'{"distributionID": '
    if wrong == "sender":
        said = said | {"senderID": "fr.nobody.here"}
    if wrong == "reference":
        message = said["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]
        if "reference" in message:
            message["reference"]["distributionID"] = f"fr.nobody.here_{uuid4()}"
        else:
            message["emsi"]["EVENT"]["MAIN_EVENT_ID"] = "fr.nobody.here.20300101-000000"
    return encode(said)
