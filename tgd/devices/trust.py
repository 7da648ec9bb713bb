"""Our end of TLS with a broker: whom we believe it to be, and who we show that we are.

Serves the links and the doctor. Without an authority of our own, the system's are trusted, and no
certificate is shown.
"""

import ssl
from pathlib import Path


def tls(authority: Path | None, certificate: Path | None) -> ssl.SSLContext | None:
    """Return what ``mqtts://`` is spoken with; None where nothing is particular to us.

    ``authority`` is a file of certificates (PEM), ``certificate`` one of ours with its key. Raises
    OSError or ``ssl.SSLError`` where they cannot be used.
    """
    if authority is None and certificate is None:
        return None
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context
