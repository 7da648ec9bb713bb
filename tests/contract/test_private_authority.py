"""A room under a private authority: by the line that names it it is trusted, and only so."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from commands import on

from tgd.devices.authority import Authority
from tgd.errors import Temporary
from tgd.platform.channels import Tried
from tgd.platform.channels.certificates import Files, context, unusable
from tgd.platform.channels.cisu_https import CisuHttps
from tgd.platform.channels.https_address import kept
from tgd.seal import Sealer

BODY = b"{}"
SECONDS = 5.0


class Place:
    """A room's server under its own authority, which asks for our certificate as well."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, datetime.now(UTC)
        sealer = Sealer("7d" * 32)
        self.authority = Authority.create(folder / "theirs", sealer, self.now)
        self.other = Authority.create(folder / "another", sealer, self.now)
        self.ca = self._kept("ca.pem", self.authority.pem)
        made = self.authority.server(["localhost"], self.now)
        ours = self.authority.client("fr.tgd.plateforme", self.now)
        self.theirs_until, self.ours_until = made.expires_at, ours.expires_at
        self.certificate = self._kept("us.pem", ours.pem + ours.key)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self._kept("room.pem", made.pem + made.key))
        self.tls.load_verify_locations(self.ca)
        self.tls.verify_mode = ssl.CERT_REQUIRED
        self.taken: list[bytes] = []
        app = web.Application()
        app.router.add_post("/cisu", self._take)
        self.server = TestServer(app, scheme="https", host="localhost")

    def url(self, **files: str) -> str:
        return kept(f"https://localhost:{self.server.port}/cisu", Files(**files))

    def trusts(self, authority: Authority) -> None:
        self._kept("ca.pem", authority.pem)

    def loses(self) -> None:
        Path(self.ca).unlink()

    def _kept(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    async def _take(self, request: web.Request) -> web.Response:
        self.taken.append(await request.read())
        return web.Response(status=202)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    await made.server.start_server(ssl=made.tls)
    yield made
    await made.server.close()


@pytest.fixture
async def channel() -> AsyncIterator[CisuHttps]:
    async with CisuHttps() as made:
        yield made


async def test_it_is_trusted_by_the_line_that_says_so(place: Place, channel: CisuHttps) -> None:
    await channel.send(place.url(ca=place.ca, certificate=place.certificate), None, BODY, SECONDS)
    assert place.taken == [BODY]
    with pytest.raises(Temporary, match="TLS"):
        await channel.send(place.url(), None, BODY, SECONDS)
    assert len(place.taken) == 1


async def test_a_probe_says_when_both_certificates_end(place: Place, channel: CisuHttps) -> None:
    url = place.url(ca=place.ca, certificate=place.certificate)
    valid = await channel.probe(Tried(url, None, "fr.x", "fr.y", SECONDS))
    assert valid == (
        place.theirs_until.replace(microsecond=0),
        place.ours_until.replace(microsecond=0),
    )


async def test_a_file_that_is_renewed_is_read_again(place: Place, channel: CisuHttps) -> None:
    url = place.url(ca=place.ca, certificate=place.certificate)
    place.trusts(place.other)
    with pytest.raises(Temporary, match="TLS"):
        await channel.send(url, None, BODY, SECONDS)
    place.trusts(place.authority)
    await channel.send(url, None, BODY, SECONDS)
    assert place.taken == [BODY]


async def test_a_file_that_is_not_there_is_named(place: Place, channel: CisuHttps) -> None:
    for files, said in (
        ({"ca": "/nowhere/ca.pem"}, "ca /nowhere/ca.pem: No such file or directory"),
        ({"ca": place.ca, "certificate": place.ca}, f"certificate {place.ca}: holds none"),
        ({"ca": str(place.folder)}, f"ca {place.folder}: "),
    ):
        with pytest.raises(Temporary, match=said):
            await channel.send(place.url(**files), None, BODY, SECONDS)
        assert str(unusable(Files(**files))).startswith(said)
    assert unusable(Files(ca=place.ca, certificate=place.certificate)) is None
    same = Files(ca=place.ca)
    assert context(same) is context(same)


async def test_import_and_doctor_say_what_is_wrong_with_it(
    place: Place, database: str, tmp_path: Path
) -> None:
    tgd = on(database)
    file = tmp_path / "rooms.toml"
    room = '[[room]]\nid = "cic"\nname = "CIC"\ninstitution = "PN"\n[[room.line]]\n'
    room += f'adapter = "https"\nurl = "https://localhost:{place.server.port}/cisu"\n'
    file.write_text(f'{room}ca = "/nowhere/ca.pem"\n')
    done = await tgd("rooms", "import", str(file))
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "room cic, line 0: ca /nowhere/ca.pem: No such file or directory" in done.err
    file.write_text(f'{room}ca = "{place.ca}"\ncertificate = "{place.certificate}"\n')
    assert (await tgd("rooms", "import", str(file))).code == 0
    said = (await tgd("doctor")).out
    assert f"room cic, line 0: localhost:{place.server.port} takes connections" in said
    ends = f"its certificate ends on {place.theirs_until:%Y-%m-%d}, ours ends on"
    assert f"{ends} {place.ours_until:%Y-%m-%d}" in said
    place.trusts(place.other)
    assert f"room cic, line 0: localhost:{place.server.port}: TLS: " in (await tgd("doctor")).out
    place.loses()
    said = (await tgd("doctor")).out
    assert f"failed   room cic, line 0: ca {place.ca}: No such file or directory" in said
