"""What the modules of `columns` ask of the `cython` module, doing next to nothing: so they run as they are.

Cython's own stand-in would be a dependency at run time, and twice as slow.
"""

from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

compiled = False

_Any = TypeVar("_Any")
_Class = TypeVar("_Class", bound=type)


def declare(_kind: object, value: _Any) -> _Any:
    """A typed constant."""
    return value


def exceptval(*_values: object, **_how: object) -> Callable[[_Any], _Any]:
    """A decorator that says which result means an error."""
    return _same


def _same(decorated: _Any) -> _Any:
    return decorated


def cclass(decorated: _Class) -> _Class:
    """Typed attributes begin as zero, as they do in a compiled class."""
    for name, kind in decorated.__annotations__.items():
        if kind is _Number:
            setattr(decorated, name, 0)
    return decorated


class _Number:
    """Any type of number."""

    def __class_getitem__(cls, _shape: object) -> type[memoryview]:
        return memoryview


class _Lock:
    """`gil` and `nogil`: a decorator and a context."""

    def __call__(self, decorated: _Any) -> _Any:
        return decorated

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


gil = nogil = _Lock()
cfunc = final = inline = _same
uchar = longlong = ulonglong = uint = bint = Py_ssize_t = double = _Number


def __getattr__(name: str) -> type[_Number]:
    """`cython.int`, which would hide Python's own here."""
    if name != "int":
        raise AttributeError(name)
    return _Number
