"""``tgd conflicts …``: who must not know of whom, from the command line.

Serves the person at three in the morning: the same acts as over HTTP, each with its entry in the
journal, in the name of the system's user. A person is named by her phone, or by her id.
"""

from uuid import UUID

from tgd.cli.administration import actor, say
from tgd.cli.office import office, table
from tgd.config import Config
from tgd.conflict import Lock
from tgd.errors import NotFound
from tgd.store import conflicts, requests
from tgd.store.db import Connection


async def listed(config: Config, who: str) -> None:
    """Print who must not know of a person."""
    async with office(config) as ours, ours.database.connection() as connection:
        found = await requests.locks_of(connection, await _person(connection, who))
    table(("OF", "VALUE"), [(one["kind"], one["value"]) for one in found])


async def lock(config: Config, who: str, wanted: Lock) -> None:
    """Lock a reader out of all that is hers."""
    async with office(config) as ours:
        async with ours.database.connection() as connection:
            person = await _person(connection, who)
        await ours.releases.lock_out(person, wanted, actor(), None)
        async with ours.database.connection() as connection:
            locks = await requests.locks_of(connection, person)
    say(f"{wanted.kind} {wanted.value} is locked out, at once")
    for one in locks:
        if one["kind"] == wanted.kind and not one["known"]:
            say(f"nobody is called {one['value']} here yet: look whether that is the {wanted.kind}")


async def lift(config: Config, who: str, wanted: Lock) -> None:
    """Let a reader in again."""
    async with office(config) as ours:
        async with ours.database.connection() as connection:
            person = await _person(connection, who)
        await ours.releases.lift(person, wanted, actor(), None)
    say(f"{wanted.kind} {wanted.value} is let in again")


async def _person(connection: Connection, who: str) -> UUID:
    """Return whose phone it is, or the person of that id."""
    try:
        found = await conflicts.persons(connection, "beneficiaries", [UUID(who)])
    except ValueError:
        found = await conflicts.persons(connection, "devices", [who])
    if len(found) != 1:
        raise NotFound("beneficiary")
    return found.pop()
