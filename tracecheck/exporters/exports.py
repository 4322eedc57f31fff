"""The story of an export: choose the spans, read them page by page, write each page before the next is read."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import IO, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from tracecheck.exporters.otlp_json import encode_request
from tracecheck.exporters.selection import Page, Selection, pages
from tracecheck.exporters.sinks import sink
from tracecheck.store.protocol import Reader
from tracecheck.store.spans import read_spans

LINE_SPANS = 512
"""Spans of one line: what an exporter sends at once by default."""

Format = Literal["otlp", "parquet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote."""

    spans: int
    format: Format


def export_spans(
    reader: Reader,
    target: str,
    selection: Selection | None = None,
    *,
    written_as: Format | None = None,
    progress: Callable[[int], None] | None = None,
) -> Exported:
    """Writes the chosen spans to the file `target` (`-`: standard output), in order of arrival.

    `otlp` is OTLP JSON lines, packed if the name ends in `.gz` or `.zst`; `parquet` has the columns of the table
    `spans`, attributes as maps, and lists of links and events; by default the name decides. `progress` is told the
    spans written so far. Chains must be current for a selection by chain. Raises `EnvironmentFault` when the file
    cannot be written.
    """
    chosen = written_as or ("parquet" if target.endswith(".parquet") else "otlp")
    selection = selection or Selection()
    done = 0
    with sink(target) as stream:
        write = _Parquet(reader, stream) if chosen == "parquet" else _Lines(reader, stream)
        for page in pages(reader, selection):
            done += write.page(page)
            if progress is not None:
                progress(done)
        write.end()
    return Exported(spans=done, format=chosen)


class _Lines:
    def __init__(self, reader: Reader, stream: IO[bytes]) -> None:
        self._reader = reader
        self._stream = stream

    def page(self, page: Page) -> int:
        spans = read_spans(self._reader, page.where_sql, page.parameters)
        for start in range(0, len(spans), LINE_SPANS):
            request = encode_request(spans[start : start + LINE_SPANS])
            text = json.dumps(request, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            self._stream.write(text.encode() + b"\n")
        return len(spans)

    def end(self) -> None:
        """Nothing follows the last line."""


class _Parquet:
    def __init__(self, reader: Reader, stream: IO[bytes]) -> None:
        self._reader = reader
        self._sql = resources.files("tracecheck.exporters").joinpath("spans.sql").read_text("utf-8")
        schema = reader.query(f"{self._sql} where false").schema
        self._writer = pq.ParquetWriter(stream, schema, compression="zstd")

    def page(self, page: Page) -> int:
        rows: pa.Table = self._reader.query(f"{self._sql} where {page.where_sql}", page.parameters)
        self._writer.write_table(rows)
        return int(rows.num_rows)

    def end(self) -> None:
        """The footer, without which a Parquet file is none."""
        self._writer.close()
