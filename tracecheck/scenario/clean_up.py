"""Removes what a scenario left in databases, and sees that removing it twice is the same as once."""

from collections.abc import Sequence

from tracecheck.errors import StateUnavailable, UsageError
from tracecheck.expect.model import CleanUp
from tracecheck.scenario.ground import Places


def clean_up(hooks: Sequence[CleanUp], places: Places) -> tuple[str, ...]:
    """Runs every hook, then every hook again; returns what is wrong, one line each.

    A hook that fails does not keep the next from running. The second time nothing may be left to remove: a hook that
    still changes rows is not idempotent, and would hide that two runs share what it removes.
    """
    problems = []
    for again in (False, True):
        for number, hook in enumerate(hooks):
            try:
                changed = _run(hook, places)
            except (StateUnavailable, UsageError) as fault:
                problems.append(f"clean_up[{number}]: {fault}")
                continue
            if again and changed > 0:
                problems.append(f"clean_up[{number}] is not idempotent: run again at once, it changed {changed} rows")
    return tuple(dict.fromkeys(problems))


def _run(hook: CleanUp, places: Places) -> int:
    """Rows changed, 0 where the database does not say."""
    from tracecheck.probe.sql_state import first_line, open_engine

    url = hook.database or places.database
    if not url:
        raise UsageError("no database is known; write `database:`, or give --database or $TRACECHECK_DATABASE")
    engine = open_engine(url)
    import sqlalchemy

    try:
        with engine.begin() as connection:
            changed: int = connection.execute(sqlalchemy.text(hook.sql), dict(hook.params)).rowcount
        return max(changed, 0)
    except (sqlalchemy.exc.SQLAlchemyError, OSError) as fault:
        raise StateUnavailable(f"the database refused it: {first_line(fault)}") from fault
