"""One scenario at a rate: open-model injection, and what the system did with it."""
