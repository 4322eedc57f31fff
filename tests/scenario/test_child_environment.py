"""Services started under a run send their spans to it, whatever they were set to before."""

from tracecheck.config import Endpoints
from tracecheck.scenario.run import child_environment

HERE = Endpoints(grpc="http://127.0.0.1:1", http="http://127.0.0.1:2", api="http://127.0.0.1:3")


def test_an_unset_protocol_becomes_grpc():
    env = child_environment(HERE, "r-1", {})
    assert (env["OTEL_EXPORTER_OTLP_PROTOCOL"], env["OTEL_EXPORTER_OTLP_ENDPOINT"]) == ("grpc", HERE.grpc)


def test_a_chosen_http_protocol_is_kept():
    for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"):
        env = child_environment(HERE, "r-1", {name: "http/protobuf"})
        assert (env[name], env["OTEL_EXPORTER_OTLP_ENDPOINT"]) == ("http/protobuf", HERE.http)


def test_an_endpoint_for_traces_alone_cannot_lead_spans_elsewhere():
    env = child_environment(HERE, "r-1", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://elsewhere:4317"})
    assert "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" not in env


def test_a_batch_delay_somebody_chose_is_kept():
    assert child_environment(HERE, "r", {})["OTEL_BSP_SCHEDULE_DELAY"] == "200"
    assert child_environment(HERE, "r", {"OTEL_BSP_SCHEDULE_DELAY": "50"})["OTEL_BSP_SCHEDULE_DELAY"] == "50"


def test_the_run_id_reaches_services_with_and_without_our_library():
    env = child_environment(HERE, "r-1", {"OTEL_RESOURCE_ATTRIBUTES": "team=a"})
    assert env["TRACECHECK_RUN_ID"] == "r-1"
    assert env["OTEL_RESOURCE_ATTRIBUTES"] == "team=a,tracecheck.run.id=r-1"
    assert env["TRACECHECK_STORE"] == HERE.api
