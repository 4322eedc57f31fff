"""Watches the bus beside the system: from a position taken before anything is injected, taking nothing from anybody."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tracecheck.errors import TracecheckError
from tracecheck.probe.bell import Bell
from tracecheck.probe.brokers.protocol import Broker, Seen, Subscription
from tracecheck.probe.claim import Claim, NotObserved, Unsure
from tracecheck.probe.json_path import path_of
from tracecheck.probe.match import Match
from tracecheck.probe.records import store_records
from tracecheck.probe.wait import SYSTEM, Clock, NotReached, await_until
from tracecheck.store.protocol import Store

__all__ = ["Match", "NotObserved", "Observer", "Unsure", "observing"]

POLL_S = 1.0
"""How long one poll may last; messages and requests of ours end it."""

CATCH_UP_S = 2.0
"""How long after a window to go on reading what the broker took within it."""

CATCHING_UP_S = 0.005
LEAVE_WITHIN_S = 5.0


@contextmanager
def observing(
    broker: Broker,
    destinations: Sequence[str],
    *,
    store: Store | None = None,
    run_id: str | None = None,
    name: str | None = None,
) -> Iterator["Observer"]:
    """Watches destinations for the length of a `with` block; the position is taken before the block begins.

    Every message seen is written to the table `records` of `store`, under `run_id` unless it carries another, and the
    name of this observation.
    """
    observer = Observer(broker.subscribe(destinations), store=store, run_id=run_id, name=name)
    try:
        yield observer
    except BaseException:
        observer.close(quietly=True)
        raise
    observer.close()


class Observer:
    """What has been seen on the bus since it was made; a `Wake`. Owns its subscription. `observing` makes one."""

    def __init__(
        self,
        subscription: Subscription,
        *,
        store: Store | None = None,
        run_id: str | None = None,
        name: str | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        self._subscription = subscription
        self._store, self._run_id, self._name, self._clock = store, run_id, name, clock
        self._bell = Bell()
        self._seen: list[Seen] = []
        self._lookouts: list[_Lookout] = []
        self._counting = threading.Lock()
        self._fault: Exception | None = None
        self._requests: list[_CatchUp] = []
        self._closing = False
        self._thread = threading.Thread(target=self._watch, name="tracecheck-observer", daemon=True)
        self._thread.start()

    @property
    def seen(self) -> tuple[Seen, ...]:
        """Every message seen so far, in the order of arrival here."""
        return tuple(self._seen)

    def generation(self) -> int:
        """Grows with every arrival. See `Wake`."""
        return self._bell.generation()

    def wait(self, after: int, timeout_s: float) -> int:
        """Blocks until something has arrived. See `Wake`."""
        return self._bell.wait(after, timeout_s)

    def matching(self, match: Match) -> tuple[Seen, ...]:
        """Those seen so far that are meant. Raises what ended the watching, if anything has."""
        if self._fault is not None:
            raise self._fault
        return tuple(seen for seen in self.seen if match.difference(seen) is None)

    def missing(self) -> tuple[str, ...]:
        """Destinations that do not exist on the broker."""
        return self._subscription.missing()

    def expect(
        self,
        match: Match,
        within_s: float,
        *,
        exactly: int | None = None,
        at_least: int | None = None,
        none: bool = False,
        settle_s: float | None = None,
    ) -> tuple[Seen, ...]:
        """Waits until the messages meant have been seen, and returns them; one at least unless told otherwise.

        Counted is what was seen since observing began. `at_least` returns at once. `exactly` and `none` also claim that
        there are no more: they fail at once when there are too many, and else take the whole window, or (`settle_s`)
        until the number has stood for so long. Before absence counts, what the broker took meanwhile is read, for
        another 2 s at most.

        Raises `NotObserved` with the nearest misses, `Unsure` where absence cannot be told (a destination that does not
        exist, a broker that did not let us catch up), `BrokerUnavailable` when the broker was lost.
        """
        claim = Claim.of(match, exactly=exactly, at_least=at_least, none=none)
        for path in match.where:
            path_of(path)
        with self._looking_out(match) as lookout:
            return self._judged(claim, lookout, within_s, settle_s)

    def _judged(self, claim: Claim, lookout: "_Lookout", within_s: float, settle_s: float | None) -> tuple[Seen, ...]:
        def look() -> tuple[Seen, ...]:
            if fault := self._fault or lookout.fault:
                raise fault
            found = tuple(lookout.found)
            if claim.too_many(found):
                raise claim.unmet(found, self.seen, self.missing(), within_s)
            return found

        lasting = claim.most is not None and settle_s is None
        try:
            found = await_until(
                look,
                at_most_s=within_s,
                until=lambda found: not lasting and claim.enough(found),
                hold_s=0.0 if claim.most is None else settle_s or 0.0,
                wake=lookout.bell,
                clock=self._clock,
            )
            if claim.most is None:
                return found
        except NotReached:
            pass  # the number is judged below, once all is read
        caught_up = self.catch_up()
        found = look()
        if not claim.enough(found):
            raise claim.unmet(found, self.seen, self.missing(), within_s)
        if claim.most is not None:
            self._require_certainty(claim.match, caught_up)
        return found

    def catch_up(self, timeout_s: float = CATCH_UP_S) -> bool:
        """True once all that the broker held when asked has been seen; False if that took too long.

        Raises `BrokerUnavailable` when the broker is gone.
        """
        request = _CatchUp(time.monotonic() + timeout_s)
        self._requests.append(request)
        self._subscription.wake()
        request.done.wait(timeout_s + 1.0)
        if self._fault is not None:
            raise self._fault
        return request.caught_up

    def close(self, *, quietly: bool = False) -> None:
        """Stops watching; everything seen is in the store then. Raises what hindered that, unless `quietly`."""
        self._closing = True
        self._subscription.wake()
        self._thread.join(LEAVE_WITHIN_S)
        if self._fault is not None and not quietly:
            raise self._fault

    def _watch(self) -> None:
        try:
            while not self._closing:
                self._take(self._subscription.poll(CATCHING_UP_S if self._requests else POLL_S))
                if self._requests:
                    self._answer(self._requests[0])
        except Exception as fault:  # noqa: BLE001 - raised in whichever thread asks next
            self._fault = fault
        finally:
            for request in self._requests:
                request.done.set()
            self._leave()
            with self._counting:
                for bell in (self._bell, *(lookout.bell for lookout in self._lookouts)):
                    bell.ring()

    def _take(self, arrived: list[Seen]) -> None:
        if not arrived:
            return
        with self._counting:
            self._seen.extend(arrived)
            for lookout in self._lookouts:
                lookout.take(arrived)
        self._bell.ring()
        if self._store is not None:
            store_records(self._store, arrived, observer=self._name, run_id=self._run_id)

    @contextmanager
    def _looking_out(self, match: Match) -> "Iterator[_Lookout]":
        lookout = _Lookout(match)
        with self._counting:
            lookout.take(self._seen)
            self._lookouts.append(lookout)
        try:
            yield lookout
        finally:
            with self._counting:
                self._lookouts.remove(lookout)

    def _answer(self, request: "_CatchUp") -> None:
        left_s = request.deadline - time.monotonic()
        request.caught_up = self._subscription.caught_up(max(left_s, 0.1))
        if request.caught_up or left_s <= 0:
            self._requests.remove(request)
            request.done.set()

    def _leave(self) -> None:
        try:
            self._subscription.close()
        except TracecheckError as fault:
            self._fault = self._fault or fault

    def _require_certainty(self, match: Match, caught_up: bool) -> None:
        if not caught_up:
            raise Unsure(f"cannot tell whether there is another {match.describe()}: the broker has more to read")
        if missing := [name for name in self.missing() if match.destination in (None, name)]:
            raise Unsure(f"cannot tell whether there is {match.describe()}: {', '.join(missing)} does not exist")


class _Lookout:
    """The messages that one expectation is about. Only they wake it: many may wait on one bus."""

    def __init__(self, match: Match) -> None:
        self._match = match
        self.found: list[Seen] = []
        self.fault: Exception | None = None
        self.bell = Bell()

    def take(self, arrived: Sequence[Seen]) -> None:
        try:
            meant = [seen for seen in arrived if self._match.difference(seen) is None]
        except Exception as fault:  # noqa: BLE001 - of a function in the match: whoever gave it has to know
            self.fault, meant = fault, []
        self.found.extend(meant)
        if meant or self.fault is not None:
            self.bell.ring()


class _CatchUp:
    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.caught_up = False
        self.done = threading.Event()
