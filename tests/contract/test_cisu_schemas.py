import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cisu_checks import check as checked
from cisu_checks import official, validator
from cisu_messages import MESSAGE, NOW, REFERENCE, needs_reference, report
from hypothesis import given, settings
from hypothesis import strategies as st

from tgd.demo.salle_envelope import LADDER, read_case, reply
from tgd.errors import Invalid
from tgd.platform.channels import cisu, cisu_risks, codes
from tgd.platform.persons import Aggressor, Child, Dangers, PersonFile

pytestmark = needs_reference


def check(envelope):
    """Hold an envelope to all there is; return its body."""
    return checked(cisu.encode(envelope))


def example(name):
    return json.loads((REFERENCE / "examples" / name).read_text(encoding="utf-8"))


def body_of(envelope):
    (content,) = envelope["content"]
    return content["jsonContent"]["embeddedJsonContent"]["message"]["createCase"]


def leaves(value, at=""):
    """Every field of a message with its path, items of lists under one path."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one, f"{at}[]")
    else:
        yield at, value


WORKED = report(
    distribution_id=MESSAGE.distribution_id,
    phone="0700000000",
    callback="0500000000",
    operator_id="op-17",
    silent=True,
    hers=cisu_risks.hers(PersonFile(name="", born="1990-01-01"), NOW.date(), None),
)
"""The alert of the worked messages."""
NOT_KNOWN = {
    "qualification.locationKind.code",
    "qualification.locationKind.label",
    "location.detailedAddress.number",
    "location.detailedAddress.wayName.complete",
    "location.detailedAddress.wayName.type",
    "location.detailedAddress.wayName.name",
    "location.detailedAddress.complete",
    "location.city.name",
    "location.city.inseeCode",
}
"""What the worked messages have of an address register: we say it of known places alone."""
OURS = {
    "location.locID", "location.locLabel", "location.freetext", "initialAlert.id",
    "initialAlert.notes[].creation", "initialAlert.notes[].freetext", "initialAlert.reception",
    "initialAlert.caller.freetext", "initialAlert.caller.detailedName.complete",
    "initialAlert.callTaker.calltakerContact.detail",
    "freetext[]", "additionalInformation.customMap[].label",
    "additionalInformation.customMap[].key", "additionalInformation.customMap[].value",
}  # fmt: skip
"""What has our own words, ids and moments in it: there in both, and not the same."""


def alike(path):
    """A path with the location and the qualification of the alert as those of the case."""
    for name in ("location", "qualification"):
        path = (
            path.removeprefix("initialAlert.") if path.startswith(f"initialAlert.{name}") else path
        )
    return path


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("01-RC-EDA-report.json", {}),
        ("02-RC-EDA-update-position.json", {"kind": "Update"}),
        ("08-RC-EDA-cancel.json", {"kind": "Cancel"}),
        ("09-RC-EDA-exercise.json", {"exercise": True}),
    ],
)
def test_ours_says_field_by_field_what_the_worked_message_says(name, changes):
    worked, ours = example(name), cisu.envelope(replace(WORKED, **changes))
    case, told = check(ours), body_of(worked)
    for field in ("senderID", "distributionStatus", "distributionKind"):
        assert ours[field] == worked[field], field
    assert ours["descriptor"].keys() == worked["descriptor"].keys()
    said, theirs = {}, {}
    for found, whole in ((said, case), (theirs, told)):
        for path, value in leaves(whole):
            found.setdefault(alike(path), set()).add(value)
    if changes.get("kind") == "Cancel":
        # It says which case is withdrawn, to a room that it does not concern, and nothing of her.
        kept = {"caseId", "senderCaseId", "creation", "referenceVersion"}
        assert {path: said[path] for path in kept} == {path: theirs[path] for path in kept}
        assert "Sans objet" in said["initialAlert.caller.callerContact.detail"]
        assert not [path for path in said if "geometry" in path or "victims" in path]
        assert freetext(case) == "Annulation"
        return
    assert theirs.keys() - said.keys() == NOT_KNOWN
    assert said.keys() - theirs.keys() == set()
    moved = {p for p in theirs if "geometry" in p} if changes.get("kind") == "Update" else set()
    for path in theirs.keys() - NOT_KNOWN - OURS - moved:
        assert said[path] == theirs[path], path


def freetext(case):
    return case["freetext"][0].split(" : ")[0]


def test_an_update_and_an_exercise_are_named_as_in_the_worked_examples():
    update = cisu.envelope(report(kind="Update"))
    worked = example("02-RC-EDA-update-position.json")
    assert update["distributionKind"] == worked["distributionKind"] == "Update"
    assert check(update)["freetext"][0] == "Téléphone Grave Danger : mise à jour de l'affaire."
    drill = cisu.envelope(report(exercise=True))
    worked = example("09-RC-EDA-exercise.json")
    assert drill["distributionStatus"] == worked["distributionStatus"] == "Exercise"
    assert check(drill)["freetext"][0].startswith("EXERCICE : ne pas intervenir")


def test_without_a_position_the_case_still_stands_and_says_so():
    case = check(cisu.envelope(report(position=None)))
    assert "geometry" not in case["location"]
    assert case["location"]["freetext"] == "Aucune position."
    refused = check(cisu.envelope(report(position=None, doubts=("location_refused",))))
    assert refused["location"]["freetext"].startswith("Localisation refusée")
    keys = [entry["key"] for entry in case["additionalInformation"]["customMap"]]
    assert keys == ["tgd.presses"]


def test_a_position_never_goes_without_radius_age_and_source():
    case = check(cisu.envelope(report()))
    assert (
        "<gml:radius uom='urn:ogc:def:uom:EPSG::9001'>29</gml:radius>"
        in (case["location"]["geometry"]["sketch"])
    )
    text = case["location"]["freetext"]
    assert text == "Position GNSS, rayon 95 % 29 m, âge 9 s, relevée à 22:30:58."
    custom = {e["key"]: e["value"] for e in case["additionalInformation"]["customMap"]}
    assert custom["tgd.uncertaintyM95"] == "29"
    assert custom["tgd.locationSource"] == "gnss"


@pytest.mark.parametrize(("lat", "lon"), [(200, 0), (0, 181), (math.nan, 0), (math.inf, math.inf)])
def test_coordinates_that_do_not_exist_are_no_position(lat, lon):
    place = cisu.Place(lat=lat, lon=lon, r95_m=5, fixed_at=NOW, age_s=1)
    assert "geometry" not in check(cisu.envelope(report(position=place)))["location"]


def test_several_rooms_are_named_with_their_lead():
    case = check(cisu.envelope(report(lead="CIC 86", others=("CORG 86", "CORG 37"))))
    assert case["freetext"][2] == (
        "Salle chef de file : CIC 86. Autres salles prévenues : CORG 86, CORG 37."
    )
    custom = {e["key"]: e["value"] for e in case["additionalInformation"]["customMap"]}
    assert custom["tgd.rooms"] == "CIC 86, CORG 86, CORG 37"
    assert len(custom) == 3


def test_the_holders_number_and_ours_go_out_in_international_form():
    case = check(cisu.envelope(report(phone="07 00 00 00 00", callback="05 00 00 00 00")))
    caller = case["initialAlert"]["caller"]
    assert caller["callerContact"]["detail"] == "+33700000000"
    assert caller["callbackContact"]["detail"] == "+33500000000"
    assert case["initialAlert"]["callTaker"]["calltakerContact"]["detail"] == "+33500000000"
    silent = check(cisu.envelope(report(phone="17")))["initialAlert"]["caller"]
    assert silent["callerContact"]["detail"] == "Appareil tgd-86-01, sans numéro"
    assert "callbackContact" not in silent


def test_the_same_message_is_the_same_to_the_last_byte():
    assert cisu.encode(cisu.envelope(MESSAGE)) == cisu.encode(cisu.envelope(MESSAGE))


@pytest.mark.parametrize(
    "wrong",
    [
        {"room": "CIC de Poitiers"},
        {"sender_id": ""},
        {"case_id": "a.b"},
        {"distribution_id": "x\x00"},
        {"sent_at": datetime(2026, 1, 1)},  # noqa: DTZ001  the fault itself
    ],
)
def test_what_would_name_another_case_or_time_is_refused(wrong):
    with pytest.raises(Invalid):
        cisu.envelope(report(**wrong))


texts = st.text(max_size=600)
times = st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(2105, 12, 31)  # noqa: DTZ001  made aware
).map(lambda moment: moment.replace(tzinfo=UTC)) | st.just(
    datetime(2026, 10, 25, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=2)))
)  # fmt: skip
numbers = st.floats() | st.integers(min_value=-(10**9), max_value=10**9)
some = st.lists(texts, max_size=3).map(tuple)
perhaps = st.none() | texts
known_places = st.builds(
    cisu.KnownPlace,
    kind=st.sampled_from(["home", "work", "school", "aggressor", "other", "?"]),
    address=perhaps,
    access=st.none()
    | st.builds(
        cisu.Access,
        floor=perhaps,
        codes=some,
        interphone=perhaps,
        building=perhaps,
        entrance=perhaps,
        door=perhaps,
    ),
    how=some,
)
places = st.builds(
    cisu.Place,
    lat=st.floats(-90, 90) | numbers,
    lon=st.floats(-180, 180) | numbers,
    r95_m=st.floats(0, 1e7) | numbers,
    fixed_at=times,
    age_s=numbers,
    method=st.sampled_from(["G", "W", "C", "F", None, "?"]),
    speed_kmh=st.none() | numbers,
    heading_deg=st.none() | numbers,
    doubts=some,
    at=st.none() | known_places,
    near=st.sampled_from([None, "aggressor", "?"]),
)
words = st.from_regex(r"[A-Za-z0-9_-]{1,20}(\.[A-Za-z0-9_-]{1,20}){0,2}", fullmatch=True)
files = st.builds(
    PersonFile,
    name=texts,
    born=perhaps | st.sampled_from(["1990-02-30", "31/12/2001", "2015-01-01"]),
    description=perhaps,
    languages=some | st.just(("arabe", "fr")),
    children=st.lists(st.builds(Child, name=texts, note=perhaps), max_size=2).map(tuple),
    aggressor=st.none()
    | st.builds(Aggressor, name=texts, description=perhaps, vehicle=perhaps, relation=perhaps),
    dangers=st.none()
    | st.builds(Dangers, weapons=perhaps, dog=perhaps, access=perhaps, other=perhaps),
)
further = st.builds(
    cisu.FurtherPress,
    id=texts,
    pressed_at=times,
    received_at=times,
    doubts=some,
    position=st.none() | places,
)
messages = st.builds(
    cisu.CaseMessage,
    distribution_id=st.uuids().map(lambda unique: cisu.distribution_id("fr.tgd.p", unique)),
    sender_id=words,
    room=words,
    sent_at=times,
    expires_at=times,
    exercise=st.booleans(),
    kind=st.sampled_from(["Report", "Update", "Cancel"]),
    case_id=st.from_regex(r"20[0-9]{6}-[0-9]{6}", fullmatch=True),
    alert_id=texts,
    case_created_at=times,
    alert_opened_at=times,
    reason=texts,
    position=st.none() | places,
    presses=st.integers(min_value=0, max_value=10**9),
    last_press_at=times,
    device_label=texts,
    first_position=st.none() | places,
    first_press_at=st.none() | times,
    first_doubts=some,
    further=st.lists(further, max_size=12).map(tuple),
    beneficiary_label=perhaps,
    hers=st.builds(
        cisu_risks.hers, st.none() | files, times.map(datetime.date), st.none() | known_places
    ),
    phone=perhaps,
    callback=perhaps,
    operator_id=perhaps,
    voice=st.sampled_from([None, "holder", "child", "other", "nobody"]),
    silent=st.booleans(),
    danger_retained=st.booleans(),
    doubts=st.lists(texts | st.just("late"), max_size=4).map(tuple),
    notes=st.lists(st.builds(cisu.Note, at=times, text=texts), max_size=30).map(tuple),
    lead=perhaps,
    others=st.lists(texts, max_size=4).map(tuple),
    nature=texts | st.just("C02.15.07"),
    nature_label=perhaps,
)


@settings(max_examples=60, deadline=None)
@given(messages)
def test_every_envelope_is_valid_and_bounded_whatever_the_texts(message):
    raw = cisu.encode(cisu.envelope(message))
    assert len(raw) < 64 * 1024
    case = check(json.loads(raw))
    coord = case["location"].get("geometry", {}).get("point", {}).get("coord", {})
    assert -90 <= coord.get("lat", 0) <= 90
    assert -180 <= coord.get("lon", 0) <= 180
    assert all(character.isprintable() for character in raw.decode())


def test_our_lists_say_what_the_official_ones_say():
    for name in codes.lists():
        if not (REFERENCE / "cisu" / "nomenclatures" / f"{name}.csv").is_file():
            assert name in {"RC-EDA.contact", "EMSI.RESOURCE.STATUS"}
            continue
        theirs = official(name)
        for code, label in codes.known(name).items():
            if code in codes.besides(name):
                assert code not in theirs, f"{name} has it now: {code}"
            else:
                called = {one.split(";")[0].split(" (")[0].strip() for one in theirs[code]}
                assert label.split(" (")[0] in called, (name, code)
        assert codes.besides(name) <= codes.known(name).keys()


def test_the_codes_that_are_understood_are_the_official_ones():
    schema = validator("EMSI").schema
    of_schema = {
        "EMSI.RESOURCE.STATUS": schema["definitions"]["resource"]["properties"]["STATUS"]["enum"],
        "EMSI-EVENT.STATUS": schema["definitions"]["event"]["properties"]["STATUS"]["enum"],
        "EMSI-CONTEXT.MODE": schema["definitions"]["context"]["properties"]["MODE"]["enum"],
        "EMSI-CONTEXT.MSGTYPE": schema["definitions"]["context"]["properties"]["MSGTYPE"]["enum"],
    }
    for name, enum in of_schema.items():
        assert set(enum) <= codes.known(name).keys()
    assert codes.known("HubSante.etape").keys() == official("HubSante.etape").keys()


def test_the_edition_that_we_name_is_that_of_the_worked_messages():
    worked = body_of(example("01-RC-EDA-report.json"))
    assert codes.reference_version() == worked["referenceVersion"]


def test_our_error_report_is_valid():
    bad = cisu.BadEnvelope(300, "INVALID_MESSAGE", "step : code inconnu\x00")
    error = cisu.rs_error(
        bad,
        sender_id="fr.tgd.plateforme",
        recipient="fr.police.cic86",
        distribution_id="fr.tgd.plateforme_1",
        sent_at=NOW,
        expires_at=NOW + timedelta(minutes=5),
    )
    assert check(error)["errorCause"] == "step : code inconnu"


@pytest.mark.parametrize("exercise", [False, True])
@pytest.mark.parametrize("step", ["ERREUR", *LADDER])
def test_the_simulated_rooms_answers_are_valid_and_understood(step, exercise):
    told = read_case(cisu.encode(cisu.envelope(report(exercise=exercise))))
    answer = reply(told, step, NOW)
    check(answer)
    heard = cisu.read(cisu.encode(answer))
    assert heard.exercise == exercise
    assert step == (heard.step if isinstance(heard, cisu.Reference) else heard.state)


def test_a_configured_nature_is_checked_when_configured():
    assert cisu.check_nature("C02.15.07") == "C02.15.07"
    with pytest.raises(Invalid):
        cisu.check_nature("TGD")
