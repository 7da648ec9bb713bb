"""A case as one signed file: its journal with what proves it, and what may still be kept of it.

Serves whoever must hand a case over: a court, an inspection. The archive holds the journal of the
alert with salts, a checkpoint that vouches for it, the report, and, as far as their terms have not
ended, presses, positions, notes and messages to rooms, opened; a manifest of SHA-256 over all of
it, signed; and the script that verifies all of that without this program. Promises: who made it
and on what ground is an entry of the alert's journal, and stands in the archive itself; what is
past its term is not in it, even if nobody has erased it yet. From then on the file is out of this
system's hands.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tgd.errors import NotFound
from tgd.geo.sealed import ABOUT as POSITION
from tgd.geo.sealed import open_fix
from tgd.ledger import Entry, when
from tgd.seal import SealBroken, Sealer
from tgd.signing import Signer
from tgd.store import case as store
from tgd.store import forget
from tgd.store.db import Connection
from tgd.store.forget import Kept

FORMAT = "tgd-case/1"
GROUNDS = ("procedure", "prosecutor", "inspection", "access", "exercise")
"""Why a case is handed over: a criminal procedure, the prosecutor's order, a supervisory
authority's inspection, the person's own right of access, an exercise."""

_ABOUT = {"press": "press", "message": "envelope", "position": POSITION}
_FILES = {"press": "presses", "message": "messages", "position": "positions", "note": "notes"}


@dataclass(frozen=True, slots=True)
class Made:
    """Who makes an archive, when, on what ground; ``reference`` of the procedure, if any."""

    at: datetime
    by: str
    ground: str
    reference: str | None


async def find(connection: Connection, case_id: str) -> UUID:
    """Return the alert of a case; raises ``NotFound``."""
    alert_id = await store.of_case(connection, case_id)
    if alert_id is None:
        raise NotFound("case")
    return alert_id


async def files(
    connection: Connection, sealer: Sealer, alert_id: UUID, now: datetime
) -> dict[str, bytes]:
    """Return what is kept of the case, by name: journal, checkpoint, and contents opened."""
    entries = await store.journal(connection, alert_id)
    found = {
        "journal.jsonl": _lines(_entry(entry) for entry in entries),
        "checkpoint.json": _json(await store.checkpoint(connection, alert_id)),
    }
    terms = await forget.terms(connection, alert_id) or {}
    ended = terms.get("forget_at") is not None and terms["forget_at"] <= now
    things = [] if ended and not terms["hold"] else await forget.kept(connection, alert_id)
    for kind, name in _FILES.items():
        some = [thing for thing in things if thing.kind == kind]
        found[f"{name}.jsonl"] = _lines(_opened(thing, sealer, alert_id) for thing in some)
    return found


def archive(
    contents: Mapping[str, bytes], signer: Signer, alert_id: UUID, case_id: str, made: Made
) -> bytes:
    """Return the file: everything, the manifest over it, and its signature."""
    last = json.loads(contents["journal.jsonl"].splitlines()[-1])
    manifest = _json(
        {
            "format": FORMAT,
            "case_id": case_id,
            "alert": str(alert_id),
            "made_at": made.at.isoformat(),
            "made_by": made.by,
            "ground": made.ground,
            "reference": made.reference,
            "public_key": signer.public_key.hex(),
            "journal": {"chain": str(alert_id), "head": [last["number"], last["hash"]]},
            "files": {
                name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
            },
        }
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in contents.items():
            packed.writestr(name, content)
        packed.writestr("manifest.json", manifest)
        packed.writestr("manifest.sig", signer.sign(manifest).hex())
    return file.getvalue()


def _entry(entry: Entry) -> dict[str, Any]:
    values = entry._asdict()
    values["at"] = when(entry.at).isoformat(timespec="microseconds")
    for name in ("salt", "content", "hash"):
        values[name] = None if values[name] is None else values[name].hex()
    return values


def _opened(thing: Kept, sealer: Sealer, alert_id: UUID) -> dict[str, Any]:
    """Return a thing opened; what does not open is named without its content."""
    about = _ABOUT.get(thing.kind, f"note {alert_id}")
    said: dict[str, Any] = {"id": thing.id, "recorded_at": thing.recorded_at.isoformat()}
    try:
        key = sealer.unwrap(thing.key or b"")
        if thing.kind == "position":
            return said | asdict(open_fix(thing.sealed, key))
        plain = key.open(thing.sealed, about)
    except SealBroken:
        return said | {"unreadable": True}
    try:
        return said | {"content": plain.decode()}
    except UnicodeDecodeError:
        return said | {"content_hex": plain.hex()}


def _lines(values: Any) -> bytes:
    return b"".join(_json(value) + b"\n" for value in values)


def _json(value: object, default: Callable[[Any], str] = str) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=default).encode()
