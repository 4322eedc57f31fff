"""An order system of six services, faults that only its driver knows of, and the ordinary check that must find them.

Light on purpose: the services import this package too, so what the driver needs is imported when it is called.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tracecheck.errors import EnvironmentFault

if TYPE_CHECKING:
    from tracecheck.demo.outcome import DemoOutcome

__all__ = ["run_demo"]

NEEDED = ("kafka", "tracecheck_instrumentation")


def run_demo(
    out: Path,
    seed: int = 1,
    orders: int = 40,
    faults: bool = True,
    bootstrap_servers: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> "DemoOutcome":
    """Run the order system, break some of its orders unless `faults` is False, check all of them; see `demo.driver`.

    Raises `EnvironmentFault` when the `demo` extra is not installed, or a broker, a port or a service does not come up.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise EnvironmentFault(
            f"the demo needs {' and '.join(missing)}; install it with: pip install 'tracecheck[demo]'"
        )
    from tracecheck.demo import driver

    return driver.run_demo(out, seed, orders, faults, bootstrap_servers, progress)
