"""Correlation ids as trace context through events, for services that use OpenTelemetry."""
