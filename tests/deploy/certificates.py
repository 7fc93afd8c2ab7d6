"""Certificates of an authority made for one test."""

from pathlib import Path

import trustme

from deploy.local.server import Tls


def certificates(folder: Path, *, host: str = "127.0.0.1") -> Tls:
    """Make an authority and a certificate for ``host``, as PEM files in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    issued = authority.issue_cert(host)
    made = Tls(folder / "certificate.pem", folder / "key.pem", folder / "authority.pem")
    authority.cert_pem.write_to_path(made.authority)
    issued.private_key_pem.write_to_path(made.key)
    for link in issued.cert_chain_pems:
        link.write_to_path(made.certificate, append=True)
    return made
