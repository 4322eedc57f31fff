"""The documented tables are the tables there are, column by column, and their examples run."""

import re
from pathlib import Path

import pytest

import tracecheck.store
from tracecheck.store import open_store

README = (Path(tracecheck.store.__file__).parent / "README.md").read_text("utf-8")
PROBE = {"records", "state_samples", "runs"}
CHAINS = {"messages", "hops", "chains", "chain_spans", "chain_feeds", "edges"}
PUBLIC = {"spans", "span_links", "span_events"} | CHAINS | PROBE


def documented() -> dict[str, list[tuple[str, str]]]:
    sections = re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    return {table: re.findall(r"^\| `(\w+)` \| (.+?) \| .+? \|$", text, re.MULTILINE) for table, text in sections}


def test_every_public_table_is_documented_and_no_other():
    assert set(documented()) == PUBLIC


@pytest.mark.parametrize("table", sorted(PUBLIC))
def test_the_documented_columns_are_the_columns(table):
    store = open_store(":memory:")
    found = store.query(f"describe {table}").to_pylist()
    assert documented()[table] == [(row["column_name"], row["column_type"]) for row in found]
    store.close()


def test_a_file_says_of_every_column_what_it_holds(tmp_path):
    with open_store(str(tmp_path / "store.duckdb")) as store:
        found = store.query("select table_name, column_name, comment from duckdb_columns() where comment is not null")
        said = {(row["table_name"], row["column_name"]): row["comment"] for row in found.to_pylist()}
    sections = re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert said == {
        (table, column): text.replace("`", "")
        for table, rows in sections
        for column, text in re.findall(r"^\| `(\w+)` \| .+? \| (.+?) \|$", rows, re.MULTILINE)
    }


@pytest.mark.parametrize("table", sorted(PUBLIC))
def test_instants_and_durations_have_their_unit_in_the_name(table):
    """Every whole number that is a time says so by its ending; nothing else ends like one."""
    for column, kind in documented()[table]:
        is_time = column.endswith(("_unix_nano", "_ns"))
        assert not (is_time and kind not in ("BIGINT", "UBIGINT")), column
        assert not (re.search(r"(start|end|time|duration|transit|instant)$", column) and kind != "VARCHAR"), column


def test_one_thing_has_one_name_in_every_table():
    """`offset` is a word of SQL's own: it would have to be quoted wherever it is used."""
    names = {column for columns in documented().values() for column, _ in columns}
    assert not names & {"partition", "offset"}


def test_every_example_query_runs():
    examples = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    store = open_store(":memory:")
    assert examples
    for example in examples:
        assert store.query(example.strip().rstrip(";")).num_columns
    store.close()


def test_an_instant_can_be_shown_as_a_date():
    store = open_store(":memory:")
    assert str(store.query("select make_timestamp_ns(1700000000000000000)::varchar as t")["t"][0]) == (
        "2023-11-14 22:13:20"
    )
    store.close()
