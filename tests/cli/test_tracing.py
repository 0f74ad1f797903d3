"""A run's trace reaches a receiver that speaks OTLP over HTTP; one that says nothing keeps no run for ever."""

import gzip
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cdconf.cli.tracing import send_trace
from cdconf.history.run_events import RunEventWriter
from cdconf.history.spans import root_of, tasks_of
from tests.conftest import cdconf

messages = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
ID = "019aa0000000-0a0b0c0d0e0f"
RECORD = {
    "id": ID,
    "command": "deploy",
    "environment": "production",
    "app": "shop",
    "version": "1.4",
    "commit": "c" * 40,
    "started_at": 1000.0,
    "duration_s": 60.0,
    "exit_code": 0,
    "error": None,
}
EVENTS = [
    {"event": "began", "at": 1000.0},
    {"event": "step", "at": 1010.0, "message": "stage: web1, web2"},
    {"event": "host_step", "at": 1011.0, "message": "unpack", "host": "web1"},
    {"event": "step", "at": 1030.0, "message": "batch 1 of 2: smoke tests: web1"},
]


class Collector(BaseHTTPRequestHandler):
    """Takes traces as a collector does: protobuf, compressed or not; answers with what the server is told to."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf":
            request = messages.ExportTraceServiceRequest()
            request.ParseFromString(body)
            self.server.received.append(request)
        self.server.may_answer.wait(60)
        self.send_response(self.server.code)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def collector(code=200, *, answers=True):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.received, server.code, server.may_answer = [], code, threading.Event()
    if answers:
        server.may_answer.set()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.may_answer.set()
        server.shutdown()
        server.server_close()


def spans_in(server):
    (request,) = server.received
    (resource,) = request.resource_spans
    (scope,) = resource.scope_spans
    return resource.resource, list(scope.spans)


def attributes(one):
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in one.attributes}


def test_a_run_and_its_steps_are_one_trace(tmp_path, monkeypatch, capsys):
    told = RunEventWriter(tmp_path, ID, {"command": "deploy"})
    for event in EVENTS[1:]:
        told.tell(event)
    told.end()
    with collector() as (server, url):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("TRACEPARENT", f"00-{'ab' * 16}-{'cd' * 8}-01")
        send_trace(tmp_path, RECORD)
        resource, (root, stage, smoke) = spans_in(server)
    assert attributes(resource)["service.name"] == "cdconf"
    assert {one.trace_id.hex() for one in (root, stage, smoke)} == {"ab" * 16}
    assert (root.parent_span_id.hex(), root.name, root.kind) == ("cd" * 8, "RUN deploy", root.SPAN_KIND_SERVER)
    assert stage.parent_span_id == smoke.parent_span_id == root.span_id
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (1000 * 10**9, 1060 * 10**9)
    assert attributes(root) == {
        "cicd.pipeline.name": "deploy",
        "cicd.pipeline.action.name": "RUN",
        "cicd.pipeline.run.id": ID,
        "cicd.pipeline.result": "success",
        "cdconf.exit_code": 0,
        "deployment.environment.name": "production",
        "vcs.ref.head.revision": "c" * 40,
        "artifact.version": "1.4",
        "cdconf.app": "shop",
    }
    assert (stage.start_time_unix_nano, stage.end_time_unix_nano) == (1010 * 10**9, 1030 * 10**9)
    assert attributes(smoke)["cicd.pipeline.task.name"] == "smoke tests"
    assert attributes(smoke)["cicd.pipeline.task.type"] == "test"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("code", "result", "failure"),
    [(0, "success", None), (2, "success", None), (1, "failure", "no room"), (4, "failure", "no room")],
)
def test_how_a_run_ended(code, result, failure):
    record = RECORD | {"exit_code": code, "error": "no room" if code in (1, 4) else None}
    assert root_of(record).attributes["cicd.pipeline.result"] == result
    assert root_of(record).failure == failure
    tasks = tasks_of(record, EVENTS)
    assert [one.failure for one in tasks] == [None, failure]
    assert tasks[-1].attributes["cicd.pipeline.task.run.result"] == result


def test_a_run_that_was_cancelled_has_not_failed():
    assert root_of(RECORD | {"exit_code": 130}).attributes["cicd.pipeline.result"] == "cancellation"


def test_a_collector_that_says_nothing_is_a_warning_in_the_end(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("cdconf.cli.tracing.PATIENCE", 0.5)
    with collector(answers=False) as (_, url):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        send_trace(tmp_path, RECORD)
    assert "warning: the run's trace wasn't sent: " in capsys.readouterr().err


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "nonsense", "http://[::1", "ftp://x"])
def test_an_endpoint_that_is_none_is_a_warning(tmp_path, monkeypatch, capsys, endpoint):
    monkeypatch.setattr("cdconf.cli.tracing.PATIENCE", 1.0)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    send_trace(tmp_path, RECORD)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_collector_that_refuses_is_a_warning(tmp_path, monkeypatch, capsys):
    with collector(400) as (_, url):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        send_trace(tmp_path, RECORD)
    assert capsys.readouterr().err == "warning: the run's trace wasn't sent: OSError: the collector didn't take it\n"


def test_a_real_run_sends_its_trace_and_keeps_its_exit_code(project):
    with collector() as (server, url):
        result = cdconf(project, "run", "dev", "--role-typo", OTEL_EXPORTER_OTLP_ENDPOINT=url)
        assert (result.returncode, server.received) == (1, [])
        (project / "inventories/dev/hosts.yml").write_text(
            "hosts: {web1: {address: 127.0.0.1, ssh: {port: 9}, groups: [web]}}\n"
        )
        result = cdconf(project, "run", "dev", "--", "true", OTEL_EXPORTER_OTLP_ENDPOINT=url)
        _, spans = spans_in(server)
    assert result.returncode == 4
    assert attributes(spans[0])["cicd.pipeline.result"] == "failure"
    assert attributes(spans[0])["deployment.environment.name"] == "dev"
