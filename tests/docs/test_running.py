"""The page on running tracecheck beside services it does not start: its commands run, its files are sound."""

import os
import re
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.support.documents import File, blocks, run_document
from tracecheck.api.metrics import exposition
from tracecheck.cli import main
from tracecheck.config import Listen
from tracecheck.demo.broker import free_port
from tracecheck.receiver import Counters

PAGE = Path(__file__).parents[2] / "docs" / "running.md"
PORTS = {"GRPC": Listen().grpc_port, "HTTP": Listen().http_port, "API": Listen().api_port}
SECOND = (5317, 5318, 5319)


def test_every_command_of_the_page_does_what_it_shows(tmp_path: Path) -> None:
    """At free ports in place of the default ones, since tests run side by side."""
    text, variables = PAGE.read_text(), {}
    for name, port in PORTS.items():
        variables[f"TRACECHECK_{name}_PORT"] = str(free_port())
        text = text.replace(str(port), variables[f"TRACECHECK_{name}_PORT"])
    for port in SECOND:
        text = text.replace(str(port), str(free_port()))
    page = tmp_path / "running.md"
    page.write_text(text)
    (tmp_path / "work").mkdir()
    try:
        run_document(page, tmp_path / "work", variables)
    finally:
        for file in (tmp_path / "work").glob("*.pid"):
            with suppress(ProcessLookupError, ValueError):
                os.kill(int(file.read_text()), signal.SIGKILL)


def test_the_manifests_of_the_page_are_yaml_and_give_serve_options_that_it_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = {block.name: block.text for block in blocks(PAGE) if isinstance(block, File)}
    yaml = YAML(typ="safe")
    assert yaml.load(files["compose.yaml"])["services"]["shop"]["environment"]["TRACECHECK_RUN_ID"]
    deployment, service = yaml.load_all(files["tracecheck.yaml"])
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    command, *options = container["args"]
    assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    assert all(option in told for option in options if option.startswith("--"))
    ports = {port["containerPort"] for port in container["ports"]}
    assert ports == {port["port"] for port in service["spec"]["ports"]} == set(PORTS.values())


def test_every_metric_that_the_page_names_is_exported() -> None:
    named = set(re.findall(r"`(tracecheck_\w+)", PAGE.read_text()))
    exported = exposition(Counters())[0].decode()
    assert len(named) >= 10
    assert all(name in exported for name in named)
