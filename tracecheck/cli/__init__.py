"""The command line: one file per group of commands; each parses, calls the library, prints."""

from tracecheck.cli.entry import main

__all__ = ["main"]
