"""What every test of both distributions can ask for."""

import logging
import signal

import pytest
from hypothesis import HealthCheck, settings

LONG = ("tests/docs/", "tests/demo/", "tests/scenario/")

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")  # a busy one is slow, and that is no fault of what is tested

pytest_plugins = ["pytester", "tests.services.fixtures"]


def pytest_configure() -> None:
    """Started in the background, a shell has us ignore Ctrl-C, and so would every process whose end by it is tested."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for many processes comes first: at the end it would leave one worker alone with it."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_runtest_setup() -> None:
    """A library that sets up its own logging in one test may switch existing loggers off; the next is to hear ours."""
    logging.disable(logging.NOTSET)
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("tracecheck") and isinstance(logger, logging.Logger):
            logger.disabled = False
            logger.propagate = True
