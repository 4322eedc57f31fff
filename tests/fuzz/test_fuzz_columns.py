"""Broken requests never break the decoder: a few seconds always, half an hour in `make soak` (FUZZ_MINUTES)."""

import os
import random

import pytest

from tests.fuzz.fuzz_columns import fuzz


def test_a_few_seconds_of_broken_requests() -> None:
    happened = fuzz(seconds=5, seed=1)
    assert happened["refused"] > 10
    assert happened["equal to the Python way"] > 10


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_many_minutes_of_broken_requests() -> None:
    seed = random.SystemRandom().randrange(2**32)
    happened = fuzz(60 * float(os.environ.get("FUZZ_MINUTES", "30")), seed)
    print(f"\nseed {seed}: {dict(happened)}")  # noqa: T201 - the result, for the record
    assert happened["equal to the Python way"] > 1000
