"""Finds the folder of real traces that tests read (never copied into this repository)."""

import os
from pathlib import Path

import pytest


def shared_data(name: str) -> Path:
    """Path of a file or folder below the shared data, e.g. `shared_data("zipkin/messaging.json")`.

    Looked for in `$TRACECHECK_SHARED_DATA`, else beside the checkout. Skips the test where there is none, and fails it
    where services and data are required (`TRACECHECK_REQUIRE_SERVICES=1`).
    """
    folder = Path(os.environ.get("TRACECHECK_SHARED_DATA") or Path(__file__).parents[3] / "shared" / "data")
    path = folder / name
    if not path.exists():
        reason = f"real trace {name} not found below {folder}; set TRACECHECK_SHARED_DATA"
        if os.environ.get("TRACECHECK_REQUIRE_SERVICES") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
