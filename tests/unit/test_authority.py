"""The project's own certificate authority: its files, its key, what it certifies."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store

from tgd.devices.authority import CERTIFICATE, KEY, RENEW_DAYS, Authority, NoAuthority
from tgd.errors import Refused
from tgd.seal import Sealer

SEALER = Sealer("7d" * 32)
NOW = datetime(2030, 1, 15, 9, tzinfo=UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca", SEALER, NOW)


def test_it_is_found_again_with_the_same_fingerprint(authority: Authority, tmp_path: Path) -> None:
    again = Authority.load(tmp_path / "ca", SEALER)
    assert again.fingerprint == authority.fingerprint
    assert again.client("tgd-86-01", NOW).serial


def test_its_key_is_sealed_and_its_owner_s_alone(authority: Authority, tmp_path: Path) -> None:
    key = tmp_path / "ca" / KEY
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert b"PRIVATE" not in key.read_bytes()
    with pytest.raises(NoAuthority, match="another TGD_SECRET_KEY"):
        Authority.load(tmp_path / "ca", Sealer("00" * 32))
    key.chmod(0o640)
    with pytest.raises(NoAuthority, match="can be read by others"):
        Authority.load(tmp_path / "ca", SEALER)


def test_a_second_one_is_not_made_over_it(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        Authority.create(tmp_path / "ca", SEALER, NOW)
    with pytest.raises(NoAuthority, match="authority init"):
        Authority.load(tmp_path / "elsewhere", SEALER)
    (tmp_path / "ca" / CERTIFICATE).write_text("no certificate")
    with pytest.raises(NoAuthority, match="cannot be read"):
        Authority.load(tmp_path / "ca", SEALER)


def test_the_broker_is_verified_under_its_names_and_no_other(authority: Authority) -> None:
    chain = x509.load_pem_x509_certificates(
        authority.server(["broker.example.org", "192.0.2.7"], NOW).pem.encode()
    )
    store = Store([x509.load_pem_x509_certificate(authority.pem.encode())])
    verifier = PolicyBuilder().store(store).time(NOW)
    named = x509.DNSName("broker.example.org")
    assert verifier.build_server_verifier(named).verify(chain[0], [])
    with pytest.raises(x509.verification.VerificationError):
        verifier.build_server_verifier(x509.DNSName("other.example.org")).verify(chain[0], [])


def test_a_phone_is_certified_as_itself_for_far_longer_than_an_assignment(
    authority: Authority,
) -> None:
    made = authority.client("tgd-86-01", NOW)
    certificate = x509.load_pem_x509_certificate(made.pem.encode())
    assert certificate.subject.rfc4514_string() == "CN=tgd-86-01"
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert made.expires_at - NOW > timedelta(days=RENEW_DAYS + 2 * 183)
    assert "PRIVATE" not in repr(made)


def test_nothing_outlives_the_authority(authority: Authority) -> None:
    late = authority.expires_at - timedelta(days=10)
    assert authority.client("tgd-86-01", late).expires_at == authority.expires_at
