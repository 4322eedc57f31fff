"""What `columns.py` asks of the `cython` module, doing nothing: so it runs where it was not compiled.

Cython's own stand-in would be a dependency at run time, and twice as slow.
"""

from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

compiled = False

_Any = TypeVar("_Any")


def declare(_kind: object, value: _Any) -> _Any:
    """A typed constant."""
    return value


def exceptval(*_values: object, **_how: object) -> Callable[[_Any], _Any]:
    """A decorator that says which result means an error."""
    return _same


def _same(decorated: _Any) -> _Any:
    return decorated


class _Lock:
    """`gil` and `nogil`: a decorator and a context."""

    def __call__(self, decorated: _Any) -> _Any:
        return decorated

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


gil = nogil = _Lock()
cclass = cfunc = final = inline = _same
uchar = longlong = ulonglong = uint = bint = Py_ssize_t = double = None


def __getattr__(name: str) -> None:
    """`cython.int`, which would hide Python's own here."""
    if name != "int":
        raise AttributeError(name)
