"""The conversation with one OpenID Connect issuer, and what has to be true of what it says.

Serves the login by an agency: OpenID Connect Core 1.0 with the code flow, Discovery 1.0, PKCE
(RFC 7636), the issuer in the answer (RFC 9207). Promises: only signatures by the issuer's published
keys count, with algorithms named here and no other; keys that it changes are found within the
login that shows them; nothing of what it says is logged. Errors are ``Rejected`` (its answer is
not to be believed) and ``Temporary`` (it cannot be reached).
Leaves to ``oidc`` who may come in.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import quote_plus, urlencode

import aiohttp
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from tgd.clock import Clock
from tgd.errors import Rejected, Temporary
from tgd.readers import own_server
from tgd.web.agencies import Agency

ALGORITHMS: Final = ("RS256", "PS256", "ES256")
"""All with SHA-256; never one with a shared secret, never none."""
LEEWAY_S: Final = 60
_KEPT: Final = timedelta(hours=1)
_PEACE: Final = timedelta(seconds=5)
_WAIT: Final = aiohttp.ClientTimeout(total=5)
_MOST: Final = 256 * 1024
_WHOLE, _HALF = 32, 16
"""Bytes of a SHA-256: PKCE sends all of them, an ID token half."""
_T = TypeVar("_T")
_KINDS: Final[Mapping[str, type[RSAKey | ECKey]]] = {"RSA": RSAKey, "EC": ECKey}


class Said(msgspec.Struct):
    """What the issuer publishes of itself, as far as it matters here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct):
    id_token: str
    access_token: str = ""


class _Keys(msgspec.Struct):
    keys: list[dict[str, Any]]


