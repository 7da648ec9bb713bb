"""A probe over HTTPS: any answer in HTTP will do, and the certificate's end is noted."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commands import free_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tgd.errors import Temporary
from tgd.platform.channels import Tried
from tgd.platform.channels.certificates import Valid
from tgd.platform.channels.cisu_https import CisuHttps

UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)


def certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(UNTIL - timedelta(days=30))
        .not_valid_after(UNTIL)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "room.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(pem)
    )
    return file


async def probe(
    answer: bytes, *, tls: Path | None = None, trust: ssl.SSLContext | None = None
) -> tuple[Valid, bytes]:
    """Probe a server that answers these very bytes; what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
    server = await asyncio.start_server(serve, "localhost", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    scheme = "http" if tls is None else "https"
    tried = Tried(f"{scheme}://localhost:{port}/cisu?a=1", "secret", "fr.x", "fr.y", 2.0)
    try:
        async with CisuHttps(trust=trust) as channel:
            return await channel.probe(tried), asked[0]
    finally:
        server.close()


@pytest.mark.parametrize("status", ["200 OK", "405 No", "404 Not Found", "500 Oh", "401 Who"])
async def test_any_answer_will_do(status: str) -> None:
    until, asked = await probe(f"HTTP/1.1 {status}\r\n\r\n".encode())
    assert until == Valid()
    assert asked.startswith(b"OPTIONS /cisu HTTP/1.1\r\nHost: localhost:")
    assert b"secret" not in asked


async def test_the_end_of_the_certificate_is_noted(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    trust = ssl.create_default_context(cafile=str(file))
    until, _ = await probe(b"HTTP/1.1 405 No\r\n\r\n", tls=file, trust=trust)
    assert until == Valid(UNTIL)


async def test_a_certificate_that_nobody_signed_is_no_line(tmp_path: Path) -> None:
    with pytest.raises(Temporary, match="TLS: SSLCertVerificationError"):
        await probe(b"HTTP/1.1 405 No\r\n\r\n", tls=certificate(tmp_path))


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"x" * 100_000])
async def test_what_speaks_no_http_is_no_line(answer: bytes) -> None:
    with pytest.raises(Temporary):
        await probe(answer)


async def test_where_nobody_listens_is_no_line() -> None:
    tried = Tried(f"http://127.0.0.1:{free_port()}/", None, "fr.x", "fr.y", 2.0)
    async with CisuHttps() as channel:
        with pytest.raises(Temporary, match="connection: ConnectionRefusedError"):
            await channel.probe(tried)
