"""A line that has failed is left alone, and found again by one message."""

from datetime import UTC, datetime, timedelta

from tgd.platform.channels.breaker import ALONE, ONLY, Breaker, Refusal

NOW = datetime(2030, 1, 15, 9, 0, tzinfo=UTC)
LINE, OTHER = ("cic86", 0), ("cic86", 1)


def test_one_failure_spares_all_that_come_after_it() -> None:
    breaker = Breaker()
    assert breaker.lets(LINE, NOW)
    breaker.failed(LINE, NOW)
    assert not any(breaker.lets(LINE, NOW + ALONE * part / 10) for part in range(10))
    assert breaker.lets(OTHER, NOW)


def test_after_the_pause_one_message_tries_it() -> None:
    breaker = Breaker()
    breaker.failed(LINE, NOW)
    assert [breaker.lets(LINE, NOW + ALONE) for _ in range(3)] == [True, False, False]
    assert breaker.lets(LINE, NOW + 2 * ALONE)


def test_an_only_line_is_tried_again_soon_and_by_one() -> None:
    breaker = Breaker()
    breaker.failed(LINE, NOW, "HTTP 503", ONLY)
    assert not breaker.lets(LINE, NOW + ONLY / 2, pause=ONLY)
    assert [breaker.lets(LINE, NOW + ONLY, pause=ONLY) for _ in range(3)] == [True, False, False]
    assert breaker.lets(LINE, NOW + 2 * ONLY, pause=ONLY)
    assert breaker.why(LINE) == "HTTP 503"


def test_one_that_works_is_used_by_all() -> None:
    breaker = Breaker()
    breaker.failed(LINE, NOW)
    assert breaker.lets(LINE, NOW + ALONE)
    breaker.worked(LINE, NOW + ALONE)
    assert all(breaker.lets(LINE, NOW + ALONE + timedelta(seconds=n)) for n in range(3))


def refuses(breaker: Breaker, *alerts: str) -> None:
    for alert in alerts:
        breaker.refused(LINE, alert, NOW, "HTTP 400")


def test_one_alert_that_is_refused_again_and_again_is_not_the_line_s_fault() -> None:
    breaker = Breaker()
    refuses(breaker, *"aaaabbbb")
    assert breaker.refusal(LINE) is None
    assert all(breaker.lets(LINE, NOW, first=True) for _ in range(3))


def test_a_line_that_refuses_several_alerts_is_tried_by_one_message_now_and_then() -> None:
    breaker = Breaker()
    refuses(breaker, *"abc")
    assert breaker.refusal(LINE) == Refusal(NOW, "HTTP 400")
    assert breaker.refusal(OTHER) is None
    assert not breaker.lets(LINE, NOW + ALONE / 2, first=True)
    assert [breaker.lets(LINE, NOW + ALONE, first=True) for _ in range(3)] == [True, False, False]
    # What has no other line to go by, or has gone by that, tries it all the same.
    assert breaker.lets(LINE, NOW)
    refuses(breaker, *"def")
    assert breaker.refusal(LINE) == Refusal(NOW, "HTTP 400")


def test_a_line_that_takes_a_message_refuses_nothing() -> None:
    breaker = Breaker()
    refuses(breaker, *"ab")
    breaker.worked(LINE, NOW)
    refuses(breaker, "c")
    assert breaker.refusal(LINE) is None
    refuses(breaker, *"de")
    breaker.answers(LINE)  # a probe proves nothing of this
    assert breaker.refusal(LINE) is not None
    breaker.another(LINE)
    assert breaker.refusal(LINE) is None
    assert breaker.lets(LINE, NOW, first=True)
