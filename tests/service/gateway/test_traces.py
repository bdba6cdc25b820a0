"""Traces: the spans of one request, through the gateway and a service, as a collector receives them."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from heartguard_common.core.registry import python_path
from tests.servers import Database, Valkey, free_port, until
from tests.service.gateway.stack import GunicornProcess, environ
from tests.tokens import settings_environ

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
INBOUND = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
JSON = {"Content-Type": "application/json"}
REAL = os.environ.get("HEARTGUARD_TEST_OTELCOL")
SERVER, CLIENT = 2, 3


class Received(NamedTuple):
    """A span as the collector has it."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    attributes: dict[str, str]


class Collector:
    """An OTLP/HTTP receiver."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.keys: set[str | None] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                collector.keys.add(self.headers.get("x-api-key"))
                collector.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """A test's output is the test's."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def spans(self) -> list[Received]:
        return [
            Received(
                next(it.value.string_value for it in resource.resource.attributes if it.key == "service.name"),
                span.name,
                span.kind,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                {it.key: it.value.string_value or str(it.value.int_value) for it in span.attributes},
            )
            for body in list(self.bodies)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


Start = Callable[[str], GunicornProcess]


@pytest.fixture(scope="module")
def start(
    module_database: Database, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], GunicornProcess]]:
    """A function that starts a gateway and auth, which send their traces to a URL; returns the gateway."""
    running = []

    def begin(url: str) -> GunicornProcess:
        traces = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=3f%201c"}
        directory = tmp_path_factory.mktemp("traces")
        settings = settings_environ("auth", module_database, valkey.url, **traces)
        (directory / "auth").mkdir()
        auth = GunicornProcess(settings, directory / "auth" / "log", workers=1, service="auth")
        behind = f"http://127.0.0.1:{auth.port}"
        more = {"RATE_LIMIT": "9999/s", "AUTH_URL": behind, **traces}
        gateway = GunicornProcess(
            environ(valkey.url, behind, directory / "spool", **more), directory / "log", workers=1
        )
        for process in (auth, gateway):
            context = process.running()
            context.__enter__()
            running.append(context)
        return gateway

    yield begin
    for context in reversed(running):
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def traced(start: Start, collector: Collector) -> GunicornProcess:
    """The gateway whose traces the collector gets."""
    return start(collector.url)


def test_one_trace_leads_from_the_caller_to_the_statement(traced: GunicornProcess, collector: Collector) -> None:
    credentials = {"email": "marta@example.com", "password": "Secret123"}
    body = json.dumps(credentials).encode()
    assert traced.ask("POST", "/auth/register", JSON, body).status == 201
    assert traced.ask("POST", "/auth/login", {**JSON, **INBOUND}, body).status == 200

    def found() -> list[Received]:
        return [span for span in collector.spans() if span.trace == TRACE]

    # a span is sent when it ends: that of a whole request after those inside of it
    ended = {"heartguard-gateway", "heartguard-auth"}
    until(lambda: ended == {span.service for span in found() if span.kind == SERVER}, "the spans of both requests")
    spans = found()
    by_id = {span.id: span for span in spans}
    root = next(span for span in spans if span.parent == CALLER)
    assert (root.service, root.name, root.kind) == ("heartguard-gateway", "POST /auth/login", SERVER)
    assert (root.attributes["http.route"], root.attributes["http.response.status_code"]) == ("/auth/login", "200")
    stages = [span.name for span in spans if span.parent == root.id and span.service == root.service]
    assert {"match_route", "verify_token", "admit", "forward", "write_audit", "log_access"} <= set(stages)
    redis = next(span for span in spans if span.name.startswith("EVALSHA") and span.service == root.service)
    assert by_id[redis.parent].name == "admit"
    service = next(span for span in spans if span.service == "heartguard-auth" and span.kind == SERVER)
    assert (service.parent, service.name) == (root.id, "POST /auth/login")
    assert service.attributes["heartguard.request_id"] == root.attributes["heartguard.request_id"]
    asked = [span for span in spans if span.parent == service.id]
    assert {span.attributes["db.system.name"] for span in asked} == {"postgresql", "redis"}
    assert any("INSERT INTO" in span.attributes.get("db.query.text", "") for span in asked)
    assert {span.kind for span in asked} == {CLIENT}
    everything = b"".join(collector.bodies)
    assert b"marta" not in everything
    assert b"Secret123" not in everything
    assert collector.keys == {"3f 1c"}


def test_a_call_between_services_is_a_span_of_its_own(
    traced: GunicornProcess, collector: Collector, valkey: Valkey
) -> None:
    credentials = json.dumps({"email": "jan@example.com", "password": "Secret123"}).encode()
    traced.ask("POST", "/auth/register", JSON, credentials)
    token = traced.ask("POST", "/auth/login", JSON, credentials).json["access_token"]
    with valkey.client() as client:
        client.flushall()  # nothing is known of revocations: auth has to be asked
    trace = TRACE[::-1]
    headers = {"Authorization": f"Bearer {token}", "traceparent": f"00-{trace}-{CALLER}-01"}
    assert traced.ask("GET", "/gateway/services", headers).status in (200, 403)
    name = "POST /auth/token/introspect"
    until(lambda: any(span.name == name and span.trace == trace for span in collector.spans()), "introspection")
    by_id = {span.id: span for span in collector.spans()}
    asked = next(span for span in by_id.values() if span.name == name and span.trace == trace)
    until(lambda: asked.parent in {span.id for span in collector.spans()}, "the span of the call")
    call = next(span for span in collector.spans() if span.id == asked.parent)
    assert (call.service, call.kind) == ("heartguard-gateway", CLIENT)


WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from heartguard_common.core import trace
from heartguard_gateway.settings import Settings
from heartguard_gateway.wiring import create_app
create_app(Settings.from_env())
assert trace.SPANS is None
"""


def test_opentelemetry_is_needed_only_with_the_setting(valkey: Valkey, tmp_path: Path) -> None:
    """An environment that ./start_services.sh made without it has none of its packages."""
    settings = environ(valkey.url, "http://127.0.0.1:1", tmp_path)
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": python_path("gateway"), **settings}
    for more, ends in (({}, ""), ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, "requirements-tracing.txt")):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT], env=base | more, capture_output=True, text=True, check=False
        )
        assert done.stderr.strip().endswith(ends), done.stderr
        assert (done.returncode == 0) == (not more)


@pytest.mark.skipif(REAL is None, reason="HEARTGUARD_TEST_OTELCOL names no OpenTelemetry collector")
def test_a_real_collector_takes_them(start: Start, tmp_path: Path) -> None:
    """With the receiver otlp and the exporter debug, as `builder` of go.opentelemetry.io/collector makes one."""
    port = free_port()
    config = {
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}},
        "exporters": {"debug": {"verbosity": "detailed"}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["debug"]}},
        },
    }
    (tmp_path / "config.yaml").write_text(json.dumps(config))
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(REAL), f"--config=file:{tmp_path / 'config.yaml'}"], stdout=stream, stderr=stream
        )
        try:
            until(lambda: "Everything is ready" in log.read_text(), "the collector")
            gateway = start(f"http://127.0.0.1:{port}")
            gateway.ask("GET", "/auth/health", INBOUND)
            until(lambda: log.read_text().count("GET /auth/health") > 1, "the spans of gateway and auth")
            assert TRACE in log.read_text()
        finally:
            process.terminate()
            process.wait(20)
