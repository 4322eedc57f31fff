"""A group of requests into the database. One that the database refuses for good does not fail those beside it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from tracecheck.errors import StoreUnavailable
from tracecheck.receiver.group import Group, Waiting
from tracecheck.store.protocol import Appended

Append = Callable[[pa.Table, bool], Appended]
"""Appends rows; True says that with them the whole group is stored."""


@dataclass(slots=True)
class Outcome:
    """What became of a group, in spans, and the requests that were refused with the reason."""

    stored: int = 0
    duplicates: int = 0
    conflicting: int = 0
    refused: list[tuple[Waiting, Exception]] = field(default_factory=list)

    def count(self, appended: Appended) -> None:
        """Adds one append."""
        self.stored += appended.stored
        self.duplicates += appended.duplicates
        self.conflicting += appended.conflicting


def store_group(group: Group, append: Append) -> Outcome:
    """Appends all rows at once; after a fault that is not the store's, each request by itself.

    Raises `StoreUnavailable` when the store cannot write now.
    """
    outcome = Outcome()
    requests = group.accepted
    if not requests:
        return outcome
    try:
        outcome.count(append(group.rows(), True))
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it may be the fault of one request alone
        if len(requests) == 1:
            outcome.refused.append((requests[0], error))
        else:
            _one_by_one(group, requests, append, outcome)
    return outcome


def _one_by_one(group: Group, requests: list[Waiting], append: Append, outcome: Outcome) -> None:
    for request in requests:
        try:
            outcome.count(append(group.rows([request]), request is requests[-1]))
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            outcome.refused.append((request, error))
