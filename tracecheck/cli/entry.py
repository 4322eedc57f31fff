"""The door itself: the grouped help, and the one place where what happened becomes an exit status.

0 pass, 1 failed, 3 inconclusive or nothing matched (`run`, `check`, `wait`, `observe`, `load`); of every command
2 usage or invalid file, 4 environment, 5 a bug in tracecheck, 130 interrupted. Readers exit 0.
"""

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper

import click

from tracecheck.cli import (
    compare,
    critical_path,
    doctor,
    export,
    learn,
    look,
    more,
    report,
    selftest,
    serve,
    test,
    vacuum,
)
from tracecheck.cli.output import say
from tracecheck.errors import TracecheckError

DEBUG_VARIABLE = "TRACECHECK_DEBUG"
REPORT_TO = "https://github.com/tracecheck/tracecheck/issues"
INTERRUPTED = 130
USAGE = 2
ENVIRONMENT = 4
BUG = 5
SUMMARY_WIDTH = 200
"""Letters of a command's first sentence; longer ones are cut, and none is."""

SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Test": test.COMMANDS,
    "Look": look.COMMANDS + critical_path.COMMANDS + compare.COMMANDS + doctor.COMMANDS + report.COMMANDS,
    "Serve": serve.COMMANDS + selftest.COMMANDS,
    "More": (
        more.import_,
        *export.COMMANDS,
        *learn.COMMANDS,
        *vacuum.COMMANDS,
        more.schema,
        more.demo,
        more.completion,
    ),
}

EPILOG = """\b
Exit status of run, check, wait, observe and load: 0 pass, 1 failed, 3 inconclusive or
nothing matched.
Of every command: 2 usage or invalid file, 4 environment (port, lock, broker, store),
5 a bug in tracecheck, 130 interrupted. Readers exit 0."""


class Sections(click.Group):
    """A group whose help shows its commands by section."""

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """One titled list per section, in the order of `SECTIONS`."""
        width = max(len(name) for name in self.commands)
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                rows = [
                    (str(command.name).ljust(width), command.get_short_help_str(SUMMARY_WIDTH)) for command in commands
                ]
                formatter.write_dl(rows)


@click.group(
    cls=Sections, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="tracecheck", prog_name="tracecheck", message="%(prog)s %(version)s")
def app() -> None:
    """Says which step of a message chain broke, why, and how late each hop was."""


for _commands in SECTIONS.values():
    for _command in _commands:
        app.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status. Never raises; a traceback is shown only on request."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        given = app.main(
            args=None if arguments is None else list(arguments), prog_name="tracecheck", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as error:
        sys.stderr.write(f"{error.format_message()}\n")
        return USAGE
    except click.UsageError as error:
        return _usage(error)
    except click.ClickException as error:
        say(error.format_message())
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED
    except TracecheckError as error:
        if type(error).exit_code == BUG:
            return _bug(error)
        say(str(error))
        _on_request()
        return error.exit_code
    except OSError as error:
        say(f"the system refused: {error}; see whether the path exists, may be used, and has space left")
        _on_request()
        return ENVIRONMENT
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback reaches a user
        return _bug(error)
    return given if isinstance(given, int) else 0


def _usage(error: click.UsageError) -> int:
    command = error.ctx.command_path if error.ctx is not None else "tracecheck"
    said = " ".join(error.format_message().split())  # click lists choices over several lines
    say(f"{said} (see {command} --help)")
    return USAGE


def _bug(error: BaseException) -> int:
    from importlib.metadata import version

    what = f"{type(error).__name__}: {error}".partition("\n")[0]
    say(f"this is a bug in tracecheck {version('tracecheck')}: {what}; please report it at {REPORT_TO}")
    _on_request()
    return BUG


def _on_request() -> None:
    if os.environ.get(DEBUG_VARIABLE) == "1":
        import traceback

        traceback.print_exc()
