"""How files are found, opened and told apart, whatever they hold."""

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import threading
from pathlib import Path

import pytest
from backports import zstd

from tests.support.fake_store import FakeStore
from tests.support.otlp import a_message, a_request, json_of, numbered
from tracecheck.errors import InvalidFile, StoreUnavailable
from tracecheck.importers import ImportSummary, import_files
from tracecheck.importers.imports import MAX_PROBLEMS

ONE_SPAN = a_request(a_message(1))
LOGS = {"resourceLogs": [{"scopeLogs": []}]}


def line(first: int = 1, count: int = 1) -> str:
    return json.dumps(json_of(a_request(*numbered(count, first))))


def imported(
    path: Path | str, content: bytes | str | None = None, **options: object
) -> tuple[FakeStore, ImportSummary]:
    if isinstance(content, str):
        content = content.encode()
    if content is not None:
        Path(path).write_bytes(content)
    store = FakeStore()
    return store, import_files(store, [path], **options)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("kind", ["document", "pretty", "lines", "protobuf", "framed"])
def test_formats_and_compressions_are_told_by_content(tmp_path: Path, kind: str, pack) -> None:
    request = a_request(*numbered(3))
    raw = request.SerializeToString()
    content = {
        "document": line(count=3).encode(),
        "pretty": json.dumps(json_of(request), indent=2).encode(),
        "lines": f"{line(1)}\n\n{line(2)}\r\n{line(3)}\n".encode(),
        "protobuf": raw,
        "framed": b"".join(
            len(part).to_bytes(4, "big") + part
            for part in (a_request(message).SerializeToString() for message in numbered(3))
        ),
    }[kind]
    store, summary = imported(tmp_path / "no-extension", pack(content))
    assert (summary.files, summary.spans_read, summary.spans_stored, summary.problems) == (1, 3, 3, ())
    assert [span.name for span in store.spans] == ["span 1", "span 2", "span 3"]


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    assert imported(tmp_path / "f", b"\xef\xbb\xbf" + line().encode())[1].spans_stored == 1


def test_a_json_document_may_begin_with_blank_lines(tmp_path: Path) -> None:
    assert imported(tmp_path / "f", "\n\n  " + line())[1].spans_stored == 1


def test_documents_over_many_lines_may_follow_one_another(tmp_path: Path) -> None:
    pretty = [json.dumps(json_of(a_request(message)), indent=2) for message in numbered(3)]
    store, summary = imported(tmp_path / "f", "\n".join(pretty) + "\n{")
    assert [span.name for span in store.spans] == ["span 1", "span 2", "span 3"]
    assert (summary.rejected, len(summary.problems)) == (1, 1)


def test_protobuf_that_looks_like_json_is_protobuf(tmp_path: Path) -> None:
    """A first envelope of 123 bytes puts a brace behind the tag, which is a line feed."""
    for size in range(1, 123):
        raw = a_request(a_message(1, name="n" * size)).SerializeToString()
        if raw[1:2] == b"{":
            break
    else:
        raise AssertionError("no size gave the brace")
    assert imported(tmp_path / "f", raw)[1].spans_stored == 1


@pytest.mark.parametrize("wrapper", ["batches", "trace", "result", "list"])
def test_requests_inside_backends_answers_are_found(tmp_path: Path, wrapper: str) -> None:
    request = json_of(ONE_SPAN)
    document = {
        "batches": {"batches": request["resourceSpans"]},
        "trace": {"trace": request},
        "result": {"result": request},
        "list": [request, request],
    }[wrapper]
    assert imported(tmp_path / "f", json.dumps(document))[1].spans_stored == 1


def test_a_recording_from_before_scopes_had_their_name_is_read_with_its_scopes(tmp_path: Path) -> None:
    request = json_of(ONE_SPAN)
    for resource in request["resourceSpans"]:
        resource["instrumentationLibrarySpans"] = [
            {"instrumentationLibrary": {"name": "kafka"}, **scope} for scope in resource.pop("scopeSpans")
        ]
    store, summary = imported(tmp_path / "f", json.dumps({"batches": request["resourceSpans"]}))
    assert (summary.spans_read, [span.resource.scope_name for span in store.spans]) == (1, ["kafka"])


FOREIGN = {
    "<!doctype html><title>502</title>": "error page",
    json.dumps({"resource_spans": []}): "lowerCamelCase",
    json.dumps({"data": None, "errors": [{"code": 404}]}): "errors and no traces",
    json.dumps([[{"trace_id": 1, "span_id": 2, "resource": "r", "start": 3}]]): "Datadog",
    json.dumps([{"data": {"trace.trace_id": "a"}}]): "Honeycomb",
    json.dumps({"context": {"trace_id": "0x1"}}, indent=1): "console exporter",
    json.dumps({"traces": [{"traceID": "7", "rootTraceName": "r"}]}): "search",
    json.dumps({"Traces": []}): "X-Ray",
    "PK\x03\x04...": "ZIP",
    "a,b\n1,2\n": "expected OTLP JSON",
}


@pytest.mark.parametrize(("content", "said"), FOREIGN.items(), ids=FOREIGN.values())
def test_a_file_of_another_tool_is_refused_by_name(tmp_path: Path, content: str, said: str) -> None:
    _, summary = imported(tmp_path / "f", content)
    assert (summary.spans_read, summary.rejected) == (0, 1)
    assert said in summary.problems[0]


def test_what_else_is_no_text_is_refused_by_name(tmp_path: Path) -> None:
    assert "UTF-16" in imported(tmp_path / "f", line().encode("utf-16"))[1].problems[0]
    assert "twice" in imported(tmp_path / "f", gzip.compress(gzip.compress(line().encode())))[1].problems[0]
    assert "tar archive" in imported(tmp_path / "f", bytes(257) + b"ustar\x0000" + bytes(200))[1].problems[0]


