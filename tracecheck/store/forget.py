"""Takes the spans of a selftest out again, so that a check of a running service leaves nothing for analysts to see."""

from tracecheck.config import SELFTEST_RUN
from tracecheck.errors import UsageError
from tracecheck.store.facts import forget_facts
from tracecheck.store.protocol import Store, Writer
from tracecheck.store.retention import tables_with
from tracecheck.store.traces import forget_removed


def forget_selftest(store: Store, run_id: str) -> int:
    """Removes all spans of a selftest's run, and the chains they are in. Returns how many spans there were.

    Raises `UsageError` for any other run, whose spans are evidence, and for a store that does not write.
    """
    if not run_id.startswith(SELFTEST_RUN):
        raise UsageError(f"only runs of selftest can be taken out, whose ids begin with {SELFTEST_RUN}; got {run_id!r}")
    run = {"run_id": run_id}
    removed = int(store.query("select count(*) as n from span_rows where run_id = $run_id", run)["n"][0].as_py())

    def work(writer: Writer) -> None:
        writer.execute(
            """create temp table doomed as
            select distinct chain_number from chain_span_rows semi join (
                select trace_id, span_id from span_rows where run_id = $run_id
            ) own using (trace_id, span_id)""",
            run,
        )
        for table in tables_with(writer, "chain_number"):
            if table != "doomed":
                writer.execute(f"delete from {table} where chain_number in (select chain_number from doomed)")  # noqa: S608
        writer.execute(
            """delete from correlation_rows
            where trace_id in (select trace_id from span_rows where run_id = $run_id)""",
            run,
        )
        writer.execute("delete from span_rows where run_id = $run_id", run)
        forget_removed(writer)
        forget_facts(writer)
        writer.execute("drop table doomed")

    if removed:
        store.write(work)
    return removed
