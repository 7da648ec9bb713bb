"""Logging in by an agency's own login (OpenID Connect): there, back, and in as what it says.

Serves the pages for people. Promises: an answer counts only in the browser that began the login,
once, within ten minutes, and only if its issuer signed it for us; who is granted nothing by the
table is nobody, and whoever was let in before loses their sessions; whatever is wrong, the browser
is told the same; it is sent back to a page of ours and nowhere else; tries are bounded per address
as those of passwords are. A session so begun is like any other, and its end ends the agency's.
Leaves to ``issuer`` whether a statement is to be believed, to ``agencies`` what it grants.
"""

import hmac
import logging
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from tgd.errors import NotFound, Rejected, Temporary
from tgd.seal import SealBroken, Sealer
from tgd.store import command, vouching
from tgd.store.accounts import Account
from tgd.web.agencies import Agencies, Agency
from tgd.web.context import Context
from tgd.web.delays import Delays, source
from tgd.web.errors import Problem, forbidden
from tgd.web.issuer import Issuer
from tgd.web.opening import SESSION, Opening, hint_name, session_key
from tgd.web.pages import is_secure

_LASTS: Final = timedelta(minutes=10)
_PAGE: Final = re.compile(r"/(?:console|parquet|account)(?:/[A-Za-z0-9-]{1,64}){0,2}")
_HOME: Final = "/console"
_ABOUT: Final = "a login by an agency"
_HINT: Final = "an agency's statement"
_MOST: Final = 2048
_COOKIE_MAX: Final = 3900
_log = logging.getLogger(__name__)


class _Begun(msgspec.Struct):
    """What the browser keeps, sealed, until the agency has answered."""

    agency: str
    state: str
    nonce: str
    verifier: str
    page: str
    until: float
    before: bytes | None
    """The session that the browser had: its cookie is not sent with an answer from elsewhere."""


