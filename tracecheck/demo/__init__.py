"""An order system of six services, faults that only its driver knows of, and the ordinary check that must find them.

Light on purpose: the services import this package too, so what the driver needs is imported when it is called.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracecheck.demo.driver import DemoOutcome, run_demo

__all__ = ["DemoOutcome", "run_demo"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from tracecheck.demo import driver

        return getattr(driver, name)
    raise AttributeError(name)
