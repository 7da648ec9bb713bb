"""A case that two rooms have: the second was told because the first did not answer."""

from world import ADDRESS, PLACE, World

from tgd.store import accounts, rooms

OTHER, OTHER_ADDRESS = "cic17", "fr.police.cic17"


async def another_room(world: World) -> None:
    """A second room, which the first names as its neighbour."""
    token = world.sealer.seal(b"the-line's", rooms.token_purpose(OTHER, 0))
    line = rooms.LineEntry("https", world.room.url, token, 5.0)
    entry = rooms.RoomEntry(
        id=OTHER,
        name="CIC 17",
        institution="PN",
        address=OTHER_ADDRESS,
        inbound_token=accounts.digest("the-other's"),
        lines=(line,),
    )
    async with world.database.transaction() as transaction:
        await rooms.replace(transaction, [entry])
    await world.owner("UPDATE room SET neighbour = $1 WHERE id = 'cic86'", OTHER)
    world.room._tokens[OTHER_ADDRESS] = "the-other's"


async def sent_to_both(world: World) -> str:
    await another_room(world)
    alert = (await world.phone().press(loc={**PLACE, "tst": world.clock.now().timestamp()})).alert
    operator = world.operator()
    await operator.answers(alert)
    await operator.decides(alert, "police")
    world.room.forgives()
    await world.advance(62)
    await world.until(lambda: {one.room for one in world.room.told} == {ADDRESS, OTHER_ADDRESS})
    return alert
