"""Every failure as RFC 9457 problem details, and no failure without an answer.

Serves every route. The promise: who sent it wrongly is told which field (400, 422), who came at
the wrong moment why (409, with a code for programs), an outage of the database says when to come
again (503), and what nobody foresaw is 500 and logged without a word of what was sent. Nothing
that a person typed, and no position, goes into an answer's detail or a log.
"""

import logging
import traceback
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from aiohttp import web

from tgd.errors import Invalid, NotFound, Refused, TgdError
from tgd.store.db import OUTAGE

RETRY_AFTER_S = 1
_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Problem(TgdError):
    """An answer that is not a success; ``extra`` are further members, ``headers`` go with it."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **extra: object,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra

    def response(self) -> web.Response:
        """Write it as RFC 9457 says."""
        phrase = HTTPStatus(self.status).phrase
        body = {
            "type": f"urn:tgd:problem:{self.code}",
            "title": phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.extra,
        }
        return web.Response(
            status=self.status,
            body=msgspec.json.encode(body),
            content_type="application/problem+json",
            headers=self.headers,
        )


def unauthorized(code: str, detail: str, *, challenge: str = 'Bearer realm="tgd"') -> Problem:
    """Return the answer to who has not shown who they are."""
    return Problem(401, code, detail, headers={"WWW-Authenticate": challenge})


def forbidden(code: str, detail: str) -> Problem:
    """Return the answer to who is known and may not."""
    return Problem(403, code, detail)


def too_large(limit: int) -> Problem:
    """Return the answer to a body that is not looked at."""
    return Problem(413, "too_large", f"at most {limit} bytes", headers={"Connection": "close"})


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into an answer."""
    try:
        return await handler(request)
    except (Problem, Invalid, Refused, NotFound) as error:
        return problem_of(error).response()
    except web.HTTPException as answer:
        if answer.status < HTTPStatus.BAD_REQUEST:
            raise
        return _of_http(answer)
    except OUTAGE as error:
        _log.warning("%s %s: the database is away: %s", *_route(request), type(error).__name__)
        return outage().response()
    except Exception as error:  # noqa: BLE001  the last place where a request's failure can end
        _unforeseen(request, error)
        return Problem(500, "unforeseen", "the server failed; it has been logged").response()


def problem_of(error: Problem | Invalid | Refused | NotFound) -> Problem:
    """Return what an error of the house is on the wire."""
    match error:
        case Problem():
            return error
        case Invalid():
            return Problem(422, "invalid", error.detail, field=error.field)
        case Refused():
            return Problem(409, error.code, error.detail)
        case NotFound():
            return Problem(404, "not_found", f"no such {error.what}")


def outage() -> Problem:
    """Return the answer while the database is away."""
    return Problem(
        503,
        "database_away",
        "the database does not answer just now",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


def _of_http(answer: web.HTTPException) -> web.Response:
    """Word a refusal of the library's as ours are."""
    kept = {name: answer.headers[name] for name in ("Allow",) if name in answer.headers}
    code = HTTPStatus(answer.status).phrase.lower().replace(" ", "_")
    return Problem(answer.status, code, answer.reason, headers=kept).response()


def _unforeseen(request: web.Request, error: Exception) -> None:
    """Log where it happened. The error's own text may quote what was sent: it stays out."""
    places = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s %s failed: %s\n%s", *_route(request), type(error).__name__, places)


def _route(request: web.Request) -> tuple[str, str]:
    """Name the route, never the address with what may stand in it."""
    resource = request.match_info.route.resource
    return request.method, resource.canonical if resource else "(no route)"