def test_lines_of_other_signals_are_skipped_and_counted(tmp_path: Path) -> None:
    _, summary = imported(tmp_path / "f", "\n".join([json.dumps(LOGS), line(), json.dumps({"resourceMetrics": []})]))
    assert (summary.spans_stored, summary.skipped, summary.rejected) == (1, 2, 0)


def test_a_bad_span_costs_that_span_and_names_its_line(tmp_path: Path) -> None:
    bad = json.dumps(json_of(a_request(a_message(7, span_id=bytes(8)), a_message(8))))
    _, summary = imported(tmp_path / "f", f"{line()}\n{bad}\n")
    assert (summary.spans_read, summary.spans_stored, summary.rejected) == (3, 2, 1)
    assert summary.problems == (f"{tmp_path / 'f'}:2: the span id is not 8 bytes, or all zero",)


def test_a_file_cut_in_the_middle_gives_what_came_before(tmp_path: Path) -> None:
    text = "".join(f"{line(number)}\n" for number in range(1, 1001))
    _, summary = imported(tmp_path / "f", gzip.compress(text.encode())[:-2000])
    assert 0 < summary.spans_stored < 1000
    assert (summary.rejected, len(summary.problems)) == (1, 1)
    assert "cannot be read to its end" in summary.problems[0]


@pytest.mark.parametrize("content", ["", " \n ", "\ufeff", "\ufeff\n"])
def test_an_empty_file_is_no_problem(tmp_path: Path, content: str) -> None:
    assert imported(tmp_path / "f", content)[1] == ImportSummary(files=1)


@pytest.mark.parametrize(
    "content", ["a,b\n1,2\n", '{"a": 1}', "[1, 2]", '{"resourceSpans"', b"\x0a\xff\xff", b"\x89PNG\r\n"]
)
def test_a_file_without_traces_is_refused_in_one_line(tmp_path: Path, content: str | bytes) -> None:
    _, summary = imported(tmp_path / "f", content)
    assert (summary.spans_read, summary.rejected, len(summary.problems)) == (0, 1, 1)
    assert summary.problems[0].startswith(f"{tmp_path / 'f'}: ")


def test_strict_refuses_before_anything_is_stored_and_names_every_problem(tmp_path: Path) -> None:
    (tmp_path / "good").write_text(line())
    (tmp_path / "bad").write_text(f"{line()}\nnonsense\n{{\n")
    store = FakeStore()
    with pytest.raises(InvalidFile) as refused:
        import_files(store, [tmp_path / "good", tmp_path / "bad"], strict=True)
    assert len(refused.value.problems) == 2
    assert store.appends == 0
    assert import_files(store, [tmp_path / "good"], strict=True).spans_stored == 1


def test_paths_that_do_not_exist_are_named_all_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile) as refused:
        import_files(FakeStore(), [tmp_path / "a", tmp_path / "b"])
    assert len(refused.value.problems) == 2


def test_a_folder_is_walked_and_hidden_files_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one").write_text(line(1))
    (tmp_path / "two").write_bytes(a_request(a_message(2)).SerializeToString())
    (tmp_path / ".hidden").write_text(line(3))
    (tmp_path / "README").write_text("what these files are")
    _, summary = imported(tmp_path)
    assert (summary.files, summary.spans_stored, summary.skipped, summary.problems) == (3, 2, 1, ())


@pytest.mark.parametrize("strict", [False, True])
def test_standard_input_is_read_like_a_file(monkeypatch: pytest.MonkeyPatch, strict: bool) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(gzip.compress(line(count=2).encode())))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert imported("-", strict=strict)[1].spans_stored == 2


@pytest.mark.parametrize("strict", [False, True])
def test_a_pipe_of_the_shell_is_read_whole_though_it_can_be_read_only_once(tmp_path: Path, strict: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(line(count=2).encode()),))
    writer.start()
    _, summary = imported(pipe, strict=strict)
    writer.join()
    assert (summary.spans_stored, summary.problems) == (2, ())


@pytest.mark.parametrize("content", [b"\0" * 100_000, b"[" + b" " * 100_000, b"{" * 100_000])
def test_a_small_file_that_unpacks_to_very_much_is_refused_and_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr("tracecheck.importers.read.MAX_DOCUMENT_BYTES", 10_000)
    _, summary = imported(tmp_path / "f", gzip.compress(content))
    assert (summary.spans_stored, summary.rejected, len(summary.problems)) == (0, 1, 1)
    assert imported(tmp_path / "g", "".join(f"{line(number)}\n" for number in range(1, 101)))[1].spans_stored == 100


def test_progress_ends_with_the_summary(tmp_path: Path) -> None:
    seen: list[ImportSummary] = []
    _, summary = imported(tmp_path / "f", line(), progress=seen.append)
    assert seen[-1] == summary


def test_a_flood_of_problems_is_listed_up_to_a_bound(tmp_path: Path) -> None:
    _, summary = imported(tmp_path / "f", line() + "\n" + "{\n" * (MAX_PROBLEMS + 5))
    assert summary.rejected == MAX_PROBLEMS + 5
    assert (len(summary.problems), summary.problems[-1]) == (MAX_PROBLEMS + 1, "and 5 more problems")


def test_a_store_that_fails_ends_the_import_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(line())
    store = FakeStore()
    store.failures.append(StoreUnavailable("the disk is full"))
    with pytest.raises(StoreUnavailable):
        import_files(store, [tmp_path / "f"])
