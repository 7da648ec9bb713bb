"""What a phone is given at its enrolment, as a code that it photographs and as a file.

Serves the prosecutor's office when it prepares a phone. The code (QR, ISO/IEC 18004) has in one
JSON object all that the phone needs: the brokers, the fingerprint of the authority that they must
prove, who it is, and its secrets. It is shown once; whoever photographs it has the phone's place at
the broker, so it is destroyed when the phone has read it. The file for simulators is the same with
the authority's certificate, as a simulator cannot trust by a fingerprint.
"""

import base64
import io
from collections.abc import Sequence
from typing import Any

import msgspec
import segno
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tgd.devices.mqtt_address import Address
from tgd.justice.credentials import Issued

VERSION = 1


def document(issued: Issued, brokers: list[str]) -> dict[str, Any]:
    """Return the object of docs/protocol.md, "Enrolment"; DER in base64."""
    return {
        "tgd": VERSION,
        "device": issued.device,
        "brokers": brokers,
        "trust": issued.trusted,
        "password": issued.password,
        "mac": issued.mac_key,
        "cert": _certificate(issued.certificate.pem),
        "key": _key(issued.certificate.key),
    }


def file(issued: Issued, brokers: list[str], authority: str) -> bytes:
    """Return the file for a simulated phone; ``authority`` is the certificate (PEM)."""
    return msgspec.json.encode(document(issued, brokers) | {"ca": _certificate(authority)})


def code(issued: Issued, brokers: list[str]) -> segno.QRCode:
    """Return the code, with as much correction as its size leaves."""
    text = msgspec.json.encode(document(issued, brokers)).decode()
    return segno.make_qr(text, error="l", boost_error=True)


def brokers(urls: Sequence[str]) -> list[str]:
    """Return brokers' addresses as a phone is told them: without anybody's name or password."""
    found = [Address.parse(url) for url in urls]
    return [f"mqtt{'s' * one.tls}://{one}" for one in found]


def rows(drawn: segno.QRCode) -> list[str]:
    """Return the code's modules, a text of 0 and 1 for each row; the margin is the reader's."""
    return ["".join("1" if dark else "0" for dark in row) for row in drawn.matrix]


def svg(drawn: segno.QRCode) -> bytes:
    """Return the code as a picture for any size of paper."""
    out = io.BytesIO()
    drawn.save(out, kind="svg", scale=4, border=4, xmldecl=True)
    return out.getvalue()


def png(drawn: segno.QRCode) -> bytes:
    """Return the code as a picture for screens."""
    out = io.BytesIO()
    drawn.save(out, kind="png", scale=6, border=4)
    return out.getvalue()


def terminal(drawn: segno.QRCode) -> str:
    """Return the code as lines for a terminal of black on white or the reverse."""
    out = io.StringIO()
    drawn.terminal(out=out, compact=True, border=2)
    return out.getvalue()


def _certificate(pem: str) -> str:
    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)
    return base64.b64encode(der).decode()


def _key(pem: str) -> str:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    der = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return base64.b64encode(der).decode()
