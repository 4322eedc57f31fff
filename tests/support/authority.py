"""Certificates for tests."""

from pathlib import Path

import trustme


class Authority:
    """A certificate authority with its files on disk."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.ca = trustme.CA()
        self.root = folder / f"{name}.pem"
        self.ca.cert_pem.write_to_path(str(self.root))
        self.folder, self.name = folder, name

    def issue(self, name: str) -> tuple[Path, Path]:
        issued = self.ca.issue_cert("127.0.0.1", common_name=name)
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())
        return certificate, key
