"""The demo's office does its morning over the interface; its association sees whom it follows."""

from web.served import serving

from tgd.clock import Clock
from tgd.demo import magistrate

PASSWORD = "un mot de passe"


async def test_the_demo_s_association_follows_every_holder(database: str):
    async with serving(database, Clock()) as api:
        for username, role in magistrate.PEOPLE.items():
            await api.account(username, PASSWORD, role, tribunal_id=magistrate.TRIBUNAL)
        await magistrate.furnish(api.base, PASSWORD)
        [convention] = await api.rows("SELECT association FROM convention")
        assert convention["association"] == "Association fictive"
        followed = await api.rows("SELECT username FROM followed")
        assert [row["username"] for row in followed] == ["association"] * 8
