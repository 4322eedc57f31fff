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
    """What one test did to the logging of its process, by a library or a command it ran here, is not the next one's."""
    logging.disable(logging.NOTSET)
    logging.root.setLevel(logging.WARNING)  # Celery's worker raises it
    for handler in tuple(logging.root.handlers):
        if isinstance(handler, logging.StreamHandler) and getattr(handler.stream, "closed", False):
            logging.root.removeHandler(handler)
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
            logger.propagate = logger.propagate or name.startswith("tracecheck")
