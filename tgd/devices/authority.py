"""The project's own certificate authority: who the broker is, and that a phone is one of ours.

Serves arrow 1's first metre. Its key lies in one directory (``TGD_CA_DIR``), readable by its owner
alone and sealed under the master secret: never in the database, in a log or in an error; who has
only the directory, or only the secret, has nothing. Certificates are ECDSA P-256, of which the
smallest modems are capable, by RFC 5280. There is no revocation list on purpose: the broker would
refuse everybody on the day when a list is not renewed. A phone is ended at the broker, by its
account there. Leaves to ``enrolment`` what the broker is told, to ``tgd.justice`` who gets one.
"""

import ipaddress
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tgd.errors import Refused, TgdError
from tgd.seal import SealBroken, Sealer

CERTIFICATE, KEY = "ca.pem", "ca.key.sealed"
AUTHORITY_DAYS = 3650
SERVER_DAYS = 397
CLIENT_DAYS = 730
"""Far longer than an assignment (six months, renewable): a certificate that ran out would mute."""
RENEW_DAYS = 180
"""A certificate with fewer days left is to be renewed: it is said so all that time."""
_BACKDATED = timedelta(days=1)  # a phone's clock may be behind
_ABOUT = "certificate authority key"


class NoAuthority(TgdError):
    """The authority cannot be used; the message is one line and says what to do."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, PEM; the key is in no representation."""

    pem: str
    key: str
    serial: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Certificate({self.serial}, expires {self.expires_at:%Y-%m-%d})"


class Authority:
    """The authority of one directory; ``create`` it once, ``load`` it ever after."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @property
    def pem(self) -> str:
        """The authority's certificate, which is no secret."""
        return _pem(self._certificate)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in DER, 64 hexadecimal digits: what a phone trusts."""
        return self._certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def expires_at(self) -> datetime:
        """When the authority itself ends, and everything under it."""
        return self._certificate.not_valid_after_utc

    @classmethod
    def create(cls, folder: Path, sealer: Sealer, now: datetime) -> "Authority":
        """Make a new authority; raises ``Refused`` where there is one: phones trust only it."""
        if (folder / KEY).exists() or (folder / CERTIFICATE).exists():
            raise Refused("authority_exists", f"{folder} has an authority already: phones trust it")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Autorité des téléphones grave danger")
        made = cls(_self_signed(name, key, now), key)
        der = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(folder / KEY, sealer.seal(der, _ABOUT))
        (folder / CERTIFICATE).write_text(made.pem, encoding="ascii")
        return made

    @classmethod
    def load(cls, folder: Path, sealer: Sealer) -> "Authority":
        """Open the authority of a directory; raises ``NoAuthority``."""
        try:
            rights = stat.S_IMODE((folder / KEY).stat().st_mode)
            sealed = (folder / KEY).read_bytes()
            certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
        except FileNotFoundError:
            raise NoAuthority(f"no authority in {folder}: run `tgd authority init`") from None
        except (OSError, ValueError) as error:
            raise NoAuthority(f"{folder} cannot be read: {type(error).__name__}") from None
        if rights & 0o077:
            raise NoAuthority(f"{folder / KEY} can be read by others: chmod 600")
        try:
            key = serialization.load_der_private_key(sealer.open(sealed, _ABOUT), password=None)
        except SealBroken:
            raise NoAuthority(f"{folder / KEY} was sealed with another TGD_SECRET_KEY") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or (
            key.public_key() != certificate.public_key()
        ):
            raise NoAuthority(f"{folder}: key and certificate do not belong together")
        return cls(certificate, key)

    def server(self, hosts: Sequence[str], now: datetime) -> Certificate:
        """Certify the broker under its names and addresses; the chain has the authority in it."""
        made = self._issue(hosts[0], ExtendedKeyUsageOID.SERVER_AUTH, now, SERVER_DAYS, hosts)
        return Certificate(made.pem + self.pem, made.key, made.serial, made.expires_at)

    def client(self, name: str, now: datetime) -> Certificate:
        """Certify a phone (its common name is its device id) or a server of ours."""
        return self._issue(name, ExtendedKeyUsageOID.CLIENT_AUTH, now, CLIENT_DAYS)

    def _issue(
        self,
        common_name: str,
        usage: x509.ObjectIdentifier,
        now: datetime,
        days: int,
        hosts: Sequence[str] = (),
    ) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        expires_at = min(now + timedelta(days=days), self.expires_at)
        builder = (
            _builder(_name(common_name), self._certificate.subject, key, now - _BACKDATED)
            .not_valid_after(expires_at)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        serial = f"{certificate.serial_number:016x}"
        return Certificate(_pem(certificate), pem.decode(), serial, certificate.not_valid_after_utc)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on; never over another."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _self_signed(
    name: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.Certificate:
    return (
        _builder(name, name, key, now - _BACKDATED)
        .not_valid_after(now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, since: datetime
) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
