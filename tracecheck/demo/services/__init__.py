"""The order system: six services, each its own process. Read `worker` for the instrumentation, the others for the work."""
