"""Feeds the decoder of columns with inputs that reach new code.

Run as `python -m tests.fuzz.fuzz_coverage NEW tests/fuzz/corpus`.

libFuzzer, through atheris (`pip install atheris`), follows which branches of the plain modules an input takes and keeps
in the folder NEW what takes a new one. Each input goes through the compiled decoder, the plain one, and the Python way
(`fuzz_columns.check`); libFuzzer's own options, `-max_total_time=1800` say, may follow. A failing input is written to
the working directory as `crash-...`.
"""

# ruff: noqa: T201 - a tool that prints

import atexit
import sys
from collections import Counter

import atheris

with atheris.instrument_imports(include=["tracecheck.receiver.columns"]):
    from tests.fuzz.fuzz_columns import LIMITS, check, outcome
    from tests.support.both_ways import SourceBatch, assert_equal_tables, plain

from tracecheck.receiver.decode_columns import Batch
from tracecheck.receiver.decoder import decoder_form

happened: Counter[str] = Counter()
compiled, source = Batch(LIMITS), SourceBatch(LIMITS)


def one_input(body: bytes) -> None:
    """Raises AssertionError at a wrong result."""
    happened["inputs"] += 1
    taken = check(compiled, body, happened)
    assert outcome(source, body) == (taken if taken else outcome(Batch(LIMITS), body))
    assert_equal_tables(plain(compiled.table()), plain(source.table()))
    compiled.reset()
    source.reset()


def report() -> None:
    """What happened, for the record."""
    for what, count in happened.items():
        print(f"{count:>10,} {what}")


if __name__ == "__main__":
    print(f"decoder: {decoder_form()}")
    atexit.register(report)
    atheris.Setup([sys.argv[0], "-max_len=4000", *sys.argv[1:]], one_input)
    atheris.Fuzz()
