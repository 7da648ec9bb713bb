"""Control rooms: a file read strictly, stored whole or not at all, never deleted."""

import hashlib
import re
from collections.abc import AsyncIterator

import pytest

from tgd.cli.rooms_file import RoomsFileError, read, warnings
from tgd.errors import Refused
from tgd.platform.channels import amqp_address
from tgd.seal import SealBroken, Sealer
from tgd.store import rooms
from tgd.store.db import Database
from tgd.store.rooms import LineEntry, RoomEntry, RoomRow

SEALER = Sealer("5a" * 32)
GOOD = """
[[room]]
id = "cic-poitiers"
name = "CIC de Poitiers"
institution = "PN"
address = "fr.police.cic-86"
services = ["PN-86"]
phone = "+33549000017"
default = true
neighbour = "corg-86"
inbound_token = "the-room-calls-with-this"
  [[room.line]]
  adapter = "voice"
  [[room.line]]
  adapter = "https"
  url = "https://cic.invalid/cisu"
  token = "we-call-with-this"
  timeout_s = 2.5
  [[room.line]]
  adapter = "https"
  url = "http://127.0.0.1:9/cisu"

[[room]]
id = "corg-86"
name = "CORG de la Vienne"
institution = "GN"
"""
ROOM = '[[room]]\nid = "a"\nname = "A"\ninstitution = "PN"\n'
LINE = '[[room.line]]\nadapter = "https"\nurl = "https://a.invalid/"\n'
HERE = '[[room.line]]\nadapter = "https"\nurl = "http://127.0.0.1/"\n'
AMQP = '[[room.line]]\nadapter = "amqp"\nurl = "amqps://a.invalid/"\n'


def room(name: str, **more: object) -> RoomEntry:
    return RoomEntry(id=name, name=name.upper(), institution="PN", address=name, **more)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@pytest.fixture
async def store(database: str) -> AsyncIterator[Database]:
    opened = Database(database, size=3)
    await opened.open()
    yield opened
    await opened.close()


async def put(store: Database, *entries: RoomEntry) -> None:
    async with store.transaction() as connection:
        await rooms.replace(connection, entries)


async def told(store: Database) -> list[RoomRow]:
    async with store.connection() as connection:
        return await rooms.told(connection)


def test_a_whole_file_is_read() -> None:
    cic, corg = read(GOOD, SEALER)
    assert (cic.id, cic.name, cic.institution) == ("cic-poitiers", "CIC de Poitiers", "PN")
    assert (cic.address, cic.services, cic.phone) == (
        *("fr.police.cic-86", ("PN-86",)),
        "+33549000017",
    )
    assert (cic.is_default, cic.neighbour) == (True, "corg-86")
    assert cic.inbound_token == digest("the-room-calls-with-this")
    assert [line.adapter for line in cic.lines] == ["voice", "https", "https"]
    assert [line.timeout_s for line in cic.lines] == [5.0, 2.5, 5.0]
    assert (corg.address, corg.lines, corg.is_default) == ("corg-86", (), False)