class Oidc:
    """The routes under ``/oidc``."""

    def __init__(
        self, context: Context, agencies: Agencies, delays: Delays, opening: Opening
    ) -> None:
        self._database = context.database
        self._clock = context.clock
        self._proxies = context.config.proxies
        self._sealer = Sealer(context.config.secret_key)
        self._outcomes = context.metrics.logins
        self._agencies = agencies
        self._issuers = {one.id: Issuer(one, context.clock) for one in agencies.every.values()}
        self._delays = delays
        self._opening = opening

    async def close(self, _app: web.Application) -> None:
        """Let go of the connections to issuers."""
        for issuer in self._issuers.values():
            await issuer.close()

    async def start(self, request: web.Request) -> web.Response:
        """Send the browser to the agency."""
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            raise forbidden("cross_site", "log in from the console's own page")
        issuer, page = self._issuer(request), _page(request.query.get("next", ""))
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        verifier, until = secrets.token_urlsafe(48), self._clock.now() + _LASTS
        try:
            back = self._agencies.back(issuer.agency)
            address = await issuer.beginning(back, state, nonce, verifier)
        except (Rejected, Temporary) as error:
            return self._unwell(issuer.agency, page, error)
        begun = _Begun(
            *(issuer.agency.id, state, nonce, verifier, page),
            until=until.timestamp(),
            before=session_key(request),
        )
        response = _sent(address)
        response.set_cookie(
            _cookie(request),
            self._sealer.seal(msgspec.json.encode(begun), _ABOUT).hex(),
            path="/",
            httponly=True,
            samesite="Lax",  # the agency's answer comes from elsewhere, and has to find it
            secure=is_secure(request),
            max_age=int(_LASTS.total_seconds()),
        )
        return response

    async def callback(self, request: web.Request) -> web.Response:
        """Take the agency's answer; send the browser on to its page, with a session or without."""
        issuer = self._issuer(request)
        begun = self._begun(request)
        page = begun.page if begun else _HOME
        attempt = self._delays.of_address(source(request, self._proxies))
        try:
            await self._delays.count(attempt)
            account, statement = await self._vouched(request, issuer, begun)
        except Problem as problem:
            self._outcomes["delayed"].inc()
            response = _refused(page, problem.code)
        except (Rejected, Temporary) as error:
            response = self._unwell(issuer.agency, page, error)
        else:
            await self._delays.right(attempt)
            self._outcomes["right"].inc()
            response = _sent(page)
            before = begun.before if begun else None
            opened = await self._opening.open(request, account, before)
            self._opening.give(request, response, opened)
            self._keep(request, response, statement)
        response.del_cookie(
            _cookie(request), path="/", httponly=True, samesite="Lax", secure=is_secure(request)
        )
        return response

    async def ending(self, request: web.Request, issuer: str) -> str | None:
        """Return where the agency's own session ends; None where it does by itself, if at all."""
        agency = self._agencies.of(issuer)
        if agency is None:
            return None
        back = f"{self._agencies.public_url}{_HOME}"
        try:
            return await self._issuers[agency.id].ending(back, self._kept(request))
        except (Rejected, Temporary):
            return None

    def _keep(self, request: web.Request, response: web.Response, statement: str) -> None:
        """Have the browser keep the statement, sealed, for the logging out; no cookie is longer."""
        sealed = urlsafe_b64encode(self._sealer.seal(statement.encode(), _HINT)).decode()
        if len(sealed) > _COOKIE_MAX:
            return
        response.set_cookie(
            hint_name(request),
            sealed,
            path=SESSION,
            httponly=True,
            samesite="Strict",
            secure=is_secure(request),
            max_age=self._opening.life_s,
        )

    def _kept(self, request: web.Request) -> str | None:
        try:
            sealed = urlsafe_b64decode(request.cookies.get(hint_name(request), ""))
            return self._sealer.open(sealed, _HINT).decode()
        except (ValueError, SealBroken):
            return None

    def _issuer(self, request: web.Request) -> Issuer:
        found = self._issuers.get(request.match_info["agency"])
        if found is None:
            raise NotFound("agency")
        return found

    def _begun(self, request: web.Request) -> _Begun | None:
        try:
            sealed = bytes.fromhex(request.cookies.get(_cookie(request), ""))
            begun = msgspec.json.decode(self._sealer.open(sealed, _ABOUT), type=_Begun)
        except (ValueError, SealBroken, msgspec.MsgspecError):  # the last: another version's
            return None
        return begun if begun.agency == request.match_info["agency"] else None

    async def _vouched(
        self, request: web.Request, issuer: Issuer, begun: _Begun | None
    ) -> tuple[Account, str]:
        """Return the account of whom the agency vouches for, and its statement.

        Raises ``Rejected`` or ``Temporary``.
        """
        now, said = self._clock.now(), request.query
        code, state = said.get("code", ""), said.get("state", "")
        if begun is None or not hmac.compare_digest(_bytes(state), _bytes(begun.state)):
            raise Rejected("an answer to nothing that this browser began")
        if now.timestamp() >= begun.until:
            raise Rejected("an answer too late")
        async with self._database.connection() as connection:
            until = datetime.fromtimestamp(begun.until, UTC)
            if not await vouching.use_state(connection, state, until, now):
                raise Rejected("an answer that has served")
        if not code or len(code) > _MOST:
            raise Rejected("an answer without a code")
        claims, statement = await issuer.claims(
            code,
            back=self._agencies.back(issuer.agency),
            verifier=begun.verifier,
            nonce=begun.nonce,
            named=said.get("iss"),
        )
        return await self._account(issuer.agency, dict(claims), now), statement

    async def _account(self, agency: Agency, claims: dict[str, object], now: datetime) -> Account:
        subject, grant = str(claims["sub"]), agency.granted(claims)
        if not agency.proven(claims):
            raise Rejected("no second factor")
        async with self._database.transaction() as transaction:
            if grant is None:
                await vouching.no_more(transaction, agency.issuer, subject)
            else:
                who = vouching.Vouched(
                    *(agency.issuer, subject),
                    *(grant.role, grant.tribunal, grant.group, grant.site),
                )
                named = claims.get(agency.username)
                named = named if isinstance(named, str) else ""
                found = await vouching.account(transaction, who, named, now)
                if found is not None:
                    account, new = found
                    if new:
                        done = {"username": account.username, "role": account.role}
                        by = f"agency:{agency.id}"
                        await command.record(transaction, now, by, "account_added", done)
                    return account
        raise Rejected(
            "nobody whom the table lets in" if grant is None else "no account can be had"
        )

    def _unwell(self, agency: Agency, page: str, error: Rejected | Temporary) -> web.Response:
        """Send the browser back without a session; the log says why, and of whom nothing."""
        away = isinstance(error, Temporary)
        self._outcomes["wrong"].inc(0 if away else 1)
        _log.warning("a login by the agency %s came to nothing: %s", agency.id, error)
        return _refused(page, "agency_away" if away else "agency_refused")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _page(wanted: str) -> str:
    """Return the page of ours that is wanted, and no other address."""
    return wanted if _PAGE.fullmatch(wanted) else _HOME


def _sent(address: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": address})


def _refused(page: str, code: str) -> web.Response:
    return _sent(f"{page}?{urlencode({'refused': code})}")


def _cookie(request: web.Request) -> str:
    return f"{'__Host-' if is_secure(request) else ''}tgd_agency"
