"""Chromium without a window, for what a page looks like once its scripts have run."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.services.process import clean_environment

# As root there is no sandbox to be had; the rest keeps the browser from calling anyone but the page under test.
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A browser program; each call is a process and a profile of its own."""

    program: Path

    def dom(self, url: str, *, settle_ms: int = 1000) -> str:
        """Render a page and give its HTML as the scripts left it after at most `settle_ms` of the page's own time."""
        return self._run("--dump-dom", f"--virtual-time-budget={settle_ms}", url).decode(errors="replace")

    def screenshot(self, url: str, file: Path, *, width: int = 1280, height: int = 800, settle_ms: int = 1000) -> Path:
        """Write a picture of a page (PNG, in pixels) to `file`."""
        size = f"--window-size={width},{height}"
        self._run(f"--screenshot={file}", size, f"--virtual-time-budget={settle_ms}", url)
        return file

    def _run(self, *arguments: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="tracecheck-chromium-", ignore_cleanup_errors=True) as profile:
            command = [str(self.program), *OPTIONS, f"--user-data-dir={profile}", *arguments]
            done = subprocess.run(command, capture_output=True, timeout=60, env=clean_environment(), check=False)
        assert done.returncode == 0, f"chromium ended with status {done.returncode}: {done.stderr[-2000:]!r}"
        return done.stdout