def test_a_line_s_token_opens_for_that_line_only() -> None:
    sealed = read(GOOD, SEALER)[0].lines[1].token
    assert sealed is not None
    assert b"we-call" not in sealed
    assert SEALER.open(sealed, "line:cic-poitiers:1") == b"we-call-with-this"
    with pytest.raises(SealBroken):
        SEALER.open(sealed, "line:cic-poitiers:2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no [[room]]"),
        ("[[room", "not TOML"),
        (ROOM + "phone = +", "(at line 5, column"),
        ("room = 3", "there is no [[room]]"),
        ("room = [3]", "room 1 is not a table"),
        ("rooms = []", "rooms: only [[room]] is known"),
        ('[[room]]\nname = "A"\ninstitution = "PN"', "room 1: id is missing"),
        ('[[room]]\nid = "a b"', "room 1: id must be"),
        ('[[room]]\nid = "a"\ninstitution = "PN"', "room a: name is missing"),
        (ROOM.replace("PN", "SAMU"), "room a: institution must be one of PN, GN, PP"),
        (ROOM + 'adress = "x"', "room a: adress is not a key of this table: did you mean address?"),
        (ROOM + 'colour = "x"', "room a: colour is not a key of this table: known are id, line,"),
        (ROOM + 'address = "not an address"', "room a: address"),
        (ROOM + 'services = "PN"', "room a: services must be a list"),
        (ROOM + 'phone = "call me"', "room a: phone must be"),
        (ROOM + 'default = "yes"', "room a: default must be true or false"),
        (ROOM + 'neighbour = "a"', "room a: neighbour must be another room"),
        (ROOM + 'inbound_token = "a b"', "room a: inbound_token must be"),
        (ROOM + 'line = "https"', "room a: line must be written as [[room.line]]"),
        (ROOM + '[[room.line]]\nadapter = "fax"', "room a, line 0: adapter must be one of"),
        (ROOM + '[[room.line]]\nadapter = "https"', "room a, line 0: url is missing"),
        (ROOM + LINE.replace("https://", "http://"), "room a, line 0: url cannot be used: plain"),
        (ROOM + LINE.replace("a.invalid", "u:p@a.invalid"), "room a, line 0: url cannot be used"),
        (ROOM + LINE + 'exchange = "x"', "room a, line 0: exchange is not a key"),
        (ROOM + LINE + 'ca = "ca.pem"', "room a, line 0: ca cannot be used: must be an absolute"),
        (ROOM + LINE + 'key = "/us.key"', "line 0: key cannot be used: is there without"),
        (ROOM + HERE + 'ca = "/ca.pem"', "line 0: ca cannot be used: is for https:// only"),
        (ROOM + HERE + 'ca = ""', "line 0: ca must be a path"),
        (
            ROOM + LINE.replace("invalid/", "invalid/#ca=/ca.pem"),
            "line 0: url cannot be used: holds a fr",
        ),
        (ROOM + LINE + LINE + "timeout_s = 0", "room a, line 1: timeout_s must be a number"),
        (ROOM + LINE + "timeout_s = 61", "at most 60"),
        (ROOM + LINE + 'hours = "8-20"', 'room a, line 0: hours must be "08:00-20:00"'),
        (ROOM + LINE + 'days = ["lundi"]', "room a, line 0: days must be a list of some of mon"),
        (ROOM + LINE + "days = []", "room a, line 0: days must be a list of some of mon"),
        (ROOM + LINE + "timeout_s = nan", "timeout_s must be a number"),
        (ROOM + LINE + "timeout_s = true", "timeout_s must be a number"),
        (ROOM + AMQP, "room a, line 0: token is missing, and so is certificate"),
        (ROOM + AMQP + 'certificate = "us.pem"', "line 0: certificate cannot be used: must be an"),
        (ROOM + AMQP + 'token = "t"\nkey = "/us.key"', "line 0: key cannot be used: is there"),
        (ROOM + AMQP + 'token = "t"\nexchange = "a b"', "line 0: exchange must be the name"),
        (ROOM + AMQP + 'token = "t"\nca = 3', "line 0: ca must be a path"),
        (ROOM + AMQP.replace("amqps", "amqp") + 'token = "t"', "line 0: url cannot be used: plain"),
        (ROOM + '[[room.line]]\nadapter = "amqp"\ntoken = "t"', "room a, line 0: url is missing"),
        (ROOM + LINE + 'token = "a b"', "room a, line 0: token must be"),
        (
            (ROOM + 'address = "x"\n' + AMQP + 'token = "t"\n')
            + (ROOM.replace('"a"', '"b"') + 'address = "x"\n' + AMQP + 'token = "t"\n'),
            "rooms a and b answer by a broker under one address",
        ),
        (ROOM + ROOM, "room a: id stands twice"),
        (
            ROOM + "default = true\n" + ROOM.replace('"a"', '"b"') + "default = true",
            "rooms a and b are both the default",
        ),
        (
            ROOM + 'inbound_token = "t"\n' + ROOM.replace('"a"', '"b"') + 'inbound_token = "t"',
            "rooms a and b have the same inbound_token",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text: str, said: str) -> None:
    with pytest.raises(RoomsFileError) as failure:
        read(text, SEALER)
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)


def test_every_error_says_what_to_write() -> None:
    for text, written in (
        ("", "write one for each control room"),
        ('[[room]]\nname = "A"', 'write id = "…", 1 to 64 letters'),
        (ROOM + '[[room.line]]\nadapter = "https"', 'write url = "https://…"'),
        (ROOM + LINE.replace("https://", "http://"), 'write "https://…"'),
    ):
        with pytest.raises(RoomsFileError, match=re.escape(written)):
            read(text, SEALER)


def test_a_line_s_hours_are_kept() -> None:
    [line] = read(ROOM + LINE + 'hours = "20:00-06:00"\ndays = ["sun", "mon"]', SEALER)[0].lines
    assert (line.hours, line.days) == ("20:00-06:00", (1, 7))


def test_what_nobody_knows_is_said_and_imported() -> None:
    rooms = read(ROOM + 'phone = "17"\nservices = ["1024", "7"]\nneighbour = "b"', SEALER)
    assert warnings(rooms, {"a", "b"}) == []
    [neighbour, service] = warnings(rooms, {"a"}, {"7"})
    assert neighbour.startswith("room a: neighbour b is not known: write the id")
    assert service.startswith("room a: services: 1024 is not in the competence table")


