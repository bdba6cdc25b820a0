"""Real services that talk to each other over real HTTP, within the test's process.

with running_services(database, redis_url, "auth", "user") as stack:
    stack.client("user").get("/users/me", headers=...)
"""

import importlib
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import WSGIRequestHandler, make_server

from heartguard_common.core.lifecycle import LIFECYCLE
from heartguard_common.core.registry import SERVICES
from tests.people import LIGHT
from tests.servers import Database
from tests.tokens import settings_environ


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # an answer that is cut off must look so

    def log(self, *_: Any) -> None:
        """A test's output is the test's."""


@dataclass
class RunningServices:
    """The services that run; `closed` ones answer nothing but 503."""

    environ: dict[str, str]
    database: Database
    redis_url: str
    apps: dict[str, Flask] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)

    def start(self, name: str, **more: Any) -> Flask:
        """Make a service's application, in the place of the one before."""
        self.stop(name)
        environ = settings_environ(name, self.database, self.redis_url, **self.environ, **more)
        settings = importlib.import_module(f"heartguard_{name}.settings").Settings.from_env(environ)
        light = {"hasher": LIGHT} if name == "auth" else {}
        self.apps[name] = importlib.import_module(f"heartguard_{name}.wiring").create_app(settings, **light)
        return self.apps[name]

    def stop(self, name: str) -> None:
        """Close a service's application."""
        if name in self.apps:
            self.apps.pop(name).extensions[LIFECYCLE].close()

    def client(self, name: str) -> FlaskClient:
        """A client of one service, without a socket."""
        return self.apps[name].test_client()

    def __call__(self, name: str, environ: Any, start_response: Any) -> Any:
        """Answer a request that came over the network."""
        self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        self.traces.append(environ.get("HTTP_TRACEPARENT", ""))
        if name in self.closed or name not in self.apps:
            start_response("503 Service Unavailable", [("Content-Length", "0"), ("Connection", "close")])
            return [b""]
        return self.apps[name](environ, start_response)


@contextmanager
def running_services(database: Database, redis_url: str, *names: str, **more: str) -> Iterator[RunningServices]:
    """The named services, each knowing where the others are."""
    with ExitStack() as exit_stack:
        scratch = exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="heartguard-services-"))
        stack = RunningServices({"MEDIA_DIR": scratch, **more}, database, redis_url)
        for name in names:
            url = exit_stack.enter_context(_listening(stack, name))
            stack.environ[SERVICES[name].url] = url
        for name in names:
            stack.start(name)
            exit_stack.callback(stack.stop, name)
        yield stack


@contextmanager
def _listening(stack: RunningServices, name: str) -> Iterator[str]:
    def answer(environ: Any, start_response: Any) -> Any:
        return stack(name, environ, start_response)

    server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
