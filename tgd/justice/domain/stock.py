"""The stock of phones: who may have one, which, and what may be done to it from which state.

Serves the prosecutor's office. Promises: a demand that is not met says why, and the first reason
found is the one that nothing else would mend; a phone that somebody holds is never anybody else's;
what an act needs of the phone's state stands in one table. That no more are out than were allocated
is refused by the database as well: two at once must not both be right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tgd.errors import Refused

STATES: Final = (
    "in_stock",
    "reserve",
    "reserved",
    "handed_over",
    "on_loan",
    "lost",
    "stolen",
    "broken",
    "returned",
    "wiped",
)
GENERATIONS: Final = ("2G", "3G", "4G", "5G")
ASSIGNABLE: Final = ("in_stock", "wiped", "reserve", "returned", "on_loan")
"""States of a phone that nobody holds and that may be given, the readiest first."""
UNMET: Final = ("undecided", "no_phone_free", "device_not_free", "reserve_floor", "allocation_used")
"""The reasons for which a demand waits; a refused one has its own words."""

_FROM: Final = {
    "lost": frozenset(STATES) - {"lost"},
    "stolen": frozenset(STATES) - {"stolen"},
    "broken": frozenset(STATES) - {"broken", "lost", "stolen"},
    "found": frozenset({"lost", "stolen"}),
    "repaired": frozenset({"broken"}),
    "wiped": frozenset({"returned", "in_stock", "reserve"}),
    "in_stock": frozenset({"wiped", "reserve"}),
    "reserve": frozenset({"wiped", "in_stock"}),
    "loan": frozenset({"in_stock", "reserve", "wiped"}),
    "loan_ended": frozenset({"on_loan", "returned", "wiped"}),
}


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone as the rules see it."""

    id: str
    state: str
    held: bool
    reserved_for: object | None
    """Whose return of the aggressor it is kept for; None: nobody's."""
    compromised: bool = False
    lent: bool = False
    """By another tribunal, in whose allocation it counts."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What a tribunal has: ``out`` of ``allocation`` are with somebody or on loan."""

    allocation: int
    out: int
    reserve_floor: int
    phones: Sequence[Phone]


def free(stock: Stock, beneficiary: object = None) -> list[Phone]:
    """Return the phones that could be given now, the readiest first.

    One that is reserved for this person comes before all.
    """
    found = [
        phone
        for phone in stock.phones
        if not phone.held and not phone.compromised and _rank(phone, beneficiary) is not None
    ]
    return sorted(found, key=lambda phone: (_rank(phone, beneficiary), phone.id))


def choose(
    stock: Stock, wanted: str | None, beneficiary: object, *, use_reserve: bool
) -> tuple[Phone | None, str | None]:
    """Return the phone to give, or None and why the demand waits (one of ``UNMET``).

    The floor is for those who come tomorrow: it yields to ``use_reserve``, said by a person, and to
    a phone that was reserved for her.
    """
    found = free(stock, beneficiary)
    if not found:
        return None, "no_phone_free"
    chosen = found[0] if wanted is None else next((p for p in found if p.id == wanted), None)
    if chosen is None:
        return None, "device_not_free"
    if stock.out >= stock.allocation and not chosen.lent:
        return None, "allocation_used"
    hers = chosen.state == "reserved"
    if not use_reserve and not hers and len(found) <= stock.reserve_floor:
        return None, "reserve_floor"
    return chosen, None


def may(phone: Phone, act: str) -> None:
    """Raise ``Refused`` where an act does not fit the phone's state."""
    if phone.state not in _FROM[act]:
        raise Refused("device_state", f"the phone is {phone.state}")
    if phone.held and act in {"in_stock", "reserve", "loan", "loan_ended", "wiped"}:
        raise Refused("device_held", "somebody holds the phone")


def found(phone: Phone, *, had_assignment: bool) -> str:
    """Return the state of a phone that is found again, or repaired: where it was before."""
    if phone.held:
        return "handed_over"
    return "returned" if had_assignment else "in_stock"


def _rank(phone: Phone, beneficiary: object) -> int | None:
    if phone.state == "reserved":
        return -1 if beneficiary is not None and phone.reserved_for == beneficiary else None
    return ASSIGNABLE.index(phone.state) if phone.state in ASSIGNABLE else None
