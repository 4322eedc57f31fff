"""Evidence by acting: inject an event, watch the bus, sample state, wait."""
