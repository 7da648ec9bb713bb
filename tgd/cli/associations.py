"""Conventions and clearances from the command line: the same acts as over HTTP.

Serves the person who enters by night what a prosecutor has decided. Each act is one transaction
with its entry in the journal, in the name of the system's user who called it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import typer

from tgd.cli.administration import actor, say
from tgd.clock import Clock
from tgd.config import Config
from tgd.errors import Invalid, NotFound
from tgd.justice.flow.associations import Associations
from tgd.store import associations as rows
from tgd.store import command
from tgd.store.db import Database
from tgd.web import office_in
from tgd.web.reading import Fields


@asynccontextmanager
async def acts(config: Config) -> AsyncIterator[tuple[Associations, Database]]:
    """Lend the acts, and the database that they are done in."""
    database = Database(config.database_url, size=2, name="tgd command")
    with command.explained(config.database_url):
        try:
            await database.open()
            yield Associations(database, Clock()), database
        finally:
            await database.close()


async def listed(config: Config) -> None:
    """Print conventions with those cleared under them."""
    async with acts(config) as (_, database), database.connection() as connection:
        found = await rows.listed(connection, None)
    for one in found:
        ended = "  ended" if one["ended_at"] else ""
        until = f"{one['ends_at']:%F}"
        typer.echo(f"{one['id']}  {one['tribunal_id']}  {one['association']}  until {until}{ended}")
        for cleared in one["clearances"]:
            follows = len(cleared["people"])
            typer.echo(f"    {cleared['id']}  {cleared['username']}  follows {follows}")
    say(f"conventions: {len(found)}")


async def agree(config: Config, association: str, until: str, tribunal: str | None) -> None:
    """Enter a convention."""
    ends_at = office_in.moment(Fields({"until": until}), "until")
    if ends_at is None:
        raise Invalid("until", "is missing")
    async with acts(config) as (ours, _):
        made = await ours.agree(association, (None, ends_at), actor(), None, tribunal=tribunal)
    typer.echo(str(made))
    say(f"convention entered, until {ends_at:%F}")


async def end(config: Config, convention: str) -> None:
    """End a convention."""
    async with acts(config) as (ours, _):
        await ours.end(_id(convention, "convention"), actor(), None)
    say("convention ended")


async def clear(config: Config, convention: str, username: str) -> None:
    """Clear a member."""
    async with acts(config) as (ours, _):
        await ours.clear(_id(convention, "convention"), username, actor(), None)
    say(f"cleared: {username}")


async def end_clearance(config: Config, clearance: str) -> None:
    """End a clearance."""
    async with acts(config) as (ours, _):
        await ours.end_clearance(_id(clearance, "clearance"), actor(), None)
    say("clearance ended")


async def entrust(config: Config, clearance: str, beneficiary: str, *, ended: bool) -> None:
    """Have a member follow a person, or no longer."""
    one, who = _id(clearance, "clearance"), _id(beneficiary, "beneficiary")
    async with acts(config) as (ours, _):
        await ours.entrust(one, who, actor(), None, ended=ended)
    say("follows no longer" if ended else "follows")


def _id(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(what) from None
