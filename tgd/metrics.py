"""What is measured: every figure of PROTOCOL §6, and those that prove the machine itself alive.

Serves every arrow: each has its histogram here. Nothing is created at import; a ``Metrics`` owns
its registry, so that tests and benchmarks run several side by side. Label values that alarms look
at exist from the start at zero. No label ever names a person or a phone; a room's id is the only
label that configuration chooses. Observing is cheap: children are bound once and kept.
"""

from collections.abc import Iterable
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

SECONDS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.0, 3.5, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0),
)
"""Bucket bounds in seconds: resolve 1 ms and 120 s both, with a bound at each deadline."""

PATHS = ("mqtt", "https", "sms", "call")
OUTCOMES = ("new", "duplicate")
STATUSES = ("ringing", "answered", "police")
DEADLINES = (
    *("overflow", "answer", "voice", "doubt", "received"),
    *("acknowledged", "engaged", "closing", "contact", "heartbeat"),
)
TOPICS = ("press", "position", "heartbeat", "lwt", "other")
REASONS = ("unreadable", "oversized", "wrong_type", "location_invalid", "topic", "refused")
STAGES = ("decode", "batch", "single", "alert")
ENDINGS = ("60", "30", "7", "0")
TESTED_WITHIN = ("15", "21")
CONNECTIONS = ("press", "rest")
SAID = ("new", "again", "otherwise")
HEARD = ("taken", "refused", "stranger", "failed")
COMPLAINTS = ("sent", "failed", "dropped")
DRIFTS = ("missing", "extra", "rights", "password", "disabled")
LOGINS = ("right", "wrong", "delayed")
GLASS_ROLES = ("supervisor", "prosecutor")
LOOKUPS = ("locked", "many")
SHEETS = ("shown", "refused", "slowed")
EXERCISES = ("sent", "failed", "acknowledged", "expired")
LINE = ("room", "line", "adapter")
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 1000)

_C = TypeVar("_C", Counter, Gauge)


class Family(dict[str | tuple[str, ...], _C]):
    """A labelled metric as a dictionary: ``family["mqtt", "new"].inc()``; one label: a string."""

    def __init__(self, metric: _C, expected: Iterable[str | tuple[str, ...]] = ()) -> None:
        super().__init__()
        self._metric: _C = metric
        for values in expected:
            self.__missing__(values)

    def __missing__(self, values: str | tuple[str, ...]) -> _C:
        labels = (values,) if isinstance(values, str) else values
        child: _C = self._metric.labels(*labels)
        self[values] = child
        return child

    def drop(self, *values: str) -> None:
        """Say nothing more of what is no more; nothing happens where nothing was said."""
        if self.pop(values, None) is not None:
            self._metric.remove(*values)


