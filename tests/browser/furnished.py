"""A world with something to see: an operator, rooms with a territory, places, an address, a file.

Every person, place, address and territory is invented.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from browser.pages import PASSWORD, USER
from world import World, room_entry

from tgd.clock import Clock
from tgd.geo.synthetic import SERVICES, fictive
from tgd.platform import persons, places
from tgd.platform.persons import Aggressor, Child, Dangers, PersonFile
from tgd.platform.places import Place
from tgd.store import accounts, addresses, rooms, zones
from tgd.store import places as place_rows
from tgd.store.addresses import AddressRow

HOME = Place("home", "Domicile fictif", "1 rue Inventée", 46.5809, 0.3404, 100.0, "portail bleu")
HIS = Place("aggressor", "Adresse fictive", "99 rue Inventée", 46.5802, 0.3425, 200.0, None)
SCHOOL = Place("school", "École fictive", None, 46.6, 0.3404, 200.0, "par la cour")
DOOR = AddressRow(46.5804, 0.3405, "12 rue de l'Exemple, 86000 Poitiers")
FILE = PersonFile(
    name="Bénéficiaire 86-01",
    languages=("français", "português"),
    health="asthme",
    children=(Child("Enfant fictif", born="2021", note="dort dans la chambre du fond"),),
    aggressor=Aggressor("Auteur fictif", relation="ancien conjoint", vehicle="fourgon blanc"),
    dangers=Dangers(weapons="fusil de chasse", dog="chien de garde", access="digicode 0000B"),
)


async def furnish(world: World) -> None:
    """An operator, two rooms with a territory, known places, and one address."""
    now = world.clock.now()
    async with world.database.transaction() as transaction:
        await accounts.add_account(
            transaction, username=USER, password=PASSWORD, role="operator", now=now
        )
        await rooms.replace(transaction, two_rooms(world))
        await put_places(world, transaction)
        work = addresses.Import(transaction)
        await work.add([("86", DOOR)])
        await work.finish(now)
        no, _ = await zones.add(
            transaction,
            name="fictif",
            now=now,
            sources=[],
            findings=[],
            zones=fictive(),
            services=[zones.Service(name, *about) for name, about in SERVICES.items()],
        )
        await zones.activate(transaction, no, now)
    await world.until(lambda: world.app.territory.current is not None)


def two_rooms(world: World) -> list[rooms.RoomEntry]:
    police = room_entry(world.sealer, world.room.url)
    country = ("990002", "990003", "990004")
    return [
        replace(police, services=("990001",)),
        rooms.RoomEntry("corg86", "CORG de la Vienne", "GN", "fr.gn.corg86", services=country),
    ]


async def put_places(world: World, transaction) -> None:
    devices = ["tgd-86-01", "tgd-86-08"]
    for beneficiary in (await place_rows.holders(transaction, devices)).values():
        await places.replace(
            transaction, world.sealer, beneficiary, [HOME, HIS, SCHOOL], world.clock.now()
        )


async def put_file(world: World, device: str = "tgd-86-01") -> None:
    """The holder of that phone has a file."""
    async with world.database.transaction() as transaction:
        [person] = (await place_rows.holders(transaction, [device])).values()
        await persons.put(transaction, world.sealer, person, FILE, Clock())


async def link(world: World, one: str, other: str) -> None:
    """The holders of these phones belong together: mother and child, say."""
    await link_holders(world.owner, one, other)


async def link_holders(run: Callable[..., Awaitable[object]], one: str, other: str) -> None:
    """The same, by whatever runs a statement."""
    holder = "(SELECT beneficiary_id FROM assignment WHERE device_id = $%d)"
    pair = f"({holder % 1}, {holder % 2}), ({holder % 2}, {holder % 1})"
    await run(f"INSERT INTO linked_person VALUES {pair}", one, other)  # noqa: S608  ours
