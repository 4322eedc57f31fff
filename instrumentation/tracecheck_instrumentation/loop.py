"""`for record in instrumented(consumer)`: the loop body is the handler, and has the process span."""

import dis
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from types import CodeType, FrameType
from typing import Generic, TypeVar

from tracecheck_instrumentation.handling import Handling
from tracecheck_instrumentation.health import harmless
from tracecheck_instrumentation.messages import Endpoint, Message

R = TypeVar("R")

_ITERATING = frozenset({"FOR_ITER", "GET_ANEXT"})
_LEAVING = frozenset({"POP_TOP", "POP_ITER", "END_FOR", "FOR_ITER", "END_ASYNC_FOR"})
"""What a frame executes when it drops a loop's iterator by itself: `break`, `return`, or the end of the loop."""


class _Loop(Generic[R]):
    """The record in hand and its span.

    Leaving the loop drops the iterator, which ends the last span. Python does not tell an iterator why it is dropped;
    the instruction at which the loop's frame stands does (`break` pops, an exception stops at what raised), so a body
    that raises leaves a span with error status. Loops that hold the iterator in a variable end it by `close`, or when
    the variable goes.
    """

    def __init__(self, delivery: Callable[[R], tuple[Endpoint, Message] | None]) -> None:
        self._delivery = delivery
        self._handling: Handling | None = None
        self._loop: CodeType | None = None

    def close(self, error: BaseException | str | None = None) -> None:
        """End the span of the record in hand, with `error` if its handling failed."""
        handling, self._handling = self._handling, None
        if handling is not None:
            handling.end(error)

    def __del__(self) -> None:
        # At interpreter exit modules may be gone already; then there is no one to report to.
        with suppress(Exception):
            if self._handling is not None:
                self.close(self._left_by_exception(sys._getframe(1)))  # noqa: SLF001

    @harmless
    def _begin(self, record: R) -> None:
        if delivery := self._delivery(record):
            self._handling = Handling(delivery[0], (delivery[1],))
            self._handling.begin()

    @harmless
    def _notice(self, frame: FrameType) -> None:
        if _instruction(frame) in _ITERATING:
            self._loop = frame.f_code

    @harmless
    def _left_by_exception(self, frame: FrameType) -> str | None:
        if frame.f_code is self._loop and _instruction(frame) not in _LEAVING:
            return "the loop body raised"
        return None


class HandledLoop(_Loop[R]):
    """Iterates over records; a record's span ends when the next one is asked for, before any waiting."""

    def __init__(self, receive: Callable[[], R], delivery: Callable[[R], tuple[Endpoint, Message] | None]) -> None:
        super().__init__(delivery)
        self._receive = receive

    def __iter__(self) -> Iterator[R]:
        return self

    def __next__(self) -> R:
        self.close()
        if self._loop is None:
            self._notice(sys._getframe(1))  # noqa: SLF001
        record = self._receive()
        self._begin(record)
        return record


class AsyncHandledLoop(_Loop[R]):
    """The same for `async for`."""

    def __init__(
        self, receive: Callable[[], Awaitable[R]], delivery: Callable[[R], tuple[Endpoint, Message] | None]
    ) -> None:
        super().__init__(delivery)
        self._receive = receive

    def __aiter__(self) -> AsyncIterator[R]:
        return self

    def __anext__(self) -> Awaitable[R]:
        self.close()
        if self._loop is None:
            self._notice(sys._getframe(1))  # noqa: SLF001
        return self._next()

    async def aclose(self) -> None:
        """End the span of the record in hand."""
        self.close()

    async def _next(self) -> R:
        record = await self._receive()
        self._begin(record)
        return record


def _instruction(frame: FrameType) -> str:
    return dis.opname[frame.f_code.co_code[frame.f_lasti]]
