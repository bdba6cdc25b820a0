"""A gateway as it runs in production, in front of a scripted service."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from heartguard_common.core.registry import SERVICES, python_path
from tests.servers import free_port, measured, until
from tests.tokens import JWT_SECRET, OPERATOR_TOKEN, service_secret

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Seen:
    """One request as the service got it."""

    method: str
    path: str
    headers: dict[str, str]
    size: int = 0
    digest: str = ""


@dataclass
class Backend:
    """A service: remembers what it got, answers what `behaviour` says."""

    behaviour: Callable[["Handler"], None] | None = None
    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Seen:
        return self.seen[-1]

    @contextmanager
    def running(self) -> Iterator["Backend"]:
        backend = self

        class Bound(Handler):
            stack = backend

        with _Server(("127.0.0.1", self.port), Bound) as server:
            self.port, self.server = server.server_port, server
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    @contextmanager
    def behaving(self, behaviour: Callable[["Handler"], None]) -> Iterator[None]:
        """Answer in this way for a while."""
        self.behaviour = behaviour
        try:
            yield
        finally:
            self.behaviour = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """A gateway that hangs up on purpose is no news."""


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with kept connections."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stack: Backend

    def log_message(self, *_: Any) -> None:
        pass

    def read_body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            blocks = []
            while size := int(self.rfile.readline(), 16):
                blocks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(blocks)
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self) -> None:
        seen = Seen(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        self.stack.seen.append(seen)
        if self.stack.behaviour is not None:
            self.stack.behaviour(self)
            return
        body = self.read_body()
        seen.size, seen.digest = len(body), hashlib.sha256(body).hexdigest()
        self.reply(200, json.dumps({"path": self.path, "size": len(body)}).encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


def environ(redis_url: str, backend_url: str, spool: Path, **more: str) -> dict[str, str]:
    """The gateway's settings; `more` adds variables or takes their place."""
    digests = {name: hashlib.sha256(service_secret(name).encode()).hexdigest() for name in SERVICES}
    digests["operator"] = hashlib.sha256(OPERATOR_TOKEN.encode()).hexdigest()
    names = [service.url for name, service in SERVICES.items() if name != "gateway"]
    return {
        "REDIS_URL": redis_url,
        "SERVICE_SECRET": service_secret("gateway"),
        "SERVICE_CREDENTIALS": ",".join(f"{name}:{digest}" for name, digest in digests.items()),
        "JWT_SECRET": JWT_SECRET,
        "SPOOL_DIR": str(spool),
        "ALLOWED_ORIGINS": "https://portal.example",
        **dict.fromkeys(names, backend_url),
        **more,
    }


GATEWAY = ("--config", "python:heartguard_gateway.gunicorn_conf")
SERVICE = ("--config", "python:heartguard_common.runtime.gunicorn_hooks")


def vouch(handler: Handler) -> None:
    """What auth says of every token that it is asked about because Redis is slow to answer."""
    handler.read_body()
    handler.reply(200, b'{"active": true}')


def vouching(backend: Backend) -> Backend:
    """The same service, but every token is good: a busy machine's Redis answers late, and then auth is asked."""

    def answer(handler: Handler) -> None:
        if handler.path == "/auth/token/introspect":
            vouch(handler)
            return
        handler.stack = backend
        try:
            handler.handle_any()
        finally:
            del handler.stack

    return Backend(answer)


class GunicornProcess:
    """One gunicorn with the gateway's worker class; or with another service, to put behind it."""

    def __init__(
        self,
        settings: dict[str, str],
        log: Path,
        workers: int = 2,
        service: str = "gateway",
        root: Path = ROOT,
        port: int = 0,
        threads: int = 8,
    ) -> None:
        self.port = port or free_port()
        self._settings = settings
        self._made = {"workers": workers, "service": service, "root": root, "threads": threads}
        self._health = f"{SERVICES[service].prefix}/health"
        self.log = log
        metrics = log.parent / f"metrics-{self.port}"
        metrics.mkdir()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._environ = {
            **(kept | measured() | settings),
            "PYTHONPATH": python_path(service, root=root),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        }
        kind = GATEWAY if service == "gateway" else (*SERVICE, "--threads", str(threads))
        self._command = [
            *(sys.executable, "-m", "gunicorn", *kind),
            *("--workers", str(workers), "--bind", f"127.0.0.1:{self.port}", "app:app"),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def again(self, log: Path, **settings: str) -> "GunicornProcess":
        """Another one of the same service at another port, with the same settings but for those that are given."""
        made = {**self._made, "settings": {**self._settings, **settings}}
        return GunicornProcess(log=log, **made)  # type: ignore[arg-type]

    @contextmanager
    def running(self) -> Iterator["GunicornProcess"]:
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(self._command, env=self._environ, stdout=stream, stderr=stream)
            try:
                until(self._answers, f"answer to {self._health}")
                yield self
            finally:
                self.process.send_signal(signal.SIGTERM)
                self.process.wait(20)

    def ask(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: Any = None,
        *,
        chunked: bool = False,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, target, body, headers or {}, encode_chunked=chunked)
            response: HTTPResponse = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()

    def raw(self, data: bytes, *, ends: bool = False) -> bytes:
        """Bytes out, and all that comes back until the gateway closes; `ends` says that no more bytes will come."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as link:
            link.sendall(data)
            if ends:
                link.shutdown(socket.SHUT_WR)
            blocks = []
            while block := link.recv(65536):
                blocks.append(block)
            return b"".join(blocks)

    def lines(self) -> list[dict[str, Any]]:
        """The JSON lines of the log."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(self.log.read_text()[-3000:])
        try:
            return self.ask("GET", self._health).status == 200
        except OSError:
            return False


def read_answer(link: socket.socket) -> tuple[str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        block = link.recv(65536)
        assert block, data
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    text = head.decode("latin-1").lower()
    length = int(text.split("content-length: ")[1].split("\r\n")[0])
    while len(body) < length:
        body += link.recv(65536)
    return text, body
