"""The twin of `await_until` for an event loop."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from tracecheck.probe.wait import Wake, hopeless
from tracecheck.probe.waiting import Answer, Ignored, Look, Looked, Rules, waiting

T = TypeVar("T")

NS_PER_S = 1_000_000_000


async def await_until_async(
    condition: Callable[[], Awaitable[T] | T],
    *,
    at_most_s: float,
    until: Callable[[T], bool] = bool,
    hold_s: float = 0.0,
    fail_fast: Callable[[], str | bool | None] | None = None,
    ignoring: Sequence[Ignored] = (),
    alias: str | None = None,
    listener: Callable[[Looked[T]], None] | None = None,
    wake: Wake | None = None,
) -> T:
    """As `await_until`, in an event loop and by the loop's clock. An awaitable that takes too long is cancelled.

    A condition that is no coroutine function is called in the loop itself, so it must not block. Cancelling the wait
    cancels the condition, and no thread that waits for news keeps the loop from closing.
    """
    loop = asyncio.get_running_loop()
    rules = Rules(
        at_most_s=at_most_s,
        until=until,
        hold_s=hold_s,
        ignoring=ignoring,
        alias=alias,
        listener=listener,
        pushed=wake is not None,
    )
    steps = waiting(rules, lambda: int(loop.time() * NS_PER_S))
    try:
        request, known = next(steps), 0
        while True:
            if isinstance(request, Look):
                known = wake.generation() if wake is not None else 0
                request = steps.send(await _look(condition, fail_fast, request.within_s))
            else:
                if wake is not None:
                    await _news(wake, known, request.for_s)
                else:
                    await asyncio.sleep(request.for_s)
                request = steps.send(None)
    except StopIteration as reached:
        value: T = reached.value
        return value


async def _look(
    condition: Callable[[], Any], fail_fast: Callable[[], str | bool | None] | None, within_s: float
) -> Answer[Any]:
    if fail_fast is not None and (reason := hopeless(fail_fast)) is not None:
        return Answer(hopeless=reason)
    try:
        value = condition()
        if not inspect.isawaitable(value):
            return Answer(value=value)
        looking = asyncio.ensure_future(value)
    except Exception as error:  # noqa: BLE001 - the rules decide what it means
        return Answer(error=error)
    try:
        done, _ = await asyncio.wait({looking}, timeout=within_s)
    except asyncio.CancelledError:
        looking.cancel()
        raise
    if not done:
        stuck = _where(looking)
        looking.cancel()
        return Answer(stuck=stuck)
    if looking.cancelled():
        return Answer(error=asyncio.CancelledError("the condition was cancelled"))
    raised = looking.exception()
    return Answer(value=looking.result()) if raised is None else Answer(error=raised)


async def _news(wake: Wake, known: int, timeout_s: float) -> None:
    # A daemon thread of its own: a loop that closes waits for those of its executor, even if the wait is cancelled.
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not arrived.done():
            arrived.set_result(None)

    def watch() -> None:
        wake.wait(known, timeout_s)
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell)

    threading.Thread(target=watch, name="tracecheck-news", daemon=True).start()
    await arrived


def _where(looking: "asyncio.Future[Any]") -> str:
    if not isinstance(looking, asyncio.Task):
        return "a future"
    frames = looking.get_stack(limit=1)
    return " < ".join(f"{each.f_code.co_name} ({each.f_code.co_filename}:{each.f_lineno})" for each in frames)
