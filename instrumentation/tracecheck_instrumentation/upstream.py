"""Upstream instrumentations of the same client: ours takes their place, in whatever order they are switched on."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from opentelemetry.instrumentation.utils import unwrap
from opentelemetry.trace import NoOpTracerProvider

Patch = tuple[Any, str]


class Upstream:
    """One upstream instrumentor, which may not be installed. `patches` are the (owner, attribute) it replaces.

    `forgets` are the (class of its own, method) that it wraps once more each time and never unwraps.
    Occupied, it counts as switched on, so that switching it on later does nothing, but patches nothing.
    """

    def __init__(
        self, module: str, instrumentor: str, patches: Sequence[Patch], *, forgets: Sequence[tuple[str, str]] = ()
    ) -> None:
        self._module = module
        self._name = instrumentor
        self._patches = patches
        self._forgets = forgets
        self._was_active = False

    def occupy(self) -> None:
        """Take its patches out and keep it from patching again."""
        instrumentor = self._find()
        if instrumentor is None:
            return
        self._was_active = instrumentor.is_instrumented_by_opentelemetry
        if self._was_active:
            self._uninstrument(instrumentor)
        originals = [(owner, name, getattr(owner, name)) for owner, name in self._patches]
        instrumentor.instrument(tracer_provider=NoOpTracerProvider(), skip_dep_check=True)
        for owner, name, original in originals:
            setattr(owner, name, original)

    def release(self) -> None:
        """Give it back as it was found."""
        instrumentor = self._find()
        if instrumentor is None:
            return
        self._uninstrument(instrumentor)
        if self._was_active:
            instrumentor.instrument(skip_dep_check=True)

    def _uninstrument(self, instrumentor: Any) -> None:
        instrumentor.uninstrument()
        for owner, method in self._forgets:
            unwrap(getattr(import_module(self._module), owner), method)

    def _find(self) -> Any:
        try:
            if find_spec(self._module) is None:
                return None
            return getattr(import_module(self._module), self._name)()
        except ImportError:
            return None
