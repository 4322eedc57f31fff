"""What the README promises happens, as written."""

import tomllib
from pathlib import Path

import pytest

from tests.support.documents import Command, blocks, run_document

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
STEPS = blocks(README)
SETUP = ("pip install", "make ")


def test_every_file_and_command_of_the_readme_does_what_it_says(tmp_path: Path, broker_of_its_own: str):
    run_document(README, tmp_path, {"KAFKA": broker_of_its_own}, leave_out=SETUP)


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
