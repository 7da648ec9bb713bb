"""The doctor's look at the zones: will an alert find the room whose ground it is on?

Serves arrow 3. Without zones the default room takes every case, so nothing here is worse than a
warning. Whether the set itself is sound was judged at its import; `tgd zones check` does it anew.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final

from tgd.cli.counts import counted
from tgd.cli.findings import OK, WARNING, Finding
from tgd.clock import Clock
from tgd.config import Config
from tgd.store import zones
from tgd.store.command import transaction

WHAT: Final = "zones"
STALE: Final = timedelta(days=550)  # communes merge each January: a year and a half is one too many


async def examine_zones(config: Config) -> AsyncIterator[Finding]:
    """Yield what was found of the zone set in force, and of the rooms beside it."""
    async with transaction(config.database_url) as connection:
        row = next((row for row in await zones.sets(connection) if row.active), None)
        bare = await zones.without_room(connection, row.no) if row else []
        idle = await zones.without_zone(connection, row.no) if row else {}
    if row is None:
        why = "no set is in force: the default room takes every case (tgd zones import)"
        yield Finding(WARNING, WHAT, why)
        return
    said = f"set {row.no} of {row.imported_at:%Y-%m-%d}, {counted(row.zones, 'commune')}"
    if not row.sources:
        yield Finding(WARNING, WHAT, f"{said}: fictive, for demonstrations (tgd zones import)")
    elif Clock().now() - row.imported_at > STALE:
        yield Finding(WARNING, WHAT, f"{said}: communes have merged since (tgd zones import)")
    else:
        yield Finding(OK, WHAT, said)
    if bare:
        why = f"{len(bare)} of {row.services} have no room: the default one takes their communes"
        yield Finding(WARNING, "services", why)
    for room, services in idle.items():
        why = f"no commune has its service {', '.join(services)}"
        yield Finding(WARNING, f"room {room}", why)
