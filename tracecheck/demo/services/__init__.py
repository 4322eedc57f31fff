"""The order system: six services, each a process of its own.

Read `worker` for how a Kafka consumer becomes traceable, the other files for the work each service does.
"""

from collections.abc import Callable
from typing import Any

Body = dict[str, Any]
Send = Callable[[str, Body], None]
"""Sends a body to a topic and returns when the broker has it."""

Handler = Callable[[str, Body, Send], None]
"""Handles one message: the topic it came from, its body, and what to send further events with."""
