"""`replay`: publish the last good message of a broken chain again, and see whether the chain heals."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracecheck.cli.listening import address_options, listen_of
from tracecheck.cli.options import DURATION, output_option, store_option
from tracecheck.cli.output import emit, say
from tracecheck.cli.places import place_options, places_of
from tracecheck.cli.reading import current, the_chain
from tracecheck.cli.run import grounded
from tracecheck.config import Listen, store_location

if TYPE_CHECKING:
    from tracecheck.scenario.replay import Replay

NS_PER_S = 1_000_000_000
NOT_HEALED = 1


@click.command()
@click.argument("chain")
@click.option(
    "--spec", "specs", metavar="SPEC", multiple=True, type=click.Path(path_type=Path), help="What should have happened."
)
@click.option("--to", metavar="DESTINATION", help="Publish there.  [default: where it was lost]")
@click.option("--yes", is_flag=True, help="Do it. Without this nothing is published: what would be is told.")
@click.option("--for", "limit", type=DURATION, default="30s", show_default=True, help="Longest wait for it to heal.")
@place_options
@address_options(Listen())
@store_option
@output_option("text", "json")
def replay(
    chain: str,
    specs: tuple[Path, ...],
    to: str | None,
    yes: bool,
    limit: int,
    store: str | None,
    output: str,
    **given: Any,
) -> int:
    """Publish the last good message of a broken chain again.

    CHAIN is any id of it, or a prefix. The message (or the dead letter it became) is read from the records seen on the
    bus, else from the broker, and goes where it was lost with the same key, value and headers, its correlation id and
    its event id, so that a consumer that handles each event once does so. Its send is linked to the one that was lost.
    Then the chain is awaited: exit status 0 once it has healed, 1 if not in time.

    Without --yes nothing is published.
    """
    from tracecheck.chains import refresh
    from tracecheck.report.documents import dump, plain
    from tracecheck.scenario.ground import Ground
    from tracecheck.scenario.replay import await_healed, healed, plan_replay
    from tracecheck.scenario.replay import replay as publish_again
    from tracecheck.scenario.run import read_specs

    expectations = read_specs(specs)
    places = places_of(**{name: given.pop(name) for name in ("bootstrap_servers", "brokers", "database", "http")})
    location = store_location(store)
    if not yes:
        with current(location) as held, Ground(held, places) as ground:
            planned = plan_replay(ground, the_chain(held, chain), expectations, to=to)
        if output == "json":
            emit(dump(_document(planned, done=False, well=None)))
        else:
            emit(_told(planned))
            say("nothing was published; add --yes to do it")
        return 0
    with grounded(location, listen_of(**given), places) as (ground, _):
        refresh(ground.store)
        planned = plan_replay(ground, the_chain(ground.store, chain), expectations, to=to)
        done = publish_again(planned, ground)
        say(f"published {planned.destination}[{done.partition}]@{done.offset}; waiting for the chain to heal")
        report = await_healed(planned, done, ground, expectations, limit / NS_PER_S)
    well = healed(report)
    if output == "json":
        emit(dump(_document(planned, done=True, well=well, offset=plain(done.offset), partition=plain(done.partition))))
    else:
        emit(_told(planned) + f"{'HEALED' if well else 'NOT HEALED within the time given'}\n")
    return 0 if well else NOT_HEALED


def _told(planned: "Replay") -> str:
    from tracecheck.report.sanitise import terminal
    from tracecheck.report.sentences import sentence

    broke = f"{sentence(planned.broke)}" if planned.broke is not None else "its message was never handled well"
    lines = [
        f"chain {planned.chain_id}",
        f"  broke        {broke}",
        f"  last good    {terminal(planned.place)}: {terminal(planned.source)}",
        f"  to           {terminal(planned.destination)}, {len(planned.value or b'')} bytes",
        f"  key          {terminal((planned.key or b'').decode(errors='replace'))}",
        f"  correlation  {terminal(planned.correlation_id or 'none')}",
        f"  event id     {terminal(planned.event_id or 'none: a consumer cannot tell it from a new event')}",
    ]
    return "\n".join(lines) + "\n"


def _document(planned: "Replay", *, done: bool, well: bool | None, **place: Any) -> dict[str, Any]:
    return {
        "schema": "tracecheck/replay/v1",
        "chain_id": planned.chain_id,
        "system": planned.system,
        "lost": planned.place,
        "destination": planned.destination,
        "correlation_id": planned.correlation_id,
        "event_id": planned.event_id,
        "source": planned.source,
        "cause": planned.broke.code.value if planned.broke is not None else None,
        "step": planned.broke.step if planned.broke is not None else None,
        "published": done,
        "healed": well,
        **place,
    }
