"""Reads and runs the runnable parts of a Markdown document: files to write, commands to run."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"\A# (?P<name>[\w./-]+\.\w+)\n")
_STATUS = re.compile(r"\s+# exits (\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A block whose first line is a comment with a file name."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A `$ ` line of a console block, the exit status it announces (`# exits N`), and the output printed below it."""

    line: str
    status: int
    shown: str


def blocks(document: Path) -> list[File | Command]:
    """All files and commands of a document, in reading order."""
    found: list[File | Command] = []
    for fence in _FENCE.finditer(document.read_text()):
        named = _NAMED.match(fence["text"])
        if fence["language"] == "console":
            found += _commands(fence["text"])
        elif named:
            found.append(File(name=named["name"], text=fence["text"]))
    return found


def _command_and_output(part: str) -> tuple[str, str]:
    """A command goes on over lines until its quotes are closed."""
    lines = part.splitlines()
    end = next(n for n in range(1, len(lines) + 1) if "\n".join(lines[:n]).count('"') % 2 == 0)
    return "\n".join(lines[:end]), "\n".join(lines[end:])


def run_document(document: Path, folder: Path, variables: dict[str, str], leave_out: tuple[str, ...] = ()) -> None:
    """Writes every file and runs every command in `folder`, in order; asserts each status and each line shown.

    A shown line may differ in digits and ids, and in what `…` stands for. Commands that begin with one of `leave_out`
    are not run.
    """
    env = os.environ | variables | {"NO_COLOR": "1"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    for name in ("TRACECHECK_STORE", "TRACECHECK_RUN_ID"):
        env.pop(name, None)
    for step in blocks(document):
        if isinstance(step, File):
            path = folder / step.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
        elif not step.line.startswith(leave_out or ("\0",)):
            _run(step, folder, env)


def _run(command: Command, folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(
        command.line, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=200, check=False
    )
    said = f"$ {command.line}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == command.status, said
    for line in command.shown.splitlines():
        assert re.search(shape(line), done.stdout + done.stderr), f"{line!r} not in:\n{said}"


def shape(line: str) -> str:
    """A pattern for what a shown line may vary in: digits, ids, durations, and whatever stands for `…`."""
    pattern = re.escape(line).replace("…", ".*")
    return re.sub(r"[0-9a-f]*\d[0-9a-f]*", "[0-9a-f]+", pattern)


def _commands(text: str) -> list[Command]:
    commands: list[Command] = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, shown = _command_and_output(part)
        status = _STATUS.search(line)
        commands.append(
            Command(line=_STATUS.sub("", line), status=int(status[1]) if status else 0, shown=shown.rstrip("\n"))
        )
    return commands
