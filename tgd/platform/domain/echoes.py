"""Arrow 3, whose word stands for whom: a room and its stand-ins are answered for together.

Serves ``dispatch`` and ``apart``. Whoever of them answers first answers for all, and nobody calls
the others any more. The promise: when that room's word falls, or nothing of the case is told to it
any more, its echoes fall with it, and a deadline runs for each again.
"""

from datetime import datetime

from tgd.platform.domain.alert import Alert, Dispatch

_LOOKED = frozenset({"seen", "engaged", "on_scene", "closed"})


def answered_for(alert: Alert, dispatch: Dispatch) -> list[Dispatch]:
    """Return the others that are acknowledged by this room's word alone: nobody there looked."""
    by = dispatch.acknowledged_by
    return [
        one
        for one in alert.together(dispatch)
        if one is not dispatch
        and by is not None
        and one.acknowledged_by == by
        and one.reference is None
        and one.state not in _LOOKED
    ]


def unanswered(alert: Alert, dispatch: Dispatch, now: datetime) -> None:
    """Take the acknowledgement back and wait for another."""
    dispatch.acknowledged_at = dispatch.acknowledged_by = None
    alert.run("acknowledged", now, alert.plan.acknowledged, dispatch.id)
