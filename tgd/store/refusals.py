"""What the schema refuses of the register, as an answer that says why.

Serves the prosecutor's office. The rules refuse first, under the tribunal's lock; the constraints
are there for whoever passes them by. Each has one code, the same that the rule would give.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

import asyncpg

from tgd.errors import Invalid, NotFound, Refused

_BY_CONSTRAINT: Final = MappingProxyType(
    {
        "stock_is_within": ("allocation_used", "more would be out than the tribunal was allocated"),
        "loan_within_the_court": ("loan_outside_court", "a loan stays within the court of appeal"),
        "replacement_tested": ("replacement_not_tested", "its replacement was not tested"),
        "device_fits_holder": ("device_held", "the state does not fit who holds the phone"),
        "device_is_sound": ("device_state", "the phone cannot be handed over"),
        "device_compromised": ("same_person", "a second person confirms, not the first one"),
        "assignment_moves_forward": ("done_already", "what was done is not undone"),
        "assignment_one_out_per_device": ("device_not_free", "somebody holds the phone"),
        "assignment_one_active_per_device": ("device_not_free", "somebody holds the phone"),
        "assignment_one_active_per_beneficiary": ("has_phone_already", "she has a phone already"),
        "assignment_request_id_key": ("decided", "the request was met already"),
        "assignment_replaces_key": ("replaced_already", "the phone was replaced already"),
        "request_one_unmet": ("asked_already", "her request is on the list already"),
        "release_one_reservation": ("device_not_free", "the phone is reserved already"),
        "conflict_once": ("done_already", "that reader is locked out already"),
        "device_pkey": ("device_known", "the register has a phone of this id"),
        "device_imei_key": ("imei_known", "the register has a phone with this IMEI"),
    }
)
_TRIBUNALS: Final = frozenset(
    {"device_tribunal_id_fkey", "device_lent_to_fkey", "request_tribunal_id_fkey"}
)


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what the constraints refuse in this block into the errors of the house."""
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        name = error.constraint_name or ""
        if name in _TRIBUNALS:
            raise NotFound("tribunal") from None
        if name == "assignment_six_months":
            raise Invalid("ends_at", "a term lasts six months at most") from None
        if name not in _BY_CONSTRAINT:
            raise
        raise Refused(*_BY_CONSTRAINT[name]) from None
