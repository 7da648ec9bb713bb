"""The errors of the house: each answers one question, "again, or not?", and to whom.

Serves every arrow. What our own code refuses is ``Invalid`` (the sender wrote it wrongly),
``NotFound`` or ``Refused`` (well written, but it does not fit the state of things); the web turns
these into problem details 422, 404 and 409. What the other side of a wire answers is ``Rejected``
(no, for good) or ``Temporary`` (try again). Exceptions of libraries stop at the adapter that
called them and go on as one of these.

No message carries a person's name, address or position: messages end in logs.
"""


class TgdError(Exception):
    """The root of every error that this program raises on purpose."""


class Invalid(TgdError):
    """A field is wrong (HTTP 422). ``field`` is its path in the message, ``detail`` says why."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


class Refused(TgdError):
    """The act does not fit the state of things (HTTP 409). ``code`` is stable, for programs."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class NotFound(TgdError):
    """There is no such thing, or none for this caller (HTTP 404). ``what`` names its kind."""

    def __init__(self, what: str) -> None:
        super().__init__(f"no such {what}")
        self.what = what


class Rejected(TgdError):
    """The other side said no, for good: sending the same again would change nothing."""


class Temporary(TgdError):
    """The other side could not now: try again, after ``delay_s`` seconds where it said so."""

    def __init__(self, message: str = "", delay_s: float | None = None) -> None:
        super().__init__(message)
        self.delay_s = delay_s
