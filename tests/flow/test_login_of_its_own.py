"""The server by a login of its own, which owns nothing: all that it does, and nothing besides."""

from collections import Counter
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest
from erasing import DAY, MINUTE, case, later
from world import World
from yarl import URL

from tgd.store import checks, migrate

PASSWORD = "an-invented-password"
BEYOND = (
    "UPDATE journal SET actor = 'nobody'",
    "DELETE FROM journal",
    "ALTER TABLE journal DISABLE TRIGGER ALL",
    "DROP TABLE alert",
    "CREATE ROLE one_more",
)


async def test_the_server_needs_no_owner_and_cannot_become_one(world: World) -> None:
    login = f"server_{uuid4().hex[:12]}"
    own = str(URL(world.url).with_user(login).with_password(PASSWORD))
    await world.owner(f"CREATE ROLE {login} LOGIN PASSWORD '{PASSWORD}'")
    try:
        await world.owner(f"GRANT tgd_app, tgd_redactor TO {login}")
        await world.stop_server()
        world.config = replace(world.config, database_url=own)
        await world.start_server()

        one = await case(world, "tgd-86-01")
        world.clock.set_on(MINUTE)
        await one.located()
        await one.to_the_police()
        await later(world, one.opened_at, 3 * DAY)
        assert await one.kept() == Counter()

        assert await checks.role(own) == checks.Role(exists=True, usable=True, excess=())
        assert (await migrate.missing(own), await checks.keys(own)) == ([], [])
        assert (await checks.register(own)).phones > 0

        connection = await asyncpg.connect(own)
        try:
            for beyond in BEYOND:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(f"SET ROLE NONE; {beyond}")
        finally:
            await connection.close()
    finally:
        await world.stop_server()
        await world.owner(f"DROP ROLE {login}")
