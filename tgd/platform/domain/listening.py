"""The line to the phone: heard only, or heard and speaking (PROTOCOL §2, the receipt's ``listen``).

Serves arrow 2. The phone answers silently unless the person's file says otherwise; that the
operator is heard in the room where it lies is an act on the record, and can be taken back at once.
A further press makes the line again what her file says: something has changed on her side.
"""

from datetime import datetime

from tgd.devices import live
from tgd.errors import Invalid, Refused
from tgd.platform.domain.alert import Alert
from tgd.platform.domain.decision import must_hold

MODES = ("duplex", "mic_only")


def listen(
    alert: Alert, operator: str, mode: str, now: datetime, *, supervisor: bool = False
) -> None:
    """Have the phone let the operator be heard, or be silent again; again is said again.

    Refused where her file wants no line at all, and after coercion: nothing is to change then
    that can be heard at the phone's end.
    """
    if mode not in MODES:
        raise Invalid("mode", f"must be one of {', '.join(MODES)}")
    if alert.coerced:
        raise Refused("silent_after_coercion", "nothing is to be heard at the phone's end")
    if alert.listen == "none":
        raise Refused("no_listening", "the person's file wants no line")
    must_hold(alert, operator, now, supervisor=supervisor)
    alert.record(now, operator, "listening", mode=mode)
    alert.phone_messages.append(live.listen(str(alert.id), now, mode))
