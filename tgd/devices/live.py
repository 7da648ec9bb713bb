"""What a phone is told during an alert: where to report from, when to stop, who is heard.

Serves arrow 1 and everything after it: while an alert is open and its holder agreed to be located,
the phone says where it is every 5 s when it moves and every 30 s when it does not (PROTOCOL §2
rule 7). Shapes only; when each is sent is left to the downlink and to the alert's rules.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

MOVING_S: Final = 5
STILL_S: Final = 30
LIVE_FOR: Final = timedelta(hours=2)
"""After the last press, unless it is extended on the record."""


def report_location(alert: str, now: datetime, until: datetime) -> dict[str, object]:
    """Return the command to report positions; void 60 s after ``now``, over at ``until``."""
    return {
        **_command("reportLocation", alert, now),
        "moving_s": MOVING_S,
        "still_s": STILL_S,
        "until": round(until.timestamp(), 3),
    }


def end_alert(alert: str, now: datetime) -> dict[str, object]:
    """Return the command that ends the alert on the phone: it reports nothing any more."""
    return _command("endAlert", alert, now)


def listen(alert: str, now: datetime, mode: str) -> dict[str, object]:
    """Return the command that lets the operator be heard (``duplex``) or not (``mic_only``)."""
    return {**_command("listen", alert, now), "listen": mode}


def _command(action: str, alert: str, now: datetime) -> dict[str, object]:
    at = round(now.timestamp(), 3)
    return {"_type": "cmd", "id": str(uuid4()), "at": at, "action": action, "alert": alert}
