"""CAP's ``Ack`` and ``Error``: a person's acknowledges, a machine's does not; no more is read."""

from xml.sax.saxutils import escape

import pytest
from cisu_messages import REFERENCE, needs_reference
from hypothesis import given
from hypothesis import strategies as st

from tgd.platform.channels import cap_inbound
from tgd.platform.channels.cap_inbound import LONGEST, read
from tgd.platform.channels.cisu_inbound import BadEnvelope

ROOM = "fr.police.cic86"
OURS = "fr.tgd.plateforme_0190c8f2-6d3a-7b11-9d5e-000000000001"
FIELDS = {
    "identifier": "x-1",
    "sender": ROOM,
    "sent": "2026-11-21T22:31:07+01:00",
    "status": "Actual",
    "msgType": "Ack",
    "scope": "Private",
    "references": f"fr.tgd.plateforme,{OURS},2026-11-21T22:31:07+01:00",
}


def ack(**changes: str | None) -> bytes:
    said = {name: text for name, text in (FIELDS | changes).items() if text is not None}
    inside = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in said.items())
    return f'<alert xmlns="{cap_inbound.SCHEMA}">{inside}</alert>'.encode()


@needs_reference
def test_the_worked_acknowledgement_is_a_machine_s() -> None:
    (told,) = read((REFERENCE / "examples" / "21-CAP-1.2-ack.xml").read_bytes(), ROOM)
    assert (told.step, told.sender, told.referenced) == ("INTEGRE", ROOM, OURS)
    assert not told.is_refusal


@pytest.mark.parametrize(
    ("source", "step"),
    [
        (None, "INTEGRE"),
        ("", "INTEGRE"),
        ("passerelle CAP 2.1", "INTEGRE"),
        ("operateur", "INTEGRE"),
        ("operateur op-17", "CONSULTE"),
        ("Opératrice  b.17", "CONSULTE"),
        ("operateur op-17 (automatique)", "INTEGRE"),
    ],
)
def test_only_a_person_who_is_named_has_looked_at_it(source: str | None, step: str) -> None:
    (told,) = read(ack(source=source), ROOM)
    assert told.step == step


def test_an_error_ends_the_attempt_and_an_exercise_is_marked() -> None:
    (told,) = read(ack(msgType="Error", source="operateur op-17"), ROOM)
    assert told.is_refusal
    assert read(ack(status="Exercise"), ROOM)[0].exercise


def test_one_answer_may_name_several_messages() -> None:
    other = OURS.replace("0001", "0002")
    two = f"{FIELDS['references']} a,{other},2026-11-21T22:31:07+01:00"
    assert [told.referenced for told in read(ack(references=two), ROOM)] == [OURS, other]


def test_the_sender_is_the_room_or_its_identifier_says_so() -> None:
    assert read(ack(sender="cic86@police.example.fr"), ROOM)[0].sender != ROOM
    named = ack(sender="cic86@police.example.fr", identifier=f"{ROOM}_1")
    assert read(named, ROOM)[0].sender == ROOM


BAD: dict[str, tuple[dict[str, str | None], str]] = {
    "another kind": ({"msgType": "Alert"}, "msgType"),
    "no kind": ({"msgType": None}, "msgType"),
    "public": ({"scope": "Public"}, "scope"),
    "a draft": ({"status": "Draft"}, "status"),
    "no sender": ({"sender": None}, "sender"),
    "an endless identifier": ({"identifier": "x" * 10_000}, "identifier"),
    "no time": ({"sent": "now"}, "sent"),
    "a naive time": ({"sent": "2026-11-21T22:31:07"}, "sent"),
    "no reference": ({"references": None}, "references"),
    "half a reference": ({"references": "a,b"}, "references"),
    "endless references": ({"references": "a,b,c " * 1000}, "references"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_refused_by_its_field(name: str) -> None:
    changes, field = BAD[name]
    with pytest.raises(BadEnvelope) as bad:
        read(ack(**changes), ROOM)
    assert (bad.value.code, bad.value.cause.split(" : ")[0]) == (300, field)
    assert bad.value.referenced == ("UNAVAILABLE" if field == "identifier" else "x-1")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"<alert/>",
        b"<alert xmlns='urn:oasis:names:tc:emergency:cap:1.1'/>",
        b"<?xml version='1.0' encoding='nonsense'?><alert/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>" * 20_000,
        f'<alert xmlns="{cap_inbound.SCHEMA}">{"<info/>" * 100}</alert>'.encode(),
    ],
)
def test_what_is_no_such_message_is_refused_unread(raw: bytes) -> None:
    with pytest.raises(BadEnvelope) as bad:
        read(raw, ROOM)
    assert bad.value.code == 102


def test_a_field_that_stands_twice_is_none() -> None:
    twice = ack().replace(b"<scope>", b"<source>operateur a</source><source>b</source><scope>")
    with pytest.raises(BadEnvelope, match="deux fois"):
        read(twice, ROOM)


def test_more_than_64_kib_are_not_looked_at() -> None:
    with pytest.raises(BadEnvelope) as bad:
        read(b" " * (LONGEST + 1), ROOM)
    assert bad.value.code == 300


@given(st.binary(max_size=2000) | st.text(max_size=500).map(str.encode))
def test_reading_is_total(raw: bytes) -> None:
    with pytest.raises(BadEnvelope):
        read(raw, ROOM)


@given(st.dictionaries(st.sampled_from(list(FIELDS)), st.text(max_size=200)))
def test_reading_is_total_on_damaged_messages(changes: dict[str, str]) -> None:
    legible = {name: text for name, text in changes.items() if text.isprintable()}
    try:
        assert read(ack(**legible), ROOM)
    except BadEnvelope as bad:
        assert bad.code in {102, 300}  # noqa: PT017  either is right, and nothing else is
