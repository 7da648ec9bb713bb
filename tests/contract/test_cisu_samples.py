"""The framework's own samples, said to us by a room: taken as they are, refused once damaged.

Bodies are put into an envelope of ours, as the samples are bodies alone. Whatever is changed, the
answer is the message or one of two refusals with its RS-ERROR code, and never anything else.
"""

import json
from typing import Any

import pytest
from cisu_messages import NOW, REFERENCE, needs_reference
from hypothesis import given, settings
from hypothesis import strategies as st

from tgd.platform.channels import cisu
from tgd.platform.channels.cisu_wire import Letter, wrap

pytestmark = needs_reference

ROOM, US = "fr.health.samu690", "fr.tgd.plateforme"
SAMPLES = {
    "RC-REF/RC-REF.json": "Ack",
    "RS-ERROR/RS-ERROR.json": "Error",
    "EMSI/EMSI-OPG-message.json": "Update",
    "EMSI/EMSI-RDC-message.json": "Update",
    "EMSI/EMSI-Complet-DC-RDC-OPG-message.json": "Update",
    "EMSI/emsi-DC-message.json": "Update",
}
USED = {
    "reference": ["distributionID", "step", "refused"],
    "emsi": ["CONTEXT", "CONTEXT.MODE", "CONTEXT.MSGTYPE", "EVENT", "EVENT.MAIN_EVENT_ID",
             "EVENT.STATUS"],
    "error": ["errorCode", "errorCode.statusCode", "errorCode.statusString", "errorCause",
              "referencedDistributionID"],
}  # fmt: skip
"""What is read of each body; what else stands in it may be anything."""
LETTERS = ["distributionID", "senderID", "dateTimeSent", "dateTimeExpires", "distributionStatus",
           "distributionKind", "descriptor", "content"]  # fmt: skip
WRONG = [None, 7, True, [], {}, "", " ", "x" * 10_000, "a\x00b", "Inconnu"]


def sample(name: str) -> dict[str, Any]:
    body = json.loads((REFERENCE / "cisu" / "samples" / name).read_text(encoding="utf-8"))
    letter = Letter(f"{ROOM}_1", ROOM, US, NOW, NOW, SAMPLES[name], exercise=False)
    return json.loads(cisu.encode(wrap(letter, body)))


def body_of(envelope: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    message = envelope["content"][0]["jsonContent"]["embeddedJsonContent"]["message"]
    (kind,) = [name for name in USED if name in message]
    return kind, message[kind]


def heard(envelope: object) -> object:
    """What is made of it: a message, or the refusal's code and field."""
    try:
        return cisu.read(json.dumps(envelope).encode())
    except cisu.BadEnvelope as bad:
        return bad.code, bad.cause.split(" : ")[0]


@pytest.mark.parametrize("name", SAMPLES)
def test_an_official_sample_is_taken_as_it_is(name: str) -> None:
    told = heard(sample(name))
    assert isinstance(told, cisu.Reference | cisu.Patrol | cisu.ErrorReport), told
    assert (told.sender, told.addressed_to) == (ROOM, US)
    if isinstance(told, cisu.Reference):
        assert (told.step, told.is_refusal) == ("RECU", False)
    if isinstance(told, cisu.Patrol):
        assert told.case_id.startswith("fr.health.samu")
    if isinstance(told, cisu.ErrorReport):
        assert (told.code, told.string) == (100, "DELIVERY_MODE_INCONSISTENCY")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_with_one_field_wrong_is_refused_by_that_field(name: str) -> None:
    for field in LETTERS:
        for wrong in (*WRONG, {"is": "no such thing"}):
            damaged = sample(name)
            damaged[field] = wrong
            told = heard(damaged)
            fits = field in {"distributionID", "senderID"} and wrong == "Inconnu"
            assert fits or (isinstance(told, tuple) and told[0] == 300), (field, wrong, told)
    kind = body_of(sample(name))[0]
    for field in USED[kind]:
        *path, last = field.split(".")
        for wrong in WRONG:
            damaged = sample(name)
            at = body_of(damaged)[1]
            for step in path:
                at = at[step]
            at[last] = wrong
            told = heard(damaged)
            if isinstance(told, tuple):
                assert told[0] == 300, (field, wrong, told)
            else:
                assert may_be(field, wrong), (field, wrong, told)


def may_be(field: str, wrong: object) -> bool:
    """Whether a value of the list above is one that the field can have."""
    free = field in {"distributionID", "EVENT.MAIN_EVENT_ID", "referencedDistributionID",
                     "errorCode.statusString"}  # fmt: skip
    return (
        (free and wrong == "Inconnu")
        or (field == "refused" and wrong is True)
        or (field == "errorCause" and isinstance(wrong, str))
        or (field == "errorCode.statusCode" and wrong == 7 and wrong is not True)
    )


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("cut", [1, 2, 20, 200])
def test_a_sample_cut_short_is_no_message_at_all(name: str, cut: int) -> None:
    raw = json.dumps(sample(name)).encode()[:-cut]
    with pytest.raises(cisu.BadEnvelope) as bad:
        cisu.read(raw)
    assert (bad.value.code, bad.value.string) == (102, "UNRECOGNIZED_MESSAGE_FORMAT")


def paths(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every field of a message, and to every item of its lists."""
    branches = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = []
    for key, branch in branches:
        found.append((*at, key))
        if isinstance(branch, dict | list):
            found += paths(branch, (*at, key))
    return found


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_is_changed_there_is_an_answer(name: str, data: st.DataObject) -> None:
    damaged = sample(name)
    before = body_of(sample(name))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths(damaged)))
        at: Any = damaged
        for key in path[:-1]:
            at = at[key]
        if data.draw(st.booleans()):
            at[path[-1]] = data.draw(values)
        elif isinstance(at, dict):
            del at[path[-1]]
        if not paths(damaged):
            break
    told = heard(damaged)
    if isinstance(told, tuple):
        assert told[0] in {102, 300}
    else:
        # It was taken: then what is read of it is whole.
        assert body_of(damaged)[0] == before[0]
        assert len(told.distribution_id) <= 256
        assert told.sent_at.tzinfo is not None


def test_each_worked_answer_is_taken() -> None:
    for number in ("03", "04", "05", "06", "07"):
        (path,) = (REFERENCE / "examples").glob(f"{number}-*.json")
        told = cisu.read(path.read_bytes())
        assert told.sender == ("fr.hub.pn" if number == "05" else "fr.police.cic86")
