"""tracecheck: rebuilds message chains from OpenTelemetry spans and says where, and why, one broke."""
