"""An agency's login: a small OpenID Connect issuer, honest until told to lie."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, RSAKey
from world import ManualClock

CLIENT, SECRET = "tgd", "a secret: with/odd characters"
PERSON = {
    "sub": "8f1c", "preferred_username": "agent-1", "groups": ["tgd-operateurs", "autres"],
    "acr": "mfa", "amr": ["pwd", "otp"],
}  # fmt: skip


def half(text: str, length: int = 16) -> str:
    digest = hashlib.sha256(text.encode()).digest()[:length]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def forged(header: dict[str, Any], claims: dict[str, Any], shared: bytes) -> str:
    """A statement as no library would sign it; without a shared secret not signed at all."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (header, claims)]
    body = b".".join(part.rstrip(b"=") for part in parts)
    mac = hmac.digest(shared, body, "sha256") if shared else b""
    return f"{body.decode()}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


class Issuer:
    """``person`` are the claims of whoever sits before the browser; ``lie`` alters each statement.

    Of a statement: ``header`` and ``key`` sign it; ``lie`` gets its claims. ``metadata`` is added
    to what is published.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.person: dict[str, Any] = dict(PERSON)
        self.metadata: dict[str, Any] = {}
        self.algorithm = "RS256"
        self.key: Key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.published: list[Key] = [self.key]
        self.lie: Callable[[dict[str, Any]], dict[str, Any]] = dict
        self.signed: Callable[[dict[str, Any]], str] = self.honestly
        self.told: dict[str, Any] = {}
        self.tells_signed: Callable[[dict[str, Any]], str] | None = None
        self.status = 200
        self.asked: list[str] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.url = ""

    def turn(self, algorithm: str, *, publish: bool = True) -> None:
        """Sign with a new key from now on."""
        made = len(self.published) + 1
        self.key = (
            ECKey.generate_key("P-256", {"kid": f"key-{made}"})
            if algorithm == "ES256"
            else RSAKey.generate_key(2048, {"kid": f"key-{made}"})
        )
        self.algorithm = algorithm
        if publish:
            self.published = [self.key]

    def honestly(self, claims: dict[str, Any]) -> str:
        header = {"alg": self.algorithm, "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, [self.algorithm])

    def unsigned(self, claims: dict[str, Any]) -> str:
        return forged({"alg": "none"}, claims, b"")

    def with_our_secret(self, claims: dict[str, Any]) -> str:
        """HS256 with what is no secret: the published key."""
        shared = self.key.as_pem(private=False)
        return forged({"alg": "HS256", "kid": self.key.kid}, claims, shared)

    async def configuration(self, _request: web.Request) -> web.Response:
        self.asked.append("configuration")
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/end",
        }
        return web.json_response(said | self.metadata, status=self.status)

    async def keys(self, _request: web.Request) -> web.Response:
        self.asked.append("keys")
        every = KeySet(self.published).as_dict(private=False)
        every["keys"].append({"kty": "oct", "k": "eA", "kid": "shared"})
        return web.json_response(every)

    async def userinfo(self, request: web.Request) -> web.Response:
        self.asked.append("userinfo")
        assert request.headers["Authorization"] == "Bearer an-access-token"
        if self.tells_signed is None:
            return web.json_response(self.told)
        signed = self.tells_signed(self.told)
        return web.Response(text=signed, content_type="application/jwt")

    async def authorize(self, request: web.Request) -> web.Response:
        """The person logs in there at once."""
        asked = dict(request.query)
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.url}
        raise web.HTTPSeeOther(f"{asked['redirect_uri']}?{urlencode(back)}")

    async def token(self, request: web.Request) -> web.Response:
        self.asked.append("token")
        form = dict(await request.post())
        proof = aiohttp.BasicAuth.decode(request.headers["Authorization"])
        asked = self.codes.pop(form["code"], None)
        if (
            asked is None
            or proof.login != CLIENT
            or proof.password != "a+secret%3A+with%2Fodd+characters"
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        assert form["redirect_uri"] == asked["redirect_uri"]
        assert half(form["code_verifier"], 32) == asked["code_challenge"]
        now, access = int(self.clock.now().timestamp()), "an-access-token"
        claims = {
            **self.person,
            "iss": self.url,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            "at_hash": half(access),
        }
        id_token = self.signed(self.lie(claims))
        return web.json_response({"id_token": id_token, "access_token": access, "token_type": "B"})


@asynccontextmanager
async def issuing(clock: ManualClock) -> AsyncIterator[Issuer]:
    issuer = Issuer(clock)
    app = web.Application()
    app.router.add_get("/realm/.well-known/openid-configuration", issuer.configuration)
    app.router.add_get("/realm/authorize", issuer.authorize)
    app.router.add_post("/realm/token", issuer.token)
    app.router.add_get("/realm/keys", issuer.keys)
    app.router.add_get("/realm/userinfo", issuer.userinfo)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}/realm"
        yield issuer
    finally:
        await runner.cleanup()


def path_of(address: str) -> str:
    """The path and query of an address."""
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")
