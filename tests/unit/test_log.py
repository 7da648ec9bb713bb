"""The log: readable by people or by machines, and with nobody in it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from tgd.log import redact, setup

pytestmark = pytest.mark.expects_errors


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_passwords_in_addresses_are_cut_and_the_rest_is_kept() -> None:
    assert redact("at postgresql://tgd:hunter2@db:5432/tgd and mqtts://a:b:c@broker") == (
        "at postgresql://tgd:***@db:5432/tgd and mqtts://a:***@broker"
    )
    assert redact("http://127.0.0.1:8080/console") == "http://127.0.0.1:8080/console"


def test_a_row_that_the_database_quotes_is_cut() -> None:
    text = "new row violates\nDETAIL:  Failing row contains (46.58, 0.34).\nHINT:  look"
    assert redact(text) == "new row violates\nDETAIL: (left out)\nHINT:  look"


@pytest.mark.parametrize("form", ["text", "json"])
def test_tracebacks_are_redacted_too(form: str) -> None:
    stream = io.StringIO()
    setup(form, "info", stream)
    failure = OSError("cannot reach mqtt://tgd:hunter2@broker")
    logging.getLogger("tgd.devices").error("the broker is away", exc_info=failure)
    assert "hunter2" not in stream.getvalue()
    assert "mqtt://tgd:***@broker" in stream.getvalue()


def test_json_is_one_object_per_line_with_the_extra_fields() -> None:
    stream = io.StringIO()
    setup("json", "info", stream)
    logging.getLogger("tgd.app").info("ready\nnow", extra={"port": 8080})
    logging.getLogger("tgd.app").debug("not shown")
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "level": "info",
        "logger": "tgd.app",
        "message": "ready\nnow",
        "port": "8080",
    }


def test_text_is_one_line_with_the_time_in_utc() -> None:
    stream = io.StringIO()
    setup("text", "warning", stream)
    logging.getLogger("tgd.app").warning("look")
    assert stream.getvalue().endswith("Z WARNING tgd.app: look\n")
