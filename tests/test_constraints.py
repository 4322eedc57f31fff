"""A fresh clone installs the versions that `.ci/constraints.txt` gives, so the file must know every dependency."""

import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def pins() -> dict[str, list[Requirement]]:
    """Every constraint, by name; several where versions differ between Pythons."""
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / ".ci" / "constraints.txt").read_text().splitlines():
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def dependencies() -> Iterator[Requirement]:
    """What both distributions ask for, extras included, but for each other."""
    for folder in (ROOT, ROOT / "instrumentation"):
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        for text in [*project["dependencies"], *chain(*project["optional-dependencies"].values())]:
            requirement = Requirement(text)
            if not requirement.name.startswith("tracecheck"):
                yield requirement


@pytest.mark.parametrize("dependency", list(dependencies()), ids=str)
def test_each_dependency_has_a_version_that_satisfies_it(dependency: Requirement) -> None:
    known = pins().get(canonicalize_name(dependency.name), [])
    assert known, f"{dependency.name} has no version in .ci/constraints.txt: run `make lock`"
    for pin in known:
        [version] = [one.version for one in pin.specifier]
        assert dependency.specifier.contains(version, prereleases=True), f"{pin} is not {dependency}: run `make lock`"


def test_nothing_but_opentelemetry_comes_as_a_prerelease() -> None:
    """Some of its libraries have never left beta; everything else has releases to choose from."""
    prereleases = {
        name for name, known in pins().items() for pin in known if any(one.prereleases for one in pin.specifier)
    }
    assert {name for name in prereleases if not name.startswith("opentelemetry-")} == set()
