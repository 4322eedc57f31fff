"""Reads the runnable parts of a Markdown document: files to write, commands to run."""

import re
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


def _commands(text: str) -> list[Command]:
    commands: list[Command] = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        status = _STATUS.search(line)
        commands.append(
            Command(line=_STATUS.sub("", line), status=int(status[1]) if status else 0, shown=shown.rstrip("\n"))
        )
    return commands
