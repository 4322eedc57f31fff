"""`report` writes pages: what is stored, or one chain, told by what was expected of it."""

from pathlib import Path

from tests.cli.conftest import Run


def test_without_a_chain_the_page_tells_what_is_stored(tracecheck: Run) -> None:
    ended = tracecheck("report")
    assert ended.status == 0
    assert ended.out.startswith("<!doctype html>")
    assert "Where messages pass" in ended.out
    assert "o-2" in ended.out


def test_a_run_alone_is_told_alone(tracecheck: Run) -> None:
    page = tracecheck("report", "--run", "run-1").out
    assert "o-1" in page
    assert "o-2" not in page


def test_a_chain_is_told_by_what_was_expected_of_it(tracecheck: Run, tmp_path: Path) -> None:
    ended = tracecheck("report", "o-2", "--spec", "{orders}/order.yaml", "--out", "{tmp}/chain.html")
    assert (ended.status, ended.out) == (0, "")
    assert "charged: " in (tmp_path / "chain.html").read_text()


def test_a_specification_without_a_chain_is_refused_with_what_to_do(tracecheck: Run) -> None:
    ended = tracecheck("report", "--spec", "{orders}/order.yaml")
    assert ended.status == 2
    assert "--report html=FILE" in ended.err


def test_a_file_that_cannot_be_written_is_said(tracecheck: Run) -> None:
    ended = tracecheck("report", "--out", "{tmp}/no/such/folder/x.html")
    assert ended.status == 4
    assert "cannot be written" in ended.err
