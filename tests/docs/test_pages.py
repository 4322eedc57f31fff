"""Every example in the documentation does what the page shows."""

from pathlib import Path

from tests.support.documents import run_document
from tests.support.shared_data import shared_data

DOCS = Path(__file__).parents[2] / "docs"


def test_a_recording_is_imported_and_asked_as_shown(tmp_path: Path):
    recording = shared_data("otel-tui/otel-demo-2024-10-30.otlp.jsonl.gz")
    (tmp_path / recording.name).symlink_to(recording)
    run_document(DOCS / "imported-traces.md", tmp_path, {})


def test_two_windows_of_a_recording_are_compared_as_shown(tmp_path: Path):
    recording = shared_data("otel-tui/otel-demo-2024-10-30.otlp.jsonl.gz")
    (tmp_path / recording.name).symlink_to(recording)
    run_document(DOCS / "compare.md", tmp_path, {})
