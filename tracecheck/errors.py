"""The error tree. Each message says what happened, what was expected and what to do; each class has its exit code."""


class TracecheckError(Exception):
    """Base of every error a user can meet. `exit_code` follows the contract of the command line."""

    exit_code = 5


class UsageError(TracecheckError):
    """The call or a file given by the user is wrong."""

    exit_code = 2


class InvalidFile(UsageError):
    """A specification or import file is invalid. Holds every problem at once, each as `file:line:column: text`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class EnvironmentFault(TracecheckError):
    """Something around tracecheck failed: a port, a lock, a broker, a store."""

    exit_code = 4


class StoreLocked(EnvironmentFault):
    """Another process holds the database file."""


class StoreForeign(EnvironmentFault):
    """The file is no database, not ours, or of a schema version that this release cannot read."""


class StoreUnavailable(EnvironmentFault):
    """The store cannot write or be reached at the moment (disk full, owner gone). The caller may try again."""


class StoreDamaged(StoreUnavailable):
    """The database file is cut, or a part of it fails its checksum. What is acknowledged stays in its journal."""


class QueryRefused(UsageError):
    """A query is not a single SELECT, is invalid, or went over its time or row limit."""


class PortInUse(EnvironmentFault):
    """A listener could not bind."""


class BrokerUnavailable(EnvironmentFault):
    """A broker could not be reached, or refused."""


class DestinationMissing(BrokerUnavailable):
    """A topic, exchange or queue that was named does not exist, or nothing would take the message there."""


class StateUnavailable(EnvironmentFault):
    """A database or read model that was to be sampled cannot be reached, or refused the question."""


class ExpectationUnmet(TracecheckError):
    """What was waited for did not come true in time, or came true and was forbidden."""

    exit_code = 1


class DecodeError(TracecheckError):
    """A request or file is no valid OTLP (or Jaeger, or Zipkin). Permanent: the same bytes would fail again."""

    exit_code = 2
