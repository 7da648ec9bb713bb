"""Control rooms: a file read strictly, stored whole or not at all, never deleted."""

import hashlib
from collections.abc import AsyncIterator

import pytest

from tgd.cli.rooms_file import RoomsFileError, read, warnings
from tgd.errors import Refused
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
        ("room = 3", "there is no [[room]]"),
        ("room = [3]", "room 1 is not a table"),
        ("rooms = []", "rooms: only [[room]] is known"),
        ('[[room]]\nname = "A"\ninstitution = "PN"', "room 1: id is missing"),
        ('[[room]]\nid = "a b"', "room 1: id must be"),
        ('[[room]]\nid = "a"\ninstitution = "PN"', "room a: name is missing"),
        (ROOM.replace("PN", "SAMU"), "room a: institution must be one of PN, GN, PP"),
        (ROOM + 'adress = "x"', "room a: adress is not a key"),
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
        (ROOM + LINE + 'certificate = "x"', "room a, line 0: certificate is not a key"),
        (ROOM + LINE + LINE + "timeout_s = 0", "room a, line 1: timeout_s must be a number"),
        (ROOM + LINE + "timeout_s = 61", "at most 60"),
        (ROOM + LINE + "timeout_s = nan", "timeout_s must be a number"),
        (ROOM + LINE + "timeout_s = true", "timeout_s must be a number"),
        (ROOM + LINE + 'token = "a b"', "room a, line 0: token must be"),
        (ROOM + ROOM, "room a: its id stands twice"),
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


def test_a_secret_is_not_quoted_in_an_error() -> None:
    with pytest.raises(RoomsFileError) as failure:
        read(ROOM + LINE + 'token = "quite secret"', SEALER)
    assert "quite" not in str(failure.value)


def test_what_is_stored_but_not_used_yet_is_said() -> None:
    entries = read(GOOD, SEALER)
    assert warnings(entries, {"cic-poitiers": 1, "corg-86": 1}) == [
        "room cic-poitiers, line 0: nothing is sent by voice yet; stored"
    ]
    assert any("neighbour corg-86" in said for said in warnings(entries, {"cic-poitiers": 1}))


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
