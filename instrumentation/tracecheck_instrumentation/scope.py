"""Context around a piece of work: attach, release, carry to a thread or to a database row and back."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import Token
from typing import Any, ParamSpec, TypeVar, cast

from opentelemetry import context as context_api
from opentelemetry import propagate
from opentelemetry.context import Context

from tracecheck_instrumentation.headers import clean, extract, read_fields

P = ParamSpec("P")
R = TypeVar("R")


def capture() -> dict[str, str]:
    """Return the current context as text fields (`traceparent`, `tracestate`, `baggage`), ready for a JSON column.

    An outbox stores it with its row; a fan-in handler stores it with the event that came first.
    """
    fields: dict[str, str] = {}
    propagate.inject(fields)
    return fields


@contextmanager
def restore(captured: Mapping[str, str] | None) -> Iterator[None]:
    """Work inside the block as if still where `captured` was taken; None or an unusable value changes nothing."""
    if not captured:
        yield
        return
    token = context_api.attach(context_of(captured))
    try:
        yield
    finally:
        release(token)


def context_of(captured: Mapping[str, str]) -> Context:
    """Return the context that `capture()` stored."""
    return extract(read_fields(captured), onto=clean(context_api.get_current()))[0]


def with_context(function: Callable[P, R]) -> Callable[P, R]:
    """Return `function` bound to the current context, for a thread, an executor or a callback.

    A coroutine function stays one, and runs in the context as well.
    """
    context = context_api.get_current()

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def bound_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            token = context_api.attach(context)
            try:
                return await function(*args, **kwargs)
            finally:
                release(token)

        return cast("Callable[P, R]", bound_async)

    @functools.wraps(function)
    def bound(*args: P.args, **kwargs: P.kwargs) -> R:
        token = context_api.attach(context)
        try:
            return function(*args, **kwargs)
        finally:
            release(token)

    return bound


def release(token: Token[Context]) -> None:
    """Undo an attach. From another thread or task there is nothing to undo, and nothing is logged about it."""
    try:  # noqa: SIM105 - `suppress` takes as long as all the rest
        token.var.reset(token)
    except (ValueError, RuntimeError):
        pass
