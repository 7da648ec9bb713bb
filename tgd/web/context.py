"""What the web is given by the composition root; it makes nothing of its own at import.

Serves every route. Whoever embeds the web (the server, a test) builds one ``Context``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tgd.clock import Clock
from tgd.config import Config
from tgd.devices.ingest import Ingest
from tgd.justice.office import Office
from tgd.metrics import Metrics
from tgd.platform.address import Addresses
from tgd.platform.competence import Competence
from tgd.platform.flow.exercising import Exercising
from tgd.platform.flow.forget import Forget
from tgd.platform.flow.inbound import Inbound
from tgd.platform.flow.recontact import Recontact
from tgd.platform.flow.triage import Triage
from tgd.platform.notes import Notes
from tgd.platform.persons import Persons
from tgd.platform.report import Reporting
from tgd.platform.sheets import Sheets
from tgd.platform.whereabouts import Whereabouts
from tgd.store.db import Database
from tgd.web.hub import Hub


def unsigned(_topic: str, message: bytes) -> bytes:
    """Return the message as it is: no phone has a key."""
    return message


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of the program that the web speaks to.

    ``ready`` names what must be well to be of use (``database``, ``mqtt``, ``auditor``), each
    true or false, for ``/readyz``; it returns at once and never raises. ``sign`` adds the phone's
    MAC to what the phone of a topic is told.
    """

    database: Database
    clock: Clock
    triage: Triage
    inbound: Inbound
    exercising: Exercising
    forget: Forget
    recontact: Recontact
    reporting: Reporting
    sheets: Sheets
    whereabouts: Whereabouts
    competence: Competence
    persons: Persons
    notes: Notes
    office: Office
    addresses: Addresses
    ingest: Ingest
    hub: Hub
    metrics: Metrics
    config: Config
    ready: Callable[[], Mapping[str, bool]]
    sign: Callable[[str, bytes], bytes] = unsigned
