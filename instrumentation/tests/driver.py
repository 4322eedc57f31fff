"""How the contract drives a client: messages out, messages seen, and what a driver can do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Out:
    """One message to send."""

    destination: str
    value: bytes | None = b"{}"
    headers: Headers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One message as it came in: its value and headers, and the client's own record."""

    value: bytes | None
    headers: Headers
    record: Any = None

    def header(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value.decode() for key, value in self.headers if key == name]


Handler = Callable[[Seen], Iterable[Out]]


class Driver(ABC):
    """Drives one client the way its users do."""

    system: ClassVar[str]
    has_partitions: ClassVar[bool] = True
    names_group: ClassVar[bool] = True
    patched: ClassVar[tuple[tuple[type, str], ...]]
    """What instrumenting replaces: (class, attribute)."""

    @abstractmethod
    def fresh(self) -> str:
        """Make a destination nobody has used."""

    @abstractmethod
    def send(self, *messages: Out) -> None:
        """Send, and wait for the broker's answer, in the current context."""

    @abstractmethod
    def send_in_vain(self, message: Out) -> None:
        """Send so that the call returns and the delivery then fails."""

    @abstractmethod
    def handle(
        self, destination: str, handler: Handler, *, count: int = 1, group: str = "g", redeliver: bool = False
    ) -> None:
        """Handle `count` messages in the client's instrumented loop; with `redeliver`, a failed one comes again."""

    @abstractmethod
    def handle_each(self, destination: str, handler: Handler, *, count: int = 1, group: str = "g") -> None:
        """Fetch messages with the client's other way (poll, getmany, ...) and handle each inside `process(record)`."""

    @abstractmethod
    def handle_batch(self, destination: str, handler: Callable[[list[Seen]], Iterable[Out]], *, count: int) -> None:
        """Fetch `count` messages and handle them inside one `process(records)`."""

    @abstractmethod
    def raw(self, destination: str, count: int) -> list[Seen]:
        """Read messages without any instrumentation."""

    @abstractmethod
    def send_raw(self, message: Out) -> None:
        """Send without any instrumentation."""
