"""`configure` in a service of its own: what it exports, what the environment decides, how the process ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from instrumentation.tests.otlp_sink import Sink, attributes, sink
from tests.support.polling import until

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=["grpc", "http/protobuf"])
def receiver(request: pytest.FixtureRequest) -> Iterator[Sink]:
    with sink(request.param) as received:
        yield received


@pytest.fixture
def http_receiver() -> Iterator[Sink]:
    with sink("http/protobuf") as received:
        yield received


def start(code: str, *environments: dict[str, str]) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "TRACECHECK_"))}
    for each in environments:
        kept |= each
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=kept,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run(code: str, *environments: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    process = start(code, *environments)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


THREE_SPANS = """
    from tracecheck_instrumentation import configure
    configure("billing")
    from opentelemetry import trace
    for number in range(3):
        with trace.get_tracer("app").start_as_current_span(f"span {number}"):
            pass
"""


def test_the_ten_line_start_works_as_written(receiver: Sink, kafka_address: str) -> None:
    topic = f"orders-{uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=kafka_address)
    admin.create_topics([NewTopic(topic, 1, 1), NewTopic(f"{topic}-paid", 1, 1)])
    admin.close()
    with KafkaProducer(bootstrap_servers=kafka_address) as producer:
        producer.send(topic, b"1").get(timeout=10)
        producer.send(topic, b"2").get(timeout=10)

    result = run(
        f"""
        from kafka import KafkaConsumer, KafkaProducer
        from tracecheck_instrumentation import configure, instrumented

        configure("billing")
        producer = KafkaProducer(bootstrap_servers="{kafka_address}")
        consumer = KafkaConsumer(
            "{topic}", bootstrap_servers="{kafka_address}", group_id="billing", auto_offset_reset="earliest",
            session_timeout_ms=6000,
        )

        def handle(record):
            producer.send("{topic}-paid", record.value)
            if record.value == b"2":
                raise ValueError("out of money")

        for record in instrumented(consumer): handle(record)
        """,
        receiver.environment,
    )

    assert "ValueError: out of money" in result.stderr
    assert result.returncode == 1
    processed, sent = receiver.spans(f"process {topic}"), receiver.spans(f"send {topic}-paid")
    assert [span.span_id for _, span in processed] == [span.parent_span_id for _, span in sent]
    assert [span.status.code for _, span in processed] == [0, 2]
    assert {"billing"} == {attributes(span)["messaging.consumer.group.name"] for _, span in processed}
    assert [attributes(span)["messaging.kafka.offset"] for _, span in sent] == [0, 1]
    assert receiver.marks() == receiver.counts()


def test_the_flush_mark_states_what_arrived(receiver: Sink) -> None:
    assert run(THREE_SPANS, receiver.environment).returncode == 0
    assert list(receiver.marks().values()) == [3]
    assert receiver.marks() == receiver.counts()


def test_a_mark_on_demand_counts_so_far_and_the_last_one_counts_all(http_receiver: Sink) -> None:
    code = """
        from tracecheck_instrumentation import configure, flush
        configure("billing")
        from opentelemetry import trace
        tracer = trace.get_tracer("app")
        tracer.start_span("a").end()
        assert flush()
        tracer.start_span("b").end()
    """
    result = run(code, http_receiver.environment)
    assert (result.returncode, result.stderr) == (0, "")
    marks = [attributes(span)["tracecheck.flush.span_count"] for _, span in http_receiver.spans("tracecheck.flush")]
    assert marks == [1, 2]


def test_the_environment_names_the_service(http_receiver: Sink) -> None:
    named = {"OTEL_SERVICE_NAME": "ledger", "OTEL_RESOURCE_ATTRIBUTES": "team=money,service.instance.id=i-1"}
    run(THREE_SPANS, http_receiver.environment, named)
    resource, _ = http_receiver.spans()[0]
    assert (
        resource["service.name"],
        resource["team"],
        resource["service.instance.id"],
    ) == ("ledger", "money", "i-1")


def test_the_code_names_the_service_where_the_environment_does_not(http_receiver: Sink) -> None:
    run(THREE_SPANS, http_receiver.environment)
    assert {"billing"} == {resource["service.name"] for resource, _ in http_receiver.spans()}


def test_each_process_is_an_instance_of_its_own(http_receiver: Sink) -> None:
    for _ in range(2):
        run(THREE_SPANS, http_receiver.environment)
    assert len(http_receiver.marks()) == 2
    assert http_receiver.marks() == http_receiver.counts()


def test_a_forked_child_is_an_instance_of_its_own(http_receiver: Sink) -> None:
    code = """
        import os, sys
        from tracecheck_instrumentation import configure
        configure("billing")
        from opentelemetry import trace
        tracer = trace.get_tracer("app")
        tracer.start_span("before").end()
        child = os.fork()
        tracer.start_span("child" if child == 0 else "parent").end()
        if child == 0:
            tracer.start_span("child").end()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """
    result = run(code, http_receiver.environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert list(http_receiver.marks().values()) == [2, 2]
    assert len(http_receiver.spans("tracecheck.start")) == 2
    assert http_receiver.marks() == http_receiver.counts()


def test_a_worker_that_multiprocessing_forked_says_what_it_had(receiver: Sink) -> None:
    code = """
        import multiprocessing
        from tracecheck_instrumentation import configure, flush
        configure("billing")
        from opentelemetry import trace

        def work():
            trace.get_tracer("app").start_span("in the worker").end()

        for _ in range(2):
            flush()  # the exporter has a connection by now, which a child cannot share
            worker = multiprocessing.get_context("fork").Process(target=work)
            worker.start()
            worker.join(20)
            assert worker.exitcode == 0
    """
    assert run(code, receiver.environment, {"OTEL_EXPORTER_OTLP_TIMEOUT": "5"}).returncode == 0
    assert sorted(receiver.marks().values()) == [0, 1, 1]
    assert receiver.marks() == receiver.counts()


def test_a_process_that_does_nothing_is_known_before_it_ends(http_receiver: Sink) -> None:
    code = """
        from tracecheck_instrumentation import configure
        configure("billing")
        input()
    """
    process = start(code, http_receiver.environment, {"OTEL_BSP_SCHEDULE_DELAY": "50", "TRACECHECK_RUN_ID": "run-1"})
    until(http_receiver.spans)
    process.kill()
    process.communicate(timeout=20)

    ((resource, alive),) = http_receiver.spans()
    assert (resource["service.name"], alive.name) == ("billing", "tracecheck.start")
    assert attributes(alive) == {"tracecheck.run.id": "run-1"}
    assert http_receiver.marks() == {}


def test_a_disabled_sdk_exports_nothing_and_breaks_nothing(http_receiver: Sink) -> None:
    result = run(THREE_SPANS, http_receiver.environment, {"OTEL_SDK_DISABLED": "true"})
    assert (result.returncode, result.stderr) == (0, "")
    assert http_receiver.spans() == []


def test_an_exporter_of_none_exports_nothing(http_receiver: Sink) -> None:
    result = run(THREE_SPANS, http_receiver.environment, {"OTEL_TRACES_EXPORTER": "none"})
    assert (result.returncode, result.stderr) == (0, "")
    assert http_receiver.spans() == []


def test_the_sampler_is_asked_and_the_mark_says_what_it_left_out(http_receiver: Sink) -> None:
    run(THREE_SPANS, http_receiver.environment, {"OTEL_TRACES_SAMPLER": "always_off"})
    (_, start), (_, mark) = http_receiver.spans()
    assert start.name == "tracecheck.start"
    assert attributes(mark) == {"tracecheck.flush.span_count": 0, "tracecheck.flush.sampled_out_count": 3}


def test_the_propagators_are_those_of_the_environment() -> None:
    code = """
        from tracecheck_instrumentation import capture, configure, correlation
        configure("billing")
        from opentelemetry import trace
        with correlation("c-1"), trace.get_tracer("app").start_as_current_span("a"):
            print(sorted(capture()))
    """
    assert run(code, {"OTEL_TRACES_EXPORTER": "none"}).stdout == "['baggage', 'traceparent']\n"
    only = {"OTEL_TRACES_EXPORTER": "none", "OTEL_PROPAGATORS": "baggage"}
    assert run(code, only).stdout == "['baggage']\n"


def test_the_batch_delay_is_that_of_the_environment(http_receiver: Sink) -> None:
    code = THREE_SPANS + "\n    input()"
    process = start(code, http_receiver.environment, {"OTEL_BSP_SCHEDULE_DELAY": "50"})
    until(lambda: len(http_receiver.spans()) == 1 + 3)
    process.communicate("\n", timeout=20)


def test_configuring_twice_does_nothing_more(http_receiver: Sink) -> None:
    code = THREE_SPANS.replace('configure("billing")', 'configure("billing"); configure("other")')
    assert run(code, http_receiver.environment).stderr == ""
    assert list(http_receiver.counts().values()) == [3]
    assert {"billing"} == {resource["service.name"] for resource, _ in http_receiver.spans()}


def test_a_provider_that_is_there_already_is_joined_and_not_replaced(http_receiver: Sink) -> None:
    code = """
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        provider = TracerProvider(resource=Resource.create({"service.name": "theirs"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
        from tracecheck_instrumentation import configure, correlation
        configure("billing")
        with correlation("c-1"):
            trace.get_tracer("app").start_span("a").end()
    """
    result = run(code, http_receiver.environment)
    assert (result.returncode, result.stderr) == (0, "")
    ((resource, span),) = http_receiver.spans("a")
    assert (resource["service.name"], attributes(span)["correlation.id"]) == ("theirs", "c-1")
    assert list(http_receiver.marks().values()) == [1]


@pytest.mark.parametrize("wrong", [{"OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"}, {"OTEL_TRACES_EXPORTER": "pigeon"}])
def test_a_wrong_setting_is_logged_and_the_service_runs(wrong: dict[str, str]) -> None:
    result = run(THREE_SPANS, {"TRACECHECK_EXIT_FLUSH_SECONDS": "0.2"}, wrong)
    assert result.returncode == 0
    assert next(iter(wrong.values())) in result.stderr
    assert "Traceback" not in result.stderr


def test_sigterm_flushes_and_ends_the_process_as_ever(http_receiver: Sink) -> None:
    process = start(THREE_SPANS + "\n    print('ready', flush=True)\n    input()", http_receiver.environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGTERM
    assert list(http_receiver.marks().values()) == [3]
    assert http_receiver.marks() == http_receiver.counts()


def test_a_service_with_its_own_sigterm_handler_keeps_it(http_receiver: Sink) -> None:
    code = """
        import signal, sys
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
    """
    process = start(
        textwrap.dedent(code) + textwrap.dedent(THREE_SPANS) + "\nprint('ready', flush=True)\ninput()",
        http_receiver.environment,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 7
    assert list(http_receiver.marks().values()) == [3]


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_receiver_that_is_down_costs_bounded_memory_and_a_bounded_end(protocol: str) -> None:
    code = """
        import resource, time
        from tracecheck_instrumentation import configure
        configure("billing")
        from opentelemetry import trace
        tracer = trace.get_tracer("app")
        def spans(number):
            for _ in range(number):
                tracer.start_span("a", attributes={"k": "v" * 100}).end()
        spans(5_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        spans(30_000)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, flush=True)
        print(time.time(), flush=True)
    """
    down = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "TRACECHECK_EXIT_FLUSH_SECONDS": "1",
    }
    result = run(code, down)
    ended = time.time()
    assert result.returncode == 0
    grown_kb, last_line = result.stdout.split()
    assert int(grown_kb) < 20_000
    assert ended - float(last_line) < 5.0


def test_importing_the_package_is_light() -> None:
    code = """
        import sys
        import tracecheck_instrumentation
        heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "grpc", "kafka", "requests", "wrapt")
        print([name for name in sys.modules if name in heavy])
    """
    assert run(code).stdout == "[]\n"


def test_a_disabled_instrumentation_is_left_alone() -> None:
    code = """
        from tracecheck_instrumentation import configure
        import kafka
        send = kafka.KafkaProducer.send
        configure("billing")
        print(kafka.KafkaProducer.send is send)
    """
    quiet = {"OTEL_TRACES_EXPORTER": "none"}
    assert run(code, quiet).stdout == "False\n"
    assert run(code, quiet, {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis,kafka-python"}).stdout == "True\n"


def test_opentelemetry_instrument_finds_ours_without_code(
    http_receiver: Sink, kafka_address: str, tmp_path: Path
) -> None:
    topic = f"orders-{uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=kafka_address)
    admin.create_topics([NewTopic(topic, 1, 1)])
    admin.close()
    service = tmp_path / "service.py"
    service.write_text(
        textwrap.dedent(f"""
        from kafka import KafkaConsumer, KafkaProducer, TopicPartition
        producer = KafkaProducer(bootstrap_servers="{kafka_address}")
        producer.send("{topic}", b"1").get(timeout=10)
        consumer = KafkaConsumer(bootstrap_servers="{kafka_address}", group_id="g", auto_offset_reset="earliest")
        consumer.assign([TopicPartition("{topic}", 0)])
        for record in consumer:
            break
        consumer.close()
        """)
    )
    environment = {
        **os.environ,
        **http_receiver.environment,
        "OTEL_SERVICE_NAME": "no-code",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }
    program = Path(sys.executable).with_name("opentelemetry-instrument")
    result = subprocess.run(
        [program, sys.executable, service], env=environment, text=True, capture_output=True, timeout=60, check=False
    )

    assert result.returncode == 0, result.stderr
    ((_, sent),), ((_, processed),) = http_receiver.spans(f"send {topic}"), http_receiver.spans(f"process {topic}")
    assert sent.span_id == processed.parent_span_id
    assert attributes(sent)["correlation.id"] == attributes(processed)["correlation.id"]
