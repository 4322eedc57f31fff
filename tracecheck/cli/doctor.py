"""`doctor`: who emits the stored spans, and what they leave out."""

from typing import TYPE_CHECKING

import click

from tracecheck.cli.options import output_option, store_option
from tracecheck.cli.output import emit
from tracecheck.cli.reading import asked

if TYPE_CHECKING:
    from tracecheck.check.doctor import Checkup, Scope, ServiceSeen


@click.command()
@store_option
@output_option("text", "json")
def doctor(store: str | None, output: str) -> None:
    """Say per service which instrumentation it has, what that leaves out, and the line that closes it."""
    from tracecheck.check.doctor import doctor as checkup
    from tracecheck.report import analysis_documents, documents

    with asked(store) as held:
        found = checkup(held)
    emit(documents.dump(analysis_documents.doctor(found)) if output == "json" else _text(found))


def _text(found: "Checkup") -> str:
    slowly = (
        "" if found.decoder == "compiled" else ", about sixty times slower than compiled; install with a C compiler"
    )
    lines = [f"decoder: {found.decoder}{slowly}"]
    for service in found.services:
        lines += ["", *_of_service(service)]
    if not found.services:
        lines.append("no spans are stored")
    return "\n".join(lines) + "\n"


def _of_service(service: "ServiceSeen") -> list[str]:
    from tracecheck.report.sanitise import terminal

    instances = f", {service.instances} instances" if service.instances > 1 else ""
    sdk = f", {terminal(service.sdk, 80)}" if service.sdk else ""
    lines = [f"{terminal(service.service, 80)}: {service.spans} spans{instances}{sdk}"]
    lines += [f"  {_of_scope(scope)}" for scope in service.scopes]
    for advice in service.advice:
        lines += [f"  ! {advice.code}: {terminal(advice.what, 200)}", f"    {terminal(advice.close, 200)}"]
    return lines


def _of_scope(scope: "Scope") -> str:
    from tracecheck.report.sanitise import terminal

    name = terminal(f"{scope.name or 'no scope'} {scope.version}".strip(), 120)
    library = f" ({scope.library})" if scope.library else ""
    counts = {"sends": scope.sends, "receives": scope.receives, "processes": scope.processes}
    did = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    speaks = f"; speaks the {scope.vocabulary} conventions" if scope.vocabulary in ("current", "old") else ""
    mixed = "; speaks current and old conventions" if scope.vocabulary == "mixed" else ""
    return f"{name}{library}: {did or f'{scope.spans} spans, none of messages'}{speaks}{mixed}"


COMMANDS: tuple[click.Command, ...] = (doctor,)
