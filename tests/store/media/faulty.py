"""A faulty network between media and its store: a proxy before the emulator that answers as a test wants."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import requests


class FaultyStore:
    """Passes requests on; the faults, one for each request in turn, come before that or instead.

    A fault is a status to answer instead, "reset" to hang up without passing on, "lost" to pass on and hang up
    before the answer, "silent" to pass nothing on and keep quiet until the client has gone, None to pass on.
    """

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.faults: list[int | str | None] = []
        self.always: int | str | None = None
        self.seen: list[tuple[str, str]] = []
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["FaultyStore"]:
        """Serve on a free port."""
        store = self

        class Handler(_Handler):
            pass

        Handler.store = store
        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            server.handle_error = lambda *_: None
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: FaultyStore

    def log_message(self, *_) -> None:
        pass

    def handle_any(self) -> None:
        store = self.store
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = None
        # The library reads the bucket itself in a thread of its own, for its traces: that is no call of the service.
        if urlsplit(self.path).path.partition("/b/")[2].count("/"):
            store.seen.append((self.command, self.path))
            fault = store.faults.pop(0) if store.faults else store.always
        if fault == "silent":
            self.rfile.read(1)  # until the client hangs up
        elif isinstance(fault, int):
            self.send_response(fault)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        elif fault != "reset":
            self._pass_on(body, answer=fault is None)
        self.close_connection = fault is not None

    def _pass_on(self, body: bytes, *, answer: bool) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        found = requests.request(
            self.command, self.store.behind + self.path, data=body, headers=headers, timeout=60, allow_redirects=False
        )
        if not answer:
            return
        self.send_response(found.status_code)
        for name, value in found.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "content-encoding", "connection", "date"):
                # Upload sessions lead back here, not past us.
                self.send_header(name, value.replace(self.store.behind, self.store.url))
        self.send_header("Content-Length", str(len(found.content)))
        self.end_headers()
        self.wfile.write(found.content)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815
