"""What a phone was given at its enrolment: the same that a real one reads off its leaflet's code.

Serves simulators of enrolled phones: `tgd phones enrol DEVICE --json FILE` writes one such file.
Promises one clear line where a file is none, and no secret in it.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Provision:
    """One phone's: `mac_key` in base64url; certificates and key in DER."""

    device: str
    brokers: tuple[str, ...]
    password: str = field(repr=False)
    mac_key: str = field(repr=False)
    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)
    authority: bytes = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Provision:
        """Read one file; ValueError with one clear line."""
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            binary = {name: base64.b64decode(said[name]) for name in ("cert", "key", "ca")}
            return cls(
                device=said["device"],
                brokers=tuple(said["brokers"]),
                password=said["password"],
                mac_key=said["mac"],
                certificate=binary["cert"],
                key=binary["key"],
                authority=binary["ca"],
            )
        except (ValueError, KeyError, TypeError) as fault:
            raise ValueError(f"{path} is no phone's enrolment: {type(fault).__name__}") from None

    def tls(self) -> ssl.SSLContext:
        """Return the phone's own end of TLS: it trusts the authority alone, and shows who it is."""
        context = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(self.authority))
        pem = ssl.DER_cert_to_PEM_cert(self.certificate).encode() + _pem(self.key)
        descriptor, name = tempfile.mkstemp()  # 0600; the library reads files only
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
            context.load_cert_chain(name)
        finally:
            Path(name).unlink()
        return context


def _pem(key: bytes) -> bytes:
    text = base64.encodebytes(key).replace(b"\n", b"")
    lines = b"\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return b"-----BEGIN PRIVATE KEY-----\n" + lines + b"\n-----END PRIVATE KEY-----\n"


def read_all(folder: Path) -> dict[str, Provision]:
    """Read every `*.json` of a folder, by device."""
    found = [Provision.read(path) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise ValueError(f"{folder} has no phone's enrolment (*.json)")
    return {one.device: one for one in found}
