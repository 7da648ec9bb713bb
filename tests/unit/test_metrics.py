"""Metrics: the names of the protocol, zeros from the start, fine buckets."""

import re

from tgd.metrics import DEADLINES, SECONDS, Metrics

NAMES = [
    "tgd_press_to_commit_seconds",
    "tgd_press_to_receipt_seconds",
    "tgd_press_to_console_seconds",
    "tgd_alert_to_answer_seconds",
    "tgd_answer_to_decision_seconds",
    "tgd_decision_to_sent_seconds",
    "tgd_sent_to_acknowledged_seconds",
    "tgd_press_to_acknowledged_seconds",
    "tgd_presses_total",
    "tgd_dispatch_attempts_total",
    "tgd_alerts_open",
    "tgd_deadline_passed_total",
    "tgd_quarantined_total",
]


def test_every_metric_of_the_protocol_is_there() -> None:
    text = Metrics().render().decode()
    for name in NAMES:
        assert f"# TYPE {name}" in text


def test_what_alarms_look_at_is_zero_from_the_start() -> None:
    text = Metrics().render().decode()
    assert 'tgd_presses_total{outcome="new",path="sms"} 0.0' in text
    for deadline in DEADLINES:
        assert f'tgd_deadline_passed_total{{deadline="{deadline}"}} 0.0' in text
    for status in ("ringing", "answered", "police"):
        assert f'tgd_alerts_open{{status="{status}"}} 0.0' in text
    assert re.search(r'tgd_quarantined_total\{reason="unreadable",topic="heartbeat"\} 0.0', text)


def test_the_buckets_resolve_a_millisecond_and_two_minutes() -> None:
    assert list(SECONDS) == sorted(set(SECONDS))
    assert {0.001, 0.002, 90.0, 120.0, 180.0} <= set(SECONDS)


def test_two_processes_in_one_do_not_share_figures() -> None:
    one, other = Metrics(), Metrics()
    one.presses["mqtt", "new"].inc()
    one.dispatch_attempts["corg-86", "https", "delivered"].inc()
    assert b'outcome="new",path="mqtt"} 1.0' in one.render()
    assert b'outcome="new",path="mqtt"} 0.0' in other.render()
    assert b"corg-86" not in other.render()
