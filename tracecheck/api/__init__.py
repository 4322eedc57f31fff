"""The read API over a store: how everybody but the file's owner reaches the data."""

from tracecheck.api.app import api_app

__all__ = ["api_app"]
