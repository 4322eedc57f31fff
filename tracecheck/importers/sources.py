"""Where imported bytes come from: files, folders and standard input, compressed or not. Names decide nothing."""

import bz2
import gzip
import io
import lzma
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from tracecheck.errors import InvalidFile

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

STDIN = "-"
_MAGIC_BYTES = 6
_UNPACKERS: tuple[tuple[bytes, Callable[[BinaryIO], Any]], ...] = (
    (b"\x1f\x8b", lambda packed: gzip.GzipFile(fileobj=packed)),
    (b"\x28\xb5\x2f\xfd", zstd.ZstdFile),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
)
"""What a packed file begins with, and what reads it."""

READ_ERRORS = (OSError, EOFError, zlib.error, zstd.ZstdError, lzma.LZMAError)
"""What reading a source may raise: it went away, or its compression is damaged or cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One input. `chosen` is False for a file met in a folder: the user never said that it holds traces."""

    name: str
    path: Path
    chosen: bool = True
    kept: Any = None
    """Keeps the private copy of standard input alive."""

    def open(self) -> BinaryIO:
        """Its decompressed bytes from the start; may be opened again. Raises and yields `READ_ERRORS`."""
        stream = self.path.open("rb")
        head = stream.peek(_MAGIC_BYTES)[:_MAGIC_BYTES]
        unpacker = next((unpacker for magic, unpacker in _UNPACKERS if head.startswith(magic)), None)
        return stream if unpacker is None else cast(BinaryIO, io.BufferedReader(unpacker(stream)))


def find_sources(paths: Sequence[Path | str]) -> list[Source]:
    """The inputs behind the paths: `-` is standard input, a folder stands for all its files that are not hidden.

    Raises `InvalidFile` naming every path that does not exist.
    """
    missing = [f"{path}: no such file or folder" for path in paths if str(path) != STDIN and not Path(path).exists()]
    if missing:
        raise InvalidFile(missing)
    return [source for path in paths for source in _sources(path)]


def _sources(path: Path | str) -> Iterator[Source]:
    if str(path) == STDIN:
        yield _kept("<stdin>", sys.stdin.buffer)
        return
    path = Path(path)
    if path.is_file():
        yield Source(name=str(path), path=path)
        return
    if not path.is_dir():  # a pipe, such as `<(...)` of a shell: it can be read only once, and by no seeking
        with path.open("rb") as stream:
            yield _kept(str(path), stream)
        return
    for found in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
        if found.is_file() and not hidden:
            yield Source(name=str(found), path=found, chosen=False)


def _kept(name: str, stream: BinaryIO) -> Source:
    """A private copy on disk of what can be read only once, gone with its source."""
    copy = tempfile.NamedTemporaryFile(prefix="tracecheck-")  # noqa: SIM115 - lives as long as its source
    shutil.copyfileobj(stream, copy)
    copy.flush()
    return Source(name=name, path=Path(copy.name), kept=copy)
