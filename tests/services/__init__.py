"""Real services for tests and benchmarks: each file starts one kind on free loopback ports and leaves nothing behind.

In tests, use the fixtures of `fixtures.py` and mark the test with `@pytest.mark.service("kafka")`. Elsewhere, use the
context managers: `kafka.kafka_broker()`, `rabbitmq.rabbitmq_doors()`, `postgres.postgres()`,
`collector.run_collector()`, and `tracecheck.demo.broker.embedded_broker()`. `make services` installs what they need.
"""
