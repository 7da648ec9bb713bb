"""By what a failed login is counted: keyed hashes, so that no name and no address is a row.

Serves the login and ``tgd user unlock``, which must find the same rows. People type passwords into
the field for names, and an address says where somebody is: neither is kept.
"""

import hmac
import ipaddress

_ABOUT = b"tgd logins"
_V6_NETWORK = 64
"""Of an IPv6 address so many bits are one customer's."""


class Hashes:
    """Makes the hashes; ``secret_hex`` is the master secret."""

    def __init__(self, secret_hex: str) -> None:
        self._key = hmac.digest(bytes.fromhex(secret_hex), _ABOUT, "sha256")

    def of(self, kind: str, what: str) -> bytes:
        """Return the hash of something of a kind."""
        said = f"{kind} {what}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, said, "sha256")

    def account(self, username: str) -> bytes:
        """Return what attempts at a name are counted by, be there such an account or not."""
        return self.of("account", username.casefold())

    def address(self, text: str) -> bytes:
        """Return what attempts from an address are counted by."""
        return self.of("address", network(text))


def hashes(secret_hex: str, username: str | None, address: str | None) -> list[bytes]:
    """Return the hashes of a name and of an address, of what is given."""
    made = Hashes(secret_hex)
    found = [made.account(username)] if username else []
    return found + ([made.address(address)] if address else [])


def network(text: str) -> str:
    """Return an address as it is counted: of IPv6 the network that one customer has."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return text[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _V6_NETWORK), strict=False))
