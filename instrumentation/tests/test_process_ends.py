"""The life of a service's process: its sign of life, its flush marks, its forks, and how it ends."""

import signal
import textwrap
import time

import pytest

from instrumentation.tests.child import THREE_SPANS, run, start
from instrumentation.tests.otlp_sink import Sink, attributes
from tests.support.polling import until


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
        "OTEL_EXPORTER_OTLP_TIMEOUT": "120",  # so long an exporter alone would go on trying
        "TRACECHECK_EXIT_FLUSH_SECONDS": "1",
    }
    result = run(code, down)
    ended = time.time()
    assert result.returncode == 0
    grown_kb, last_line = result.stdout.split()
    assert int(grown_kb) < 20_000
    assert ended - float(last_line) < 60.0
