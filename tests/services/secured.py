"""A service's two doors: one that is open, and one that asks for TLS, with what a client needs to pass it."""

from dataclasses import dataclass
from pathlib import Path

import trustme

USER, PASSWORD = "probe", "s3cret-of-the-probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Addresses of one service. `authority` is the PEM file of whoever signed the secured door's certificate."""

    plain: str
    secured: str
    authority: str

    @classmethod
    def of(cls, address: str) -> "Doors":
        """Of what `written` made: the launch of a service has but one address."""
        plain, secured, authority = address.split()
        return cls(plain=plain, secured=secured, authority=authority)

    def written(self) -> str:
        """All of it as one address."""
        return f"{self.plain} {self.secured} {self.authority}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFiles:
    """PEM files in a service's folder: the authority, its certificate, and its key as PKCS #8, as Java wants it."""

    authority: Path
    certificate: Path
    key: Path


def server_files(folder: Path) -> ServerFiles:
    """Makes an authority and a certificate for 127.0.0.1."""
    from cryptography.hazmat.primitives import serialization

    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    files = ServerFiles(authority=folder / "ca.pem", certificate=folder / "server.crt", key=folder / "server.key")
    authority.cert_pem.write_to_path(str(files.authority))
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files