class Metrics:
    """All metrics of one process. Times in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._legs()
        self._presses()
        self._work()
        self._machine()

    def render(self) -> bytes:
        """Return the text exposition that ``/metrics`` answers."""
        return generate_latest(self.registry)

    def _legs(self) -> None:
        seconds = self._seconds
        self.press_to_commit = seconds("press_to_commit", "Press read from the wire to committed.")
        self.press_to_receipt = seconds("press_to_receipt", "Press read to its receipt handed out.")
        self.press_to_console = seconds("press_to_console", "Press read to hinted to a console.")
        self.alert_to_answer = seconds("alert_to_answer", "Alert opened to answered.")
        self.answer_to_decision = seconds("answer_to_decision", "Answered to a verdict.")
        self.decision_to_sent = seconds("decision_to_sent", "Verdict committed to delivered.")
        self.sent_to_acknowledged = seconds("sent_to_acknowledged", "Sent to acknowledged.")
        self.press_to_acknowledged = seconds("press_to_acknowledged", "Press to acknowledged.")

    def _presses(self) -> None:
        self.presses = Family(
            self._counter("presses", "Presses taken in.", "path", "outcome"),
            ((path, outcome) for path in PATHS for outcome in OUTCOMES),
        )
        self.quarantined = Family(
            self._counter("quarantined", "Messages put aside.", "topic", "reason"),
            ((topic, reason) for topic in TOPICS for reason in REASONS),
        )
        self.intake_faults = Family(
            self._counter("intake_faults", "Failures on the press path, by stage.", "stage"), STAGES
        )
        self.orphan_presses = self._counter(
            "orphan_presses", "Presses committed without an alert, rung by the sweep."
        )
        self.intake_batch_size = Histogram(
            "tgd_intake_batch_size",
            "Presses committed together.",
            buckets=SIZES,
            registry=self.registry,
        )

        self.logins = Family(
            self._counter("logins", "Logins tried, by what came of them.", "outcome"), LOGINS
        )
        self.break_glass = Family(
            self._counter("break_glass", "Files opened outside of rights or term.", "role"),
            GLASS_ROLES,
        )
        self.sheets = Family(
            self._counter("sheets", "Rooms' sheets asked for by their address.", "outcome"), SHEETS
        )
        self.lookups = Family(
            self._counter("lookups", "Files looked for by whom they are kept from.", "kind"),
            LOOKUPS,
        )

    def _work(self) -> None:
        self.dispatch_attempts = Family(
            self._counter(
                *("dispatch_attempts", "Attempts to reach a room.", "room", "adapter", "outcome")
            )
        )
        self.alerts_open = Family(self._gauge("alerts_open", "Open alerts.", "status"), STATUSES)
        self.operators_available = Family(
            self._gauge("operators_available", "Operators there to be rung.", "group"),
            ("first", "second"),
        )
        self.deadline_passed = Family(
            self._counter("deadline_passed", "Deadlines that passed.", "deadline"), DEADLINES
        )
        self.alerts_passed_over = self._gauge(
            "alerts_passed_over",
            "Alerts that wait, and nobody of the first who is there may know of them.",
        )
        self.recontacts_overdue = self._gauge(
            "recontacts_overdue", "Calls back after an alert that should have been made by now."
        )
        self.phones_assigned = self._gauge("phones_assigned", "Phones in somebody's hands.")
        self.phones_tested = Family(
            self._gauge("phones_tested", "Of these, tested within so many days.", "days"),
            TESTED_WITHIN,
        )
        self.phones_never_tested = self._gauge(
            "phones_never_tested", "Of these, never tested by whoever has them."
        )
        self.terms_unseen = Family(
            self._gauge("terms_unseen", "Terms that end, and nobody has said to know.", "days"),
            ENDINGS,
        )
        self.exercises = Family(
            self._counter("exercises", "Exercises by lines of rooms, by what became.", "outcome"),
            EXERCISES,
        )
        self.line_live = Family(
            self._gauge("line_live", "1 once an exercise was confirmed.", *LINE)
        )
        self.line_up = Family(self._gauge("line_up", "1 while the line answers.", *LINE))
        self.line_refuses = Family(
            self._gauge("line_refuses", "1 while the line refuses whatever is sent by it.", *LINE)
        )
        self.line_certificate = Family(
            self._gauge(
                "line_certificate_until_timestamp_seconds",
                "Until when a certificate of the line is valid (epoch).",
                *(*LINE, "whose"),
            )
        )
        self.outbox_waiting = self._gauge("outbox_waiting", "Messages committed and not yet sent.")
        self.stream_clients = self._gauge("stream_clients", "Consoles listening to the stream.")

    def _machine(self) -> None:
        self.clock_step = self._gauge("clock_step_seconds", "Wall clock's lead over ours.")
        self.loop_errors = Family(
            self._counter("loop_errors", "Failures of supervised tasks.", "task")
        )
        self.alerts_unread = self._counter(
            "alerts_unread", "Alerts told without a part that could not be read."
        )
        self.auditor_findings = self._gauge(
            "auditor_findings", "Open alerts found without a future step."
        )
        self.auditor_last_ok = self._gauge(
            "auditor_last_ok_timestamp_seconds", "When the auditor last found all well (epoch)."
        )
        self.mqtt_connected = Family(
            self._gauge("mqtt_connected", "1 while the connection stands.", "connection"),
            CONNECTIONS,
        )
        self.amqp_brokers_away = self._gauge(
            "amqp_brokers_away", "Brokers of control rooms at which we do not listen just now."
        )
        self.amqp_messages = Family(
            self._counter("amqp_messages", "Messages of rooms by a broker.", "outcome"), HEARD
        )
        self.room_errors = Family(
            self._counter("room_errors", "RS-ERRORs to rooms by a broker.", "outcome"), COMPLAINTS
        )
        self.room_messages = Family(
            self._counter(
                "room_messages", "Messages of rooms, by what each had said before.", "said"
            ),
            SAID,
        )
        self.broker_rights_settled = self._gauge(
            "broker_rights_settled", "1 while every broker says what the register says."
        )
        self.broker_drift = Family(
            self._counter("broker_drift", "Differences from the register, mended.", "kind"), DRIFTS
        )
        self.credentials_expiring = self._gauge(
            "credentials_expiring", "Phones whose certificate is to be renewed."
        )
        self.erasures_overdue = self._gauge(
            "erasures_overdue",
            "Alerts, and keys, of which something should have been erased an hour ago.",
        )
        self.key_store_ready = self._gauge(
            "key_store_ready", "1 while new keys can be kept in the key store."
        )
        self.key_store_faults = self._counter(
            "key_store_faults", "Keys that could not be kept in the key store."
        )
        self.journal_sealed_at = self._gauge(
            "journal_sealed_timestamp_seconds",
            "When all that the journal holds was last sealed (epoch).",
        )
        self.database_up = self._gauge("database_up", "1 while the database answers.")

    def _seconds(self, name: str, what: str) -> Histogram:
        return Histogram(f"tgd_{name}_seconds", what, buckets=SECONDS, registry=self.registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"tgd_{name}_total", what, labels, registry=self.registry)

    def _gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"tgd_{name}", what, labels, registry=self.registry)
