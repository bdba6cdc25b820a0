"""The organization service with a real PostgreSQL and Valkey, and fakes of the other services that record requests."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_organization.settings import Settings
from heartguard_organization.wiring import create_app
from tests.audit_events import recorded_events
from tests.people import found, join
from tests.servers import Database
from tests.tokens import bearer, settings_environ

ERASERS = ("AUTH", "USER", "MEDIA", "INFLUX_SERVICE", "ALARM")


class OtherServices:
    """One HTTP server instead of all other services; `answers` sets another status than 200 for a path."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.callers: set[str] = set()
        self.request_ids: set[str] = set()
        self.answers: dict[str, int] = {}
        other_services = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                scheme, _, pair = self.headers["Authorization"].partition(" ")
                other_services.callers.add(f"{scheme} {base64.b64decode(pair).decode().partition(':')[0]}")
                other_services.request_ids.add(self.headers["X-Request-ID"])
                other_services.calls.append((self.path, body["org_id"]))
                answer = b'{"removed": 1}'
                self.send_response(other_services.answers.get(self.path, 200))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Write no log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables with the URL of this server."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return {f"{eraser}_URL": url for eraser in ERASERS}

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def other_services() -> Iterator[OtherServices]:
    server = OtherServices()
    yield server
    server.close()


@pytest.fixture
def settings(database: Database, redis_url: str, other_services: OtherServices) -> Settings:
    return Settings.from_env(settings_environ("organization", database, redis_url, **other_services.variables))


@pytest.fixture
def start(settings: Settings) -> Iterator[Callable[[], Flask]]:
    """A function that starts the service; all started ones are closed at the end."""
    started: list[Flask] = []

    def begin() -> Flask:
        started.append(create_app(settings))
        return started[-1]

    yield begin
    for app in started:
        app.extensions[LIFECYCLE].close()


@pytest.fixture
def app(start: Callable[[], Flask]) -> Flask:
    return start()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def org(database: Database) -> int:
    return found(database, "O'Brien & <b>Söhne</b>")


@pytest.fixture
def auth(database: Database, org: int) -> dict[str, dict[str, str]]:
    """The Authorization header of a member of each role."""
    return {role: bearer(join(database, org, role), role, org) for role in ("admin", "manager", "user")}


@pytest.fixture
def events(database: Database, redis_url: str) -> Callable[[], list[dict[str, Any]]]:
    """A function that returns the audit events of the service so far."""
    return lambda: recorded_events(database, redis_url)
