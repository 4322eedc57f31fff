"""kafka-python's clients as a probe needs them: silent, and gone when they are told to go."""

import logging
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

logging.getLogger("kafka").addHandler(logging.NullHandler())
"""What goes wrong is raised; without a handler the client's own retries would be printed on standard error."""

LEAVE_WITHIN_S = 1.0


class Producer(KafkaProducer):  # type: ignore[misc]  # without types
    """A producer whose closing does not fail when the broker is gone: what it still held was never acknowledged."""

    def close(self, timeout: float | None = LEAVE_WITHIN_S, null_logger: bool = False) -> None:
        """Closes; records that were not acknowledged are dropped after `timeout` seconds."""
        try:
            super().close(timeout=timeout, null_logger=null_logger)
        except KafkaError:
            sender: Any = self._sender
            if sender is not None:
                sender.force_close()
            self._closed = True
