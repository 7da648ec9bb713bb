"""The end of the story, checked: no press without a receipt, no alert without its end.

Serves the demo's exit code. It asks the platform's interface, the phones and the control room, and
compares what they say; that the story went through proves nothing here. ``faults`` names each
press and alert that did not end as promised: acknowledged by a control room, or closed by an
operator's verdict.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from tgd.demo.desk import Alert, epoch
from tgd.demo.phones import Gesture

CLOSING = ("no_danger", "test", "accidental")


def faults(
    gestures: Sequence[Gesture],
    alerts: Mapping[str, Alert],
    figures: Mapping[str, int],
    operators: Collection[str],
) -> list[str]:
    """Return what is wrong, a line each; nothing if everything ended as it must.

    ``figures`` are the control room's own; ``operators`` the names whose verdicts count.
    """
    found = [fault for gesture in gestures for fault in _of_press(gesture, alerts)]
    found += [fault for alert in alerts.values() for fault in _of_alert(alert, operators)]
    presses = sum(len(alert["presses"]) for alert in alerts.values())
    if presses != len(gestures):
        found.append(f"{len(gestures)} presses were made, the platform has {presses}")
    dispatched = sum(bool(alert["dispatches"]) for alert in alerts.values())
    if figures["cases"] != dispatched:
        found.append(f"{dispatched} alerts were dispatched, the room has {figures['cases']} cases")
    if figures["split_alerts"]:
        found.append("one alert came to the room under two case numbers")
    return found


def ending(alert: Alert, operators: Collection[str]) -> str | None:
    """Say how an alert ended: the room that acknowledged it, or the verdict; None if neither."""
    if acknowledged(alert):
        return str(alert["dispatches"][0]["room"])
    if alert["verdict"] in CLOSING and alert["verdict_by"] in operators:
        return str(alert["verdict"])
    return None


def acknowledged(alert: Alert) -> bool:
    """Say whether every room told has acknowledged it."""
    dispatches = alert["dispatches"]
    return bool(dispatches) and all(d["acknowledged_at"] for d in dispatches)


def legs(alert: Alert, gesture: Gesture, shown_at: float | None) -> dict[str, float]:
    """Return the alert's legs, in seconds, that its record and its press tell."""
    found: dict[str, float] = {}
    if gesture.receipt is not None:
        found["receipt"] = float(gesture.receipt["latency_s"])
    if shown_at is not None:
        found["shown"] = shown_at - gesture.at
    if alert["answered_at"]:
        found["answered"] = epoch(alert["answered_at"]) - epoch(alert["opened_at"])
    if acknowledged(alert):
        last = max(epoch(d["acknowledged_at"]) for d in alert["dispatches"])
        found["acknowledged"] = last - epoch(alert["police_at"])
        found["whole"] = last - gesture.at
    return found


def _of_press(gesture: Gesture, alerts: Mapping[str, Any]) -> Iterator[str]:
    press = f"press {gesture.press[:8]} of {gesture.phone}"
    if gesture.receipt is None:
        yield f"{press}: no receipt"
    elif gesture.alert not in alerts:
        yield f"{press}: its receipt names an alert that the platform does not show"


def _of_alert(alert: Alert, operators: Collection[str]) -> Iterator[str]:
    if ending(alert, operators) is None:
        yield (
            f"alert {alert['case_id']} of {alert['device']}: neither acknowledged by a control"
            f" room nor closed by an operator's verdict ({alert['status']}, {alert['verdict']})"
        )
    elif alert["status"] != "closed":
        yield f"alert {alert['case_id']} of {alert['device']}: still {alert['status']}"
