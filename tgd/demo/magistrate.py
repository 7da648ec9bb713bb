"""The prosecutor's office of the demo: a register in which there is something to see.

Serves whoever tries the demo by hand. What it does is done over the interface, as the page does it:
most phones have their legal basis and her agreement on record, one does not; two requests wait,
because all phones are out; the release of an aggressor is announced. All of it is plainly invented.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from tgd.demo import desk
from tgd.demo.phones import name

LOGIN: Final = "parquet"
PEOPLE: Final = {LOGIN: "prosecutor", "association": "association"}
"""The logins of the office and of whoever follows the holders."""
TRIBUNAL: Final = "poitiers"
_IN_ORDER: Final = range(1, 7)
_RELEASED: Final = 5
_AHEAD: Final = timedelta(days=9)
_CONVENTION: Final = timedelta(days=365)
_ASKED: Final = (
    {"beneficiary": {"name": "Demande Fictive A"}, "source": "association", "means": "telephone"},
    {"beneficiary": {"name": "Demande Fictive B"}, "source": "gendarmerie", "means": "email"},
)


async def furnish(origin: str, password: str) -> None:
    """Do a magistrate's morning; raises ``DeskFailed`` where the platform refuses."""
    office = await desk.by_password(origin, LOGIN, password)
    try:
        for number in _IN_ORDER:
            held = (await office.get(f"/devices/{name(number)}"))["assignment"]
            order = {"reference": f"RG fictif 86-{number:02}"}
            await office.post(f"/assignments/{held}/basis", {"legal_basis": "1", "order": order})
            agreed = {"phone": True, "audio": number % 2 == 0}
            await office.post(f"/assignments/{held}/consents", {"consents": agreed})
        await _entrust(office)
        for asked in _ASKED:
            await office.post("/requests", asked)
        her = (await office.get(f"/devices/{name(_RELEASED)}"))["holder"]["id"]
        at = (datetime.now(UTC) + _AHEAD).isoformat()
        await office.post("/releases", {"beneficiary": her, "kind": "release", "at": at})
    finally:
        await office.close()


async def _entrust(office: desk.Operator) -> None:
    """Have the demo's association follow every holder for a year."""
    until = (datetime.now(UTC) + _CONVENTION).isoformat()
    term = {"association": "Association fictive", "ends_at": until}
    made = await office.post("/conventions", term)
    body = {"username": "association"}
    [cleared] = (await office.post(f"/conventions/{made['id']}/clear", body))["clearances"]
    for held in (await office.get("/devices"))["items"]:
        if held["holder"]:
            hers = {"beneficiary": held["holder"]["id"]}
            await office.post(f"/clearances/{cleared['id']}/entrust", hers)
