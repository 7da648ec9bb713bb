"""Answers as values, until the guard has cut them down to what the caller may see.

Serves every route. A handler answers with a value; who sees which field of it is the table's
(``rights``) and is settled in one place, the guard. What is written once for many consoles is cut
down before it is written, and says so (``said``); the guard lets no other JSON pass.
"""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

from tgd.web.rights import View

JSON = "application/json"


class Answer(web.Response):
    """A JSON answer whose value has not been written yet."""

    def __init__(
        self, value: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status=status, headers=headers, content_type=JSON)
        self._value = value

    def say(self, view: View | None) -> None:
        """Write what may be seen; None: all of it, to everybody."""
        self.body = msgspec.json.encode(self._value if view is None else view.of(self._value))


class Said(web.Response):
    """A JSON answer that was cut down before it was written."""


def answer(
    value: object, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a JSON answer, of which the caller sees what the table grants."""
    return Answer(value, status, headers)


def said(body: bytes) -> web.Response:
    """Return a JSON answer that was made with the caller's view."""
    return Said(body=body, content_type=JSON)
