#!/usr/bin/env python3
"""Verify the archive of a case: ``python3 verify.py ARCHIVE.zip PUBLIC_KEY.pem``.

Needs Python 3.11 and the package ``cryptography``, and nothing of the program that made the
archive. Proves that the archive is as it was signed, that the case's journal is whole and unchanged
(each entry's hash holds the one before it), and that a signed checkpoint vouches for it. Get the
public key, and this script, from elsewhere than the archive. How hashes are made: README.txt in it.
"""

import json
import struct
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def check(fact: object, what: str) -> None:
    """End with what is wrong unless the fact holds."""
    if not fact:
        sys.exit(f"NOT VERIFIED: {what}")


def signed(key: Any, signature: str, text: bytes, what: str) -> None:
    """End unless this key has signed this text."""
    try:
        key.verify(bytes.fromhex(signature), text)
    except (InvalidSignature, ValueError):
        check(fact=False, what=f"{what} is not signed by this key")


def journal(lines: list[bytes]) -> list[bytes]:
    """Return the hash before the first entry, and every entry's."""
    hashes, emptied = [bytes(32)], set()
    for number, line in enumerate(lines, 1):
        e = json.loads(line)
        check(e["number"] == number, f"entry {number} of the journal is missing")
        content = bytes.fromhex(e["content"])
        if e["salt"] is None:
            emptied.add(number)
        else:
            actor, details = e["actor"].encode(), e["details"].encode()
            said = bytes.fromhex(e["salt"]) + struct.pack(">i", len(actor)) + actor + details
            check(sha256(said).digest() == content, f"entry {number} of the journal changed")
            if e["kind"] == "redacted":
                gone = json.loads(details)
                emptied = {n for n in emptied if not gone["from"] <= n <= gone["to"]}
        at = (datetime.fromisoformat(e["at"]) - EPOCH) // timedelta(microseconds=1)
        about = [UUID(e[name] or "0" * 32).bytes for name in ("alert_id", "assignment_id")]
        fixed = struct.pack(">qqq", number, e["no"], at) + b"".join(about)
        hashes.append(sha256(hashes[-1] + fixed + content + e["kind"].encode()).digest())
        check(hashes[-1].hex() == e["hash"], f"entry {number} of the journal changed")
    check(not emptied, f"entries {sorted(emptied)} are empty, and no redaction accounts for them")
    return hashes


def main(archive: zipfile.ZipFile, key: Any) -> str:
    """Return what was verified: manifest, files, journal, checkpoint."""
    said, signature = archive.read("manifest.json"), archive.read("manifest.sig").decode()
    signed(key, signature, said, "the manifest")
    manifest = json.loads(said)
    named = sorted([*manifest["files"], "manifest.json", "manifest.sig"])
    check(sorted(archive.namelist()) == named, "there are other files than the manifest names")
    for name, digest in manifest["files"].items():
        check(sha256(archive.read(name)).hexdigest() == digest, f"{name} changed")
    hashes = journal(archive.read("journal.jsonl").splitlines())
    head = [len(hashes) - 1, hashes[-1].hex()]
    check(manifest["journal"]["head"] == head, "the journal was cut off")
    seal = json.loads(archive.read("checkpoint.json"))
    signed(key, seal["signature"], seal["statement"].encode(), "the checkpoint")
    heads = "".join(f"{chain} {number} {made}\n" for chain, number, made in seal["heads"])
    stated = f"\nheads {sha256(heads.encode()).hexdigest()}\n" in seal["statement"]
    check(stated, "the checkpoint's heads changed")
    own = [one for one in seal["heads"] if one[0] == manifest["journal"]["chain"]]
    check(
        own and hashes[own[0][1]].hex() == own[0][2], "the checkpoint vouches for another journal"
    )
    return f"verified: case {manifest['case_id']}, {len(hashes) - 1} entries of its journal"


if __name__ == "__main__":
    public_key = load_pem_public_key(Path(sys.argv[2]).read_bytes())
    sys.stdout.write(main(zipfile.ZipFile(sys.argv[1]), public_key) + "\n")
