"""Messages to and from control rooms for the tests, and where the official reference lies."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tgd.platform.channels import cisu

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = Path(os.environ.get("REFERENCE_DIR") or ROOT.parent / "shared" / "reference")
NOW = datetime(2026, 11, 21, 21, 31, 7, 250_000, tzinfo=UTC)
PLATFORM = "fr.tgd.plateforme"
ROOM = "fr.police.cic86"

needs_reference = pytest.mark.skipif(
    not (REFERENCE / "cisu").is_dir(),
    reason="the official CISU reference is not there: set REFERENCE_DIR to its folder",
)

PLACE = cisu.Place(
    lat=46.57983,
    lon=0.33817,
    r95_m=28.4,
    fixed_at=NOW - timedelta(seconds=9),
    age_s=9.2,
    method="G",
    speed_kmh=4.3,
    heading_deg=212.0,
)
MESSAGE = cisu.CaseMessage(
    distribution_id=cisu.distribution_id(PLATFORM, UUID("0190c8f2-6d3a-7b11-9d5e-000000000001")),
    sender_id=PLATFORM,
    room=ROOM,
    sent_at=NOW,
    expires_at=NOW + timedelta(hours=1),
    exercise=False,
    kind="Report",
    case_id="20261121-000042",
    alert_id="42",
    case_created_at=NOW - timedelta(seconds=2),
    alert_opened_at=NOW - timedelta(seconds=12),
    reason="Appui sans réponse vocale : transmis à l'échéance.",
    position=PLACE,
    first_position=PLACE,
    presses=1,
    last_press_at=NOW - timedelta(seconds=12),
    device_label="tgd-86-01",
    beneficiary_label="Bénéficiaire 86-01",
)


def report(**changes):
    """A Report with an id of its own, changed as the test wants it."""
    own = {"distribution_id": cisu.distribution_id(PLATFORM, uuid4())}
    return replace(MESSAGE, **(own | changes))