class Issuer:
    """One agency's issuer; what it publishes is kept for an hour. ``close`` it in the end."""

    def __init__(self, agency: Agency, clock: Clock) -> None:
        self.agency = agency
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._one_at_a_time = asyncio.Lock()
        self._failed_at: datetime | None = None
        self._said: tuple[datetime, Said] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()

    async def said(self) -> Said:
        """Return what the issuer publishes of itself; one that fails is left in peace a while."""
        async with self._one_at_a_time:
            now = self._clock.now()
            if self._said is None or now - self._said[0] > _KEPT:
                if self._failed_at is not None and now - self._failed_at < _PEACE:
                    raise Temporary("the issuer could not be reached just now")
                try:
                    self._said = now, await self._discovered()
                except (Rejected, Temporary):
                    self._failed_at = now
                    raise
            return self._said[1]

    async def _discovered(self) -> Said:
        address = f"{self.agency.issuer.rstrip('/')}/.well-known/openid-configuration"
        said = await self._ask("GET", address, Said)
        if said.issuer != self.agency.issuer:
            raise Rejected("the issuer calls itself otherwise")
        used = (said.authorization_endpoint, said.token_endpoint, said.jwks_uri)
        try:
            for one in (*used, said.userinfo_endpoint, said.end_session_endpoint):
                if one is not None:
                    own_server(one)
        except ValueError as error:
            raise Rejected(f"an address of the issuer's {error}") from None
        return said

    async def keys(self) -> int:
        """Return how many keys that sign the issuer publishes."""
        return len((await self._published()).keys)

    async def beginning(self, back: str, state: str, nonce: str, verifier: str) -> str:
        """Return where the browser goes to log in."""
        asked = {
            "response_type": "code",
            "client_id": self.agency.client_id,
            "redirect_uri": back,
            "scope": self.agency.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": _hash(verifier, _WHOLE),
            "code_challenge_method": "S256",
        }
        if self.agency.acr:
            asked["acr_values"] = " ".join(self.agency.acr)
        address = (await self.said()).authorization_endpoint
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    async def ending(self, back: str, hint: str | None) -> str | None:
        """Return where the browser goes to log out there as well, if there is such a place.

        ``hint`` is the ID token of the login, by which the issuer knows whose session ends.
        """
        address = (await self.said()).end_session_endpoint
        if address is None:
            return None
        asked = {"client_id": self.agency.client_id, "post_logout_redirect_uri": back}
        if hint is not None:
            asked["id_token_hint"] = hint
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    async def claims(
        self, code: str, *, back: str, verifier: str, nonce: str, named: str | None
    ) -> tuple[Mapping[str, Any], str]:
        """Exchange the code; return what the issuer vouches for, and the statement itself.

        ``named``: who answered.
        """
        said = await self.said()
        if named is None and said.authorization_response_iss_parameter_supported:
            raise Rejected("the answer does not say whose it is")
        if named not in {None, said.issuer}:
            raise Rejected("the answer is another issuer's")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
            "client_id": self.agency.client_id,
        }
        headers = {}
        if self.agency.secret is not None:
            if "client_secret_basic" in said.token_endpoint_auth_methods_supported:
                headers["Authorization"] = _basic(self.agency.client_id, self.agency.secret)
            else:
                form["client_secret"] = self.agency.secret
        tokens = await self._ask("POST", said.token_endpoint, _Tokens, data=form, headers=headers)
        claims = self._checked(await self._token(tokens.id_token), tokens.access_token, nonce)
        if not self.agency.userinfo:
            return claims, tokens.id_token
        told = await self._told(said, tokens.access_token, claims["sub"])
        # How somebody has proved who they are only the ID token says.
        return {**told, "acr": None, "amr": None, **claims}, tokens.id_token

    async def _told(self, said: Said, access_token: str, subject: str) -> Mapping[str, Any]:
        """Return what the issuer tells of the person besides, signed or not (Core §5.3)."""
        if said.userinfo_endpoint is None:
            raise Rejected("the issuer tells nothing of persons")
        headers = {"Authorization": f"Bearer {access_token}"}
        body, kind = await self._fetch("GET", said.userinfo_endpoint, headers=headers)
        if kind == "application/jwt":
            told = await self._token(body.decode("ascii", "replace"))
            if told.get("iss", said.issuer) != said.issuer:
                raise Rejected("what it tells is another issuer's")
        else:
            told = _decoded(body, dict[str, Any])
        if told.get("sub") != subject:
            raise Rejected("what it tells is another person's")
        return told

    def _checked(
        self, claims: Mapping[str, Any], access_token: str, nonce: str
    ) -> Mapping[str, Any]:
        """Check what Core 1.0 §3.1.3.7 and §3.1.3.8 ask for."""
        registry = jwt.JWTClaimsRegistry(
            now=int(self._clock.now().timestamp()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.agency.issuer},
            aud={"essential": True, "value": self.agency.client_id},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            registry.validate(dict(claims))
        except JoseError as error:
            raise Rejected(f"its statement: {error.error}") from None
        audience = claims["aud"]
        party = claims.get("azp")
        if party is None and isinstance(audience, list) and len(audience) > 1:
            raise Rejected("its statement is for several and does not say for whom")
        if party not in {None, self.agency.client_id}:
            raise Rejected("its statement is for another")
        half = claims.get("at_hash")
        if half is not None and not hmac.compare_digest(str(half), _hash(access_token, _HALF)):
            raise Rejected("its statement belongs to another access token")
        return claims

    async def _token(self, text: str) -> Mapping[str, Any]:
        """Return what the signed statement says; keys that it knows and we do not are fetched."""
        try:
            return jwt.decode(text, await self._published(), ALGORITHMS).claims
        except (JoseError, ValueError):
            pass
        try:
            return jwt.decode(text, await self._published(anew=True), ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            raise Rejected(f"its statement: {type(error).__name__}") from None

    async def _published(self, *, anew: bool = False) -> KeySet:
        now = self._clock.now()
        if anew or self._keys is None or now - self._keys[0] > _KEPT:
            published = await self._ask("GET", (await self.said()).jwks_uri, _Keys)
            keys = [_KINDS[one["kty"]].import_key(one) for one in published.keys if _signs(one)]
            self._keys = now, KeySet([*keys])
        return self._keys[1]

    async def _ask(self, method: str, address: str, kind: type[_T], **more: Any) -> _T:
        body, _ = await self._fetch(method, address, **more)
        return _decoded(body, kind)

    async def _fetch(self, method: str, address: str, **more: Any) -> tuple[bytes, str]:
        """Return an answer's body and kind."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_WAIT)
        asked = self._session.request(method, address, allow_redirects=False, **more)
        try:
            async with asked as answered:
                status, kind, body = answered.status, answered.content_type, b""
                async for part in answered.content.iter_any():
                    body += part
                    if len(body) > _MOST:
                        raise Rejected("the issuer's answer is too long")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Temporary(f"the issuer cannot be reached: {type(error).__name__}") from None
        if status >= 500:  # noqa: PLR2004  a server's own failure
            raise Temporary(f"the issuer answers {status}")
        if status != 200:  # noqa: PLR2004  OK
            raise Rejected(f"the issuer answers {status}")
        return body, kind


def _decoded(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        raise Rejected("the issuer's answer has another shape") from None


def _signs(key: Mapping[str, Any]) -> bool:
    return key.get("kty") in _KINDS and key.get("use", "sig") == "sig"


def _hash(text: str, length: int) -> str:
    """Return the first bytes of a text's SHA-256 as OpenID Connect writes them."""
    digest = hashlib.sha256(text.encode()).digest()[:length]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _basic(user: str, secret: str) -> str:
    """Return the client's proof: RFC 6749 §2.3.1 has both encoded before they are joined."""
    both = ":".join(quote_plus(one) for one in (user, secret))
    return f"Basic {base64.b64encode(both.encode()).decode()}"
