"""The control rooms' language, ``tgd-cisu/1``: what others import of it, in one place.

Serves arrow 3 and the way back. CISU is the framework in which French emergency services hand
cases to one another: an EDXL-DE envelope, an RC-DE header, one body. Three parts, all pure, all
silent about networks and tables:

- ``cisu_message`` is what one message says; ``cisu_case`` writes it: the case (RC-EDA
  ``createCase``), whole in every message, with ``cisu_words`` (texts), ``cisu_place`` (where) and
  ``cisu_risks`` (her file), by the code lists of ``codes``;
- ``cisu_inbound`` reads what rooms say: RC-REF, EMSI, RS-ERROR, and writes our RS-ERROR;
- ``cisu_wire`` is the paper of both: envelope, times, bounded texts, identifiers.

Every envelope written here is valid against the official schemas (the contract tests hold it to
them); what those schemas let pass and should not is checked here by hand. Which message is sent
when, and what an answer changes, is the business of the domain and the flows.
"""

from tgd.platform.channels.cisu_case import check_nature, envelope
from tgd.platform.channels.cisu_inbound import (
    BadEnvelope,
    ErrorReport,
    Inbound,
    Patrol,
    Reference,
    read,
    rs_error,
)
from tgd.platform.channels.cisu_message import (
    CaseMessage,
    FurtherPress,
    Hers,
    KnownPlace,
    Note,
    Place,
)
from tgd.platform.channels.cisu_wire import (
    distribution_id,
    e164,
    encode,
    local_case_id,
    shared_case_id,
)
from tgd.platform.places import Access

__all__ = [
    "Access",
    "BadEnvelope",
    "CaseMessage",
    "ErrorReport",
    "FurtherPress",
    "Hers",
    "Inbound",
    "KnownPlace",
    "Note",
    "Patrol",
    "Place",
    "Reference",
    "check_nature",
    "distribution_id",
    "e164",
    "encode",
    "envelope",
    "local_case_id",
    "read",
    "rs_error",
    "shared_case_id",
]
