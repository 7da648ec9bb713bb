"""Invented ground for flow tests: two zones that share a border, and rooms that answer for them.

South of 46.6° N is the police's, north of it the gendarmerie's, beyond the box nobody's. A third
room takes what nobody claims, so that a test sees whom the zones have chosen.
"""

from collections.abc import Sequence
from uuid import UUID

import shapely
from world import ADDRESS, LINE_TOKEN, ROOM, ROOM_TOKEN, World

from tgd.geo.zones import Zone
from tgd.platform import places
from tgd.store import accounts, rooms, zones

BORDER = 46.6
SOUTH, NORTH = "990001", "990002"
CORG, CORG_ADDRESS = "corg86", "fr.gendarmerie.corg86"
REST, REST_ADDRESS = "reste", "fr.police.reste"
DEGREE_M = 111_195.0

IN_SOUTH = {"lat": 46.58, "lon": 0.34, "acc": 10.0, "pm": "G"}
IN_NORTH = {"lat": 46.62, "lon": 0.34, "acc": 10.0, "pm": "G"}
AT_SEA = {"lat": 46.30, "lon": 0.34, "acc": 10.0, "pm": "G"}


def square(code: str, service: str | None, south: float, north: float) -> Zone:
    shape = shapely.to_wkb(shapely.box(0.30, south, 0.38, north))  # short edges are straight
    return Zone(code, f"Commune fictive {code}", service, service and "PN", shape)


GROUND = [square("86901", SOUTH, 46.4, BORDER), square("86902", NORTH, BORDER, 46.8)]


async def in_force(world: World, ground: Sequence[Zone] = GROUND) -> int:
    """Put this ground in force while the server runs; wait until it is."""
    async with world.database.transaction() as transaction:
        no, _dropped = await zones.add(
            transaction,
            name="fictive",
            now=world.clock.now(),
            sources=[],
            findings=[],
            zones=ground,
            services=[
                zones.Service(name, "PN", f"Service fictif {name}")
                for name in sorted({one.service for one in ground if one.service})
            ],
        )
        await zones.activate(transaction, no, world.clock.now())
    territory = world.app.territory
    await world.until(lambda: territory.current is not None and territory.current.version == no)
    return no


def entry(
    world: World,
    name: str,
    address: str,
    *services: str,
    is_default: bool = False,
    lines: bool = True,
) -> rooms.RoomEntry:
    token = world.sealer.seal(LINE_TOKEN.encode(), rooms.token_purpose(name, 0))
    line = rooms.LineEntry("https", world.room.url, token, 5.0)
    return rooms.RoomEntry(
        id=name,
        name=f"Salle {name}",
        institution="PN",
        address=address,
        services=services,
        phone="+33549000017",
        is_default=is_default,
        inbound_token=accounts.digest(f"{ROOM_TOKEN}-{name}"),
        lines=(line,) if lines else (),
    )


async def three_rooms(world: World) -> None:
    """The police's room, the gendarmerie's, and the one for what nobody claims."""
    told = [
        entry(world, ROOM, ADDRESS, SOUTH),
        entry(world, CORG, CORG_ADDRESS, NORTH),
        entry(world, REST, REST_ADDRESS, is_default=True),
    ]
    await put_rooms(world, *told)


async def put_rooms(world: World, *told: rooms.RoomEntry) -> None:
    async with world.database.transaction() as transaction:
        await rooms.replace(transaction, told)
    for one in told:
        world.room._tokens[one.address] = f"{ROOM_TOKEN}-{one.id}"


async def holder(world: World, device: str = "tgd-86-01") -> UUID:
    found: UUID = await world.value("SELECT beneficiary_id FROM holder WHERE device = $1", device)
    return found


async def declare(world: World, *known: tuple[str, dict], device: str = "tgd-86-01") -> None:
    """Enter known places of the phone's holder: kinds, and where they are."""
    told = [
        places.Place(kind, f"Lieu {kind}", None, at["lat"], at["lon"], 100.0, None)
        for kind, at in known
    ]
    async with world.database.transaction() as transaction:
        await places.replace(
            transaction, world.sealer, await holder(world, device), told, world.clock.now()
        )


async def refuse_in_register(world: World, device: str = "tgd-86-01") -> None:
    """Her consent to be located is withdrawn in the register, by whoever wrote it down."""
    await world.owner(
        "INSERT INTO consent (assignment_id, kind, given, at, recorded_by) "
        "SELECT id, 'location', false, now(), 'greffe' FROM assignment WHERE device_id = $1",
        device,
    )
