"""The doctor's look at the journal's signing key: will checkpoints be made, and by us alone?

Serves the flow ``sealing``. Nothing is made or written: a key that is not there yet is made by the
server's first start.
"""

import os
from pathlib import Path

from tgd.cli.findings import FAILED, OK, WARNING, Finding
from tgd.signing import PRIVATE, NoSigningKey, Signer

WHAT = "journal's signing key"


def examine_signing(directory: Path | None) -> Finding:
    """Say whether the server will be able to sign."""
    if directory is None:
        why = "TGD_JOURNAL_DIR is not set and there is no home: no checkpoint will be made"
        return Finding(WARNING, WHAT, why)
    if not (directory / PRIVATE).exists():
        return Finding(OK, WHAT, f"will be made in {directory} by the first start")
    try:
        Signer(directory)
    except NoSigningKey as error:
        return Finding(FAILED, WHAT, str(error))
    if not os.access(directory, os.W_OK):
        return Finding(FAILED, WHAT, f"{directory} cannot be written: no copy of a checkpoint")
    return Finding(OK, WHAT, f"{directory / PRIVATE} signs, readable by its owner alone")
