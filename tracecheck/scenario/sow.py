"""The seed of a scenario, put onto the bus."""

import json

from tracecheck.expect.model import Seed
from tracecheck.probe.inject import Injected, Injection, inject, inject_twice
from tracecheck.scenario.ground import Ground

JSON = "application/json"


def sow(seed: Seed, ground: Ground, run_id: str) -> tuple[Injected, ...]:
    """Injects the message of a seed under a run, twice where that is asked. Raises what publishing raises."""
    injection = injection_of(seed, run_id)
    with ground.publishing(seed.system) as broker:
        if seed.twice:
            return inject_twice(injection, broker, ground.sink)
        return (inject(injection, broker, ground.sink),)


def injection_of(seed: Seed, run_id: str | None) -> Injection:
    """The message of a seed: a text goes as it is, all else as JSON."""
    value = None if seed.value is None else seed.value if isinstance(seed.value, str) else json.dumps(seed.value)
    written = JSON if not isinstance(seed.value, str | None) else None
    return Injection(
        destination=seed.destination,
        key=None if seed.key is None else str(seed.key).encode(),
        value=None if value is None else value.encode(),
        headers=tuple((name, str(text).encode()) for name, text in seed.headers.items()),
        content_type=seed.content_type or written,
        run_id=run_id,
    )
