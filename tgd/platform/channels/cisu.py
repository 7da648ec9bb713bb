"""The control rooms' language, ``tgd-cisu/1``: what others import of it, in one place.

Serves arrow 3 and the way back. CISU is the framework in which French emergency services hand
cases to one another: an EDXL-DE envelope, an RC-DE header, one body. Three parts, all pure, all
silent about networks and tables:

- ``cisu_case`` writes what we say: the case (RC-EDA ``createCase``), whole in every message;
- ``cisu_inbound`` reads what rooms say: RC-REF, EMSI, RS-ERROR, and writes our RS-ERROR;
- ``cisu_wire`` is the paper of both: envelope, times, bounded texts, identifiers.

Every envelope written here is valid against the official schemas (the contract tests hold it to
them); what those schemas let pass and should not is checked here by hand. Which message is sent
when, and what an answer changes, is the business of the domain and the flows.
"""

from tgd.platform.channels.cisu_case import CaseMessage, Place, check_nature, envelope
from tgd.platform.channels.cisu_inbound import (
    BadEnvelope,
    ErrorReport,
    Inbound,
    Patrol,
    Reference,
    read,
    rs_error,
)
from tgd.platform.channels.cisu_wire import (
    distribution_id,
    e164,
    encode,
    local_case_id,
    shared_case_id,
)

__all__ = [
    "BadEnvelope",
    "CaseMessage",
    "ErrorReport",
    "Inbound",
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
