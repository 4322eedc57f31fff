"""Feeds the decoder of columns with broken requests: `python -m tests.fuzz.fuzz_columns [MINUTES] [SEED]`.

Each input is a seed of the corpus, or an input that was accepted before, with bytes changed, cut, repeated or taken
from another. What must hold: the process lives; the rows are valid Arrow; a refused request leaves nothing behind; what
the runtime accepts as well, once its text is mended, gives the rows of the Python way; and, on every twentieth input,
the source as plain Python does just what the installed decoder does. A failing input is written to the working
directory and its name printed.
"""

# ruff: noqa: T201 - a tool that prints

import faulthandler
import random
import sys
import time
from collections import Counter
from pathlib import Path

from tests.support.both_ways import SourceBatch, assert_equal_tables, by_python, plain
from tracecheck.errors import DecodeError
from tracecheck.receiver.decode_columns import Batch, Taken
from tracecheck.receiver.decoded import BAD_UTF8
from tracecheck.receiver.decoder import decoder_form
from tracecheck.receiver.limits import SpanLimits

CORPUS = Path(__file__).parent / "corpus"
LIMITS = SpanLimits(attributes=6, value_bytes=40, name_bytes=12)
MOST_BYTES = 20_000
MOST_KEPT = 2_000
MOST_KEPT_BYTES = 4_000


def fuzz(seconds: float, seed: int) -> Counter[str]:
    """Runs for so long; returns how often what happened. Raises AssertionError at the first wrong result."""
    chance = random.Random(seed)
    pool = [path.read_bytes() for path in sorted(CORPUS.iterdir())]
    seeds = len(pool)
    batch, twin = Batch(LIMITS), SourceBatch(LIMITS)
    happened: Counter[str] = Counter()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        body = mutant(pool, chance)
        happened["inputs"] += 1
        try:
            taken = check(batch, body, happened)
            if happened["inputs"] % 20 == 0:
                happened["compared with the source"] += 1
                assert outcome(twin, body) == (taken if taken else outcome(Batch(LIMITS), body))
                assert_equal_tables(plain(batch.table()), plain(twin.table()))
                twin.reset()
        except BaseException:
            failing = Path(f"failing-{seed}-{happened['inputs']}.bin")
            failing.write_bytes(body)
            print(f"failing input: {failing}", file=sys.stderr)
            raise
        batch.reset()
        if taken and taken.rows and len(body) < MOST_KEPT_BYTES:
            if len(pool) < MOST_KEPT:
                pool.append(body)
            else:
                pool[chance.randrange(seeds, MOST_KEPT)] = body
    return happened


def check(batch: Batch, body: bytes, happened: Counter[str]) -> Taken | None:
    """What became of the input, which must be right; None if it was refused."""
    try:
        taken = batch.take(body)
    except DecodeError:
        happened["refused"] += 1
        assert len(batch) == 0
        return None
    rows = batch.table()
    rows.validate(full=True)
    happened["accepted"] += 1
    happened["rows"] += rows.num_rows
    try:
        expected, counted = by_python(body, LIMITS)
    except DecodeError:
        happened["accepted, though what is never read is broken"] += 1
        return taken
    assert_equal_tables(plain(rows), expected)
    assert (taken.rows, taken.rejected) == (counted.rows, counted.rejected)
    happened["equal to the Python way"] += 1
    if not any(BAD_UTF8 in reason for reason in counted.reasons):  # which the Python way counts where nobody reads, too
        assert taken.repaired == counted.repaired
        happened["also in what was repaired"] += 1
    return taken


def outcome(batch: Batch, body: bytes) -> object:
    """What became of the input, or why it was refused."""
    try:
        return batch.take(body)
    except DecodeError as error:
        return str(error)


def mutant(pool: list[bytes], chance: random.Random) -> bytes:
    """One input with a few things done to it."""
    body = bytearray(chance.choice(pool))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange(len(body) + 1)
        match chance.randrange(12):  # mostly what leaves every length as it was
            case 0 | 1 | 2 | 3:
                body[at : at + 1] = bytes([chance.randrange(256)])
            case 4 | 5 if at < len(body):
                body[at] ^= 1 << chance.randrange(8)
            case 6 | 7:
                start, length = chance.randrange(len(body) + 1), chance.randrange(1, 30)
                piece = body[start : start + length]
                body[at : at + len(piece)] = piece
            case 8:
                del body[at : at + chance.randrange(1, 9)]
            case 9:
                body[at:at] = chance.randbytes(chance.randrange(1, 5))
            case 10:  # two requests one behind the other are one
                body += chance.choice(pool)
            case _:
                body[at:at] = body[at : at + chance.randrange(1, 60)]
    return bytes(body[:MOST_BYTES])


if __name__ == "__main__":
    faulthandler.enable()
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    chosen = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    print(f"decoder: {decoder_form()}; seed {chosen}; {minutes:g} minutes")
    for what, count in fuzz(60 * minutes, chosen).items():
        print(f"{count:>10,} {what}")
