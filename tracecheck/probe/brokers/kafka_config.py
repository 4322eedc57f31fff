"""How Kafka wants to be spoken to: the client properties file that `$TRACECHECK_KAFKA_CONFIG` names.

It is the file that Kafka's own tools take as `--command-config`, with the names of the Java client or of librdkafka:
`security.protocol`, `sasl.mechanism`, `sasl.username` and `sasl.password` (or `sasl.jaas.config`), `ssl.ca.location`
(or a truststore in PEM), `ssl.certificate.location`, `ssl.key.location`. So no secret stands on a command line, and one
file does for every command, the pytest fixture and the library. What else a service has in its file is passed over.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from os import environ
from pathlib import Path
from typing import Any

from tracecheck.config import KAFKA_CONFIG_VARIABLE
from tracecheck.errors import InvalidFile, UsageError

BOOTSTRAP_WITHIN_MS = 5000
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
OURS = ("security.", "sasl.", "ssl.")
"""How the names begin that must be understood; a service's other settings are its own."""

_JAAS = re.compile(r"""\b(username|password)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")


def client_settings(bootstrap_servers: str) -> dict[str, Any]:
    """What each of kafka-python's clients is made with: where to begin, and the settings of the file if one is named.

    Raises `InvalidFile` with every line that cannot be used, `UsageError` where the file cannot be read.
    """
    file = environ.get(KAFKA_CONFIG_VARIABLE)
    where = {"bootstrap_servers": bootstrap_servers.split(","), "bootstrap_timeout_ms": BOOTSTRAP_WITHIN_MS}
    return where if not file else where | read_client_config(Path(file))


def how_spoken_to(reason: str) -> str:
    """What to add to the reason of a client that found nobody to speak to: brokers drop whoever comes without TLS or
    with a wrong password, and do not say why."""
    if "bootstrap" not in reason:
        return ""
    file = environ.get(KAFKA_CONFIG_VARIABLE)
    if not file:
        return f"; spoken to without TLS and password: if it asks for them, set ${KAFKA_CONFIG_VARIABLE}"
    protocol = read_client_config(Path(file)).get("security_protocol", PROTOCOLS[0])
    return f"; spoken to by {protocol}, as {file} says: are protocol, certificates and password right?"


def read_client_config(path: Path) -> dict[str, Any]:
    """The settings of a client properties file, by kafka-python's names; raises as `client_settings` does."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UsageError(
            f"{path} cannot be read ({reason}); ${KAFKA_CONFIG_VARIABLE} names a file of client properties"
        ) from None
    given = {name: (number, value) for number, name, value in _properties(text)}
    found: dict[str, Any] = {}
    problems: list[str] = []
    for name, (number, value) in given.items():
        setting = _SETTINGS.get(name)
        try:
            if setting is None:
                raise ValueError(f"it is not known; known are {', '.join(_SETTINGS)}")
            found |= setting(value)
        except ValueError as error:
            problems.append(f"{path}:{number}:1: {name}: {error}")
    if problems:
        raise InvalidFile(problems)
    if str(found.get("security_protocol", "")).startswith("SASL") and "sasl_plain_username" not in found:
        raise InvalidFile([f"{path}:1:1: {found['security_protocol']} needs sasl.username and sasl.password"])
    return found


def _properties(text: str) -> Iterator[tuple[int, str, str]]:
    """(line, name, value) of each property that is ours; a line that ends in `\\` goes on in the next."""
    begun, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if begun else number
        begun += line.strip()
        if begun.endswith("\\"):
            begun = begun[:-1]
            continue
        name, separator, value = begun.partition("=")
        if separator and not begun.startswith(("#", "!")) and name.strip().startswith(OURS):
            yield first, name.strip(), value.strip()
        begun = ""


def _one_of(setting: str, known: tuple[str, ...]) -> Callable[[str], Mapping[str, Any]]:
    def read(value: str) -> Mapping[str, Any]:
        if value.upper() not in known:
            raise ValueError(f"{value!r} cannot be used; expected one of {', '.join(known)}")
        return {setting: value.upper()}

    return read


def _file(*settings: str) -> Callable[[str], Mapping[str, Any]]:
    def read(value: str) -> Mapping[str, Any]:
        if not Path(value).is_file():
            raise ValueError(f"there is no file {value}")
        if "-----BEGIN" not in Path(value).read_text(encoding="latin-1"):
            raise ValueError(f"{value} is no PEM file; export it as PEM from its key store (keytool -exportcert -rfc)")
        return dict.fromkeys(settings, value)

    return read


def _text(setting: str) -> Callable[[str], Mapping[str, Any]]:
    return lambda value: {setting: value}


def _jaas(value: str) -> Mapping[str, Any]:
    said = {name: re.sub(r"\\(.)", r"\1", double or single) for name, double, single in _JAAS.findall(value)}
    if said.keys() != {"username", "password"}:
        raise ValueError('expected a login module with username="..." and password="..."')
    return {f"sasl_plain_{name}": text for name, text in said.items()}


def _check_host(value: str) -> Mapping[str, Any]:
    return {"ssl_check_hostname": value.lower() not in ("", "none")}


def _pem(value: str) -> Mapping[str, Any]:
    if value.upper() != "PEM":
        raise ValueError(f"{value} stores cannot be read; expected PEM")
    return {}


_SETTINGS: Mapping[str, Callable[[str], Mapping[str, Any]]] = {
    "security.protocol": _one_of("security_protocol", PROTOCOLS),
    "sasl.mechanism": _one_of("sasl_mechanism", MECHANISMS),
    "sasl.mechanisms": _one_of("sasl_mechanism", MECHANISMS),
    "sasl.username": _text("sasl_plain_username"),
    "sasl.password": _text("sasl_plain_password"),
    "sasl.jaas.config": _jaas,
    "ssl.ca.location": _file("ssl_cafile"),
    "ssl.truststore.location": _file("ssl_cafile"),
    "ssl.truststore.type": _pem,
    "ssl.certificate.location": _file("ssl_certfile"),
    "ssl.key.location": _file("ssl_keyfile"),
    "ssl.keystore.location": _file("ssl_certfile", "ssl_keyfile"),
    "ssl.keystore.type": _pem,
    "ssl.key.password": _text("ssl_password"),
    "ssl.endpoint.identification.algorithm": _check_host,
}
"""By the name in the file, what makes the client's settings of its value. Raises `ValueError` without that value where
it may be a secret."""
