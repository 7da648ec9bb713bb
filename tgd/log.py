"""Logging: the standard library's, as text for people or JSON for machines, with nobody in it.

Serves every arrow. Modules log to ``logging.getLogger(__name__)`` and never put a name, an address
or a position in a message. What could carry one in by itself is cut here, in the formatter, where
tracebacks pass too: passwords in addresses, and the DETAIL of a database error, which quotes the
row. A log is for finding a fault; the record of what happened is the journal, not this.
"""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import TextIO

_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@]*@", re.IGNORECASE)
_DETAIL = re.compile(r"\bDETAIL:.*?(?=\nHINT:|\n\n(?:The above|During)|\Z)", re.DOTALL)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """Return ``text`` without passwords in addresses and without rows quoted by the database."""
    return _DETAIL.sub("DETAIL: (left out)", _PASSWORD.sub(r"\1:***@", text))


def fault(log: logging.Logger, what: str, error: Exception) -> None:
    """Log where something failed that may not stop the rest.

    The error's own text may quote a place or a person: it stays out, unlike with ``exception``.
    """
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s failed: %s\n%s", what, type(error).__name__, where)


def setup(form: str = "text", level: str = "info", stream: TextIO | None = None) -> None:
    """Log to ``stream`` (standard error) as ``text`` or ``json``, instead of anything before."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


class TextFormatter(logging.Formatter):
    """One line per event for a person: time (UTC), level, logger, message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Format and redact, the traceback included."""
        return redact(super().format(record))

    def formatTime(  # noqa: N802  the standard library's name
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        """Return the time in UTC with milliseconds, as everywhere else in this program."""
        _ = datefmt
        return _when(record)


class JsonFormatter(logging.Formatter):
    """One JSON object per line; what a call passed as ``extra`` becomes fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format and redact each text, the traceback included."""
        entry: dict[str, object] = {
            "time": _when(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            entry["exception"] = redact(self.formatException(record.exc_info))
        for name, value in vars(record).items():
            if name not in _STANDARD:
                entry.setdefault(name, redact(str(value)))
        return json.dumps(entry, ensure_ascii=False)


def _when(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
