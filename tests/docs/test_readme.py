"""What the README promises happens, as written."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.documents import Command, File, blocks

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
STEPS = blocks(README)
SETUP = ("pip install", "make ")


def test_every_file_and_command_of_the_readme_does_what_it_says(tmp_path: Path, embedded_broker: str):
    env = os.environ | {
        "KAFKA": embedded_broker,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
    }
    for name in ("TRACECHECK_STORE", "TRACECHECK_RUN_ID"):
        env.pop(name, None)
    for step in STEPS:
        if isinstance(step, File):
            path = tmp_path / step.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
        elif not step.line.startswith(SETUP):
            _run(step, tmp_path, env)


@pytest.mark.parametrize("line", [step.line for step in STEPS if isinstance(step, Command)])
def test_set_up_commands_name_what_this_repository_builds(line: str):
    if not line.startswith("pip install"):
        return
    projects = {}
    for file in (ROOT / "pyproject.toml", ROOT / "instrumentation" / "pyproject.toml"):
        project = tomllib.loads(file.read_text())["project"]
        projects[project["name"]] = set(project.get("optional-dependencies", {}))
    for word in line.removeprefix("pip install").replace("'", "").split():
        name, _, extras = word.rstrip("]").partition("[")
        assert name in projects
        assert set(filter(None, extras.split(","))) <= projects[name]


def _run(command: Command, folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(
        command.line, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=200, check=False
    )
    said = f"$ {command.line}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == command.status, said
    for line in command.shown.splitlines():
        assert re.search(_shape(line), done.stdout + done.stderr, re.MULTILINE), f"{line!r} not in:\n{said}"


def _shape(line: str) -> str:
    """What a shown line may vary in: digits, ids, and whatever stands for `…`."""
    pattern = re.escape(line).replace("…", ".*")
    return re.sub(r"[0-9a-f]*\d[0-9a-f]*", "[0-9a-f.]+", pattern)
