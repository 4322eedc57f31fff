"""Where exported bytes go: a file that appears whole or not at all, or standard output."""

import gzip
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from tracecheck.errors import EnvironmentFault

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STDOUT = "-"


@contextmanager
def sink(target: str) -> Iterator[IO[bytes]]:
    """A stream to write to, packed as the name's end says (`.gz`, `.zst`).

    The file takes its name when the block ends well; after a failure there is nothing of it. Raises
    `EnvironmentFault` when it cannot be written.
    """
    if target == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("wb") as file, _packed(file, path.suffix) as stream:
            yield stream
        unfinished.replace(path)
    except OSError as error:
        raise EnvironmentFault(
            f"{target} cannot be written: {error.strerror or error}; expected a folder with space that may be written"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _packed(file: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    match suffix:
        case ".gz":
            with gzip.GzipFile(fileobj=file, mode="wb") as packed:
                yield cast(IO[bytes], packed)
        case ".zst":
            with zstd.ZstdFile(file, mode="wb") as packed_zst:
                yield cast(IO[bytes], packed_zst)
        case _:
            yield file
