"""The sums of `schema/facts.sql` hold for what only grows: whoever removes spans forgets them."""

from tracecheck.store.protocol import Writer

TABLES = ("instance_fact_rows", "group_fact_rows", "hop_fact_rows", "fact_block_rows", "fact_progress")


def forget_facts(writer: Writer) -> None:
    """Has everything counted again: at the next question, and kept by a later refresh."""
    for table in TABLES:
        writer.execute(f"delete from {table}")  # noqa: S608 - constants
