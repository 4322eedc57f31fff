"""What a client of a running tracecheck shows and whom it trusts: a bearer token, and TLS files.

All of it comes from variables (`config`), so that every command, the notebook and a script find the same.
"""

import os
import ssl
from dataclasses import dataclass, field

from tracecheck.config import CA_FILE_VARIABLE, CLIENT_CERT_VARIABLE, CLIENT_KEY_VARIABLE, bearer_token
from tracecheck.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A client's credentials. Never shows its token."""

    token: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None

    @classmethod
    def of_environment(cls) -> "Access":
        """From `$TRACECHECK_TOKEN` (or `_TOKEN_FILE`), `_CA_FILE`, `_CLIENT_CERT` and `_CLIENT_KEY`.

        Raises `UsageError` when the token is unusable.
        """
        return cls(
            token=bearer_token(),
            ca_file=os.environ.get(CA_FILE_VARIABLE) or None,
            certificate=os.environ.get(CLIENT_CERT_VARIABLE) or None,
            key=os.environ.get(CLIENT_KEY_VARIABLE) or None,
        )

    def headers(self) -> dict[str, str]:
        """What each request carries."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    def tls(self) -> ssl.SSLContext:
        """The client side of TLS: the server must prove its name. Raises `UsageError` for files that do not serve."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # ssl.SSLError is one
            raise UsageError(
                f"the files of ${CA_FILE_VARIABLE}, ${CLIENT_CERT_VARIABLE} and ${CLIENT_KEY_VARIABLE} cannot be used: "
                f"{error}; expected PEM files, and a certificate beside its key"
            ) from None
        return context
