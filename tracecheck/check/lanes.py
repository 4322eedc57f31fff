"""One evaluation for many chains that differ in values only: each chain is a *lane*.

`Many` stands for one value in all lanes. What is computed of it is computed in every lane; where the first lane's value
decides something, the lanes in which it decides otherwise are left behind. So what comes out holds for all lanes that
are left, by construction. Whatever is not defined here raises `TypeError`: nothing is ever done with one lane's value
alone.
"""

import operator
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from enum import Enum
from itertools import repeat
from secrets import token_hex
from typing import Any, SupportsIndex


class Lanes:
    """The lanes that went the same way so far, by number; the first one leads and always stays."""

    def __init__(self, lanes: int) -> None:
        self.left = list(range(lanes))
        self._said: dict[tuple[str, ...], str] = {}
        self._columns: list[tuple[str, ...]] = []
        self._mark = token_hex(8)

    def decide(self, outcomes: list[Any]) -> Any:
        """The first lane's outcome; lanes with another one are left behind."""
        first = outcomes[0]
        if outcomes.count(first) != len(outcomes):
            self.left = [lane for lane in self.left if outcomes[lane] == first]
        return first

    def say(self, texts: Sequence[str]) -> str:
        """A text that stands for these, one a lane, until `spread` puts them in its place."""
        column = tuple(texts)
        mark = self._said.get(column)
        if mark is None:
            mark = self._said[column] = f"<{self._mark}:{len(self._columns)}>"
            self._columns.append(column)
        return mark

    def spread(self, told: Any) -> dict[int, Any]:
        """By lane that is left: what was told, with that lane's values in the place of every `Many`."""
        columns = _Spread(self.left, self._mark, self._columns)
        column = columns.of(told)
        found = zip(self.left, repeat(told) if column is None else column, strict=False)
        return {lane: one for lane, one in found if lane not in columns.doubtful}


class Many:
    """One value in all lanes, a number or a text."""

    __slots__ = ("lanes", "values")

    def __init__(self, lanes: Lanes, values: list[Any]) -> None:
        self.lanes = lanes
        self.values = values

    def _by(self, operation: Callable[..., Any], *others: Any) -> "Many":
        return Many(self.lanes, list(map(operation, self.values, *map(_values, others))))

    def _decided(self, operation: Callable[..., bool], other: Any) -> bool:
        return bool(self.lanes.decide(list(map(operation, self.values, _values(other)))))

    def __eq__(self, other: object) -> bool:
        return self is other or self._decided(operator.eq, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> bool:
        return self._decided(operator.lt, other)

    def __le__(self, other: Any) -> bool:
        return self._decided(operator.le, other)

    def __gt__(self, other: Any) -> bool:
        return self._decided(operator.gt, other)

    def __ge__(self, other: Any) -> bool:
        return self._decided(operator.ge, other)

    def __hash__(self) -> int:
        """Whoever looks it up in a table gets an answer for this very value."""
        return hash(self.lanes.decide(self.values))

    def __bool__(self) -> bool:
        return bool(self.lanes.decide([bool(value) for value in self.values]))

    def __add__(self, other: Any) -> "Many":
        return self._by(operator.add, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Many":
        return self._by(operator.sub, other)

    def __rsub__(self, other: Any) -> "Many":
        return self._by(lambda mine, theirs: theirs - mine, other)

    def __truediv__(self, other: Any) -> "Many":
        return self._by(operator.truediv, other)

    def __floordiv__(self, other: Any) -> "Many":
        return self._by(operator.floordiv, other)

    def __neg__(self) -> "Many":
        return self._by(operator.neg)

    def __abs__(self) -> "Many":
        return self._by(abs)

    def __round__(self, digits: SupportsIndex | None = None) -> "Many":
        return self._by(lambda value: round(value, digits))

    def __format__(self, specification: str) -> str:
        return self.lanes.say([format(value, specification) for value in self.values])

    def __str__(self) -> str:
        return self.lanes.say([str(value) for value in self.values])


class Name(Many):
    """A text of which it is known that, among those of one lane, the same object is the same text and another object
    another one; it is never looked up in a table that was made of anything else."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Name):
            return self is other
        return Many.__eq__(self, other)

    __hash__ = object.__hash__


def _values(other: Any) -> Any:
    return other.values if isinstance(other, Many) else repeat(other)


class _Spread:
    """Columns of what was told, by lane that is left; None for what is the same in all of them."""

    def __init__(self, left: Sequence[int], mark: str, columns: Sequence[tuple[str, ...]]) -> None:
        self.doubtful: set[int] = set()
        self._left = left
        self._mark = mark
        self._columns = columns
        self._known: dict[int, tuple[Any, list[Any] | None]] = {}

    def of(self, told: Any) -> list[Any] | None:
        known = self._known.get(id(told))
        if known is None:
            known = self._known[id(told)] = (told, self._column(told))
        return known[1]

    def _column(self, told: Any) -> list[Any] | None:
        if isinstance(told, Many):
            return [told.values[lane] for lane in self._left]
        if isinstance(told, str):
            return self._text(told) if self._mark in told else None
        if isinstance(told, Enum):
            return None
        if is_dataclass(told):
            return self._made(told)
        if isinstance(told, Mapping):
            rows = self._rows(list(told.values()))
            return None if rows is None else [dict(zip(told, row, strict=True)) for row in rows]
        if isinstance(told, tuple | list):
            rows = self._rows(told)
            if rows is None:
                return None
            columns = list(rows)
            if len(told) > 1 and all(isinstance(part, str) for part in told):
                self._doubt(told, columns)
            return columns if isinstance(told, tuple) else [list(row) for row in columns]
        return None

    def _made(self, told: Any) -> list[Any] | None:
        """Values of one class, field by field in all lanes: their constructors would cost as much as the rest."""
        columns = {name: self.of(getattr(told, name)) for name in type(told).__slots__}
        if all(column is None for column in columns.values()):
            return None
        made = [object.__new__(type(told)) for _ in self._left]
        for name, column in columns.items():
            values = repeat(getattr(told, name)) if column is None else column
            deque(map(getattr(type(told), name).__set__, made, values), maxlen=0)
        return made

    def _rows(self, parts: Sequence[Any]) -> Iterator[tuple[Any, ...]] | None:
        columns = [self.of(part) for part in parts]
        if all(column is None for column in columns):
            return None
        filled = (repeat(part) if column is None else column for part, column in zip(parts, columns, strict=True))
        return zip(*filled, strict=False)

    def _text(self, told: str) -> list[str]:
        pieces = told.split(f"<{self._mark}:")
        found = [pieces[0]] * len(self._left)
        for piece in pieces[1:]:
            number, _, rest = piece.partition(">")
            column = self._columns[int(number)]
            found = [text + column[lane] + rest for text, lane in zip(found, self._left, strict=True)]
        return found

    def _doubt(self, told: Sequence[str], columns: Sequence[tuple[Any, ...]]) -> None:
        """Texts that are the same in a lane and not in all: whether a rule would have said them once is not known."""
        different = len(set(told))
        self.doubtful.update(lane for lane, row in zip(self._left, columns, strict=True) if len(set(row)) != different)