def test_a_secret_is_not_quoted_in_an_error() -> None:
    with pytest.raises(RoomsFileError) as failure:
        read(ROOM + LINE + 'token = "quite secret"', SEALER)
    assert "quite" not in str(failure.value)


def test_a_line_by_rabbitmq_keeps_where_its_files_are_and_not_what_they_hold() -> None:
    files = (
        'exchange = "cisu"\nca = "/etc/ca.pem"\ncertificate = "/etc/us.pem"\nkey = "/etc/us.key"'
    )
    [line] = read(ROOM + AMQP + files, SEALER)[0].lines
    assert line.token is None
    assert amqp_address.read(line.url or "").settings == amqp_address.Settings(
        "cisu", "/etc/ca.pem", "/etc/us.pem", "/etc/us.key"
    )


def test_a_room_that_nobody_can_call_is_said() -> None:
    entries = read(GOOD, SEALER)
    said = "room corg-86: has no phone: whoever is to call it has no number: write phone"
    [no_number] = warnings(entries, {"cic-poitiers": 1, "corg-86": 1})
    assert no_number.startswith(said)
    assert any("neighbour corg-86" in said for said in warnings(entries, {"cic-poitiers": 1}))


VOICE = '[[room.line]]\nadapter = "voice"\n'


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        (VOICE + 'url = "tel:+33549000017"', "+33549000017"),
        (VOICE + VOICE + 'url = "17"', "17"),
        ('phone = "112"\n' + VOICE + 'url = "tel:17"', "112"),
    ],
)
def test_a_voice_line_s_number_is_the_one_to_call(text: str, phone: str) -> None:
    [entry] = read(ROOM + text, SEALER)
    assert entry.phone == phone
    assert warnings([entry], {"a"}) == []


def test_a_voice_line_whose_number_is_none_is_said() -> None:
    [entry] = read(ROOM + 'phone = "17"\n' + VOICE + 'url = "la salle"', SEALER)
    [said] = warnings([entry], {"a"})
    assert said.startswith("room a, line 0: url is no telephone number")


async def test_rooms_are_told_with_their_electronic_lines_only(store: Database) -> None:
    await put(store, *read(GOOD, SEALER))
    assert await told(store) == [
        RoomRow("cic-poitiers", "CIC de Poitiers", "+33549000017", [1, 2], is_default=True),
        RoomRow("corg-86", "CORG de la Vienne", None, [], is_default=False),
    ]
    async with store.connection() as connection:
        assert [(row.line, row.adapter) for row in await rooms.lines(connection)] == [
            *((0, "voice"), (1, "https")),
            (2, "https"),
        ]


async def test_a_room_is_known_by_the_token_it_calls_with(store: Database) -> None:
    await put(store, *read(GOOD, SEALER))
    async with store.connection() as connection:
        known = await rooms.by_inbound_token(connection, digest("the-room-calls-with-this"))
        assert known == ("cic-poitiers", "fr.police.cic-86")
        assert await rooms.by_inbound_token(connection, digest("another")) is None


async def test_an_import_replaces_what_it_names_and_keeps_the_rest(store: Database) -> None:
    line = LineEntry("https", "https://a.invalid/", None, 5.0)
    await put(store, room("a", lines=(line, line), is_default=True), room("b", lines=(line,)))
    await put(store, room("a", phone="17"), room("c", is_default=True))
    assert await told(store) == [
        RoomRow("a", "A", "17", [], is_default=False),
        RoomRow("b", "B", None, [0], is_default=False),
        RoomRow("c", "C", None, [], is_default=True),
    ]


async def test_a_default_that_is_not_imported_anew_stays(store: Database) -> None:
    await put(store, room("a", is_default=True))
    await put(store, room("b"))
    assert [row.id for row in await told(store) if row.is_default] == ["a"]


async def test_rooms_of_one_file_may_exchange_their_tokens(store: Database) -> None:
    one, two = digest("one"), digest("two")
    await put(store, room("a", inbound_token=one), room("b", inbound_token=two))
    await put(store, room("a", inbound_token=two), room("b", inbound_token=one))
    async with store.connection() as connection:
        assert await rooms.by_inbound_token(connection, one) == ("b", "b")
        assert await rooms.by_inbound_token(connection, two) == ("a", "a")


async def test_the_token_of_a_room_that_is_kept_cannot_be_taken(store: Database) -> None:
    await put(store, room("a", inbound_token=digest("one"), is_default=True))
    with pytest.raises(Refused, match="inbound_token"):
        await put(store, room("b", inbound_token=digest("one"), is_default=True))
    assert [(row.id, row.is_default) for row in await told(store)] == [("a", True)]
