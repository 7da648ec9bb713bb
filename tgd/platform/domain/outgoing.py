"""Arrow 3, the messages to rooms: a new one waits to be sent, or goes out with the commit.

Serves ``dispatch`` and ``insisting``, which say when a room is told what. A message has one line
and one round; how long it is of use is said here. Leases and repetition are ``flow.sending``'s.
"""

from datetime import datetime, timedelta
from uuid import uuid4

from tgd.platform.domain.alert import Alert, Dispatch, Envelope, Purpose

EXPIRES_AFTER = timedelta(hours=1)
PASSING = frozenset({"contact", "position", "fact"})
"""What is only of use now goes out now or not at all: it has no deadline, nothing waits for it."""
PASSING_EXPIRES_AFTER = timedelta(minutes=5)


def post(
    alert: Alert,
    dispatch: Dispatch,
    purpose: Purpose,
    now: datetime,
    *,
    pause_s: float = 0.0,
    line: int | None = None,
) -> None:
    """Write a new message to a room, by the line in use or by another."""
    _supersede(alert, dispatch)
    envelope = Envelope(
        id=uuid4(),
        dispatch_id=dispatch.id,
        purpose=purpose,
        round=dispatch.round,
        line=(dispatch.line or 0) if line is None else line,
        created_at=now,
        expires_at=now + (PASSING_EXPIRES_AFTER if purpose in PASSING else EXPIRES_AFTER),
        next_at=now + timedelta(seconds=pause_s),
    )
    alert.envelopes.append(envelope)


def go_out(
    alert: Alert, envelope: Envelope, now: datetime, until: datetime, content: bytes | None
) -> None:
    """Have a new message under way from its birth, as ``claim_envelopes`` has one that waits.

    ``until`` ends the lease of whoever sends it; ``content`` is what is sent, sealed. From the
    first sending on a room has so long to confirm the receipt.
    """
    dispatch = next(one for one in alert.dispatches if one.id == envelope.dispatch_id)
    envelope.state, envelope.lease_until, envelope.content = "sending", until, content
    dispatch.state, dispatch.attempts = "sending", dispatch.attempts + 1
    alert.run("received", now, alert.plan.received, dispatch.id)


def _supersede(alert: Alert, dispatch: Dispatch) -> None:
    """Drop what was only of use for the moment and has not arrived: whatever comes now says it.

    One that is under way goes out; if that fails it is not tried again, after what is newer.
    """
    for envelope in alert.envelopes:
        if (
            envelope.dispatch_id == dispatch.id
            and envelope.state in {"waiting", "sending"}
            and envelope.purpose in PASSING
        ):
            envelope.state, envelope.lease_until = "expired", None
