"""Data at rest: DuckDB tables, and the one `Store` that rooms above see."""
