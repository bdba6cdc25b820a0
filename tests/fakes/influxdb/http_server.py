"""A small HTTP server on a free loopback port, whose answers a subclass makes."""

import gzip
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Asked:
    """A request as it came: target with its query, headers with lower-case names, body gunzipped."""

    method: str
    target: str
    headers: dict
    body: str


@dataclass(frozen=True)
class Answered:
    """An answer; `cut` sends half of the body and closes, `hang` waits for the server's end before anything.

    `endless` sends the body again and again, in chunks, until the client has closed the connection.
    """

    status: int
    body: str = ""
    headers: dict = field(default_factory=dict)
    cut: bool = False
    hang: bool = False
    endless: bool = False


class HttpServer:
    """Serves until `close`; `url` is its address. Subclasses define `answer`."""

    def __init__(self):
        self._over = threading.Event()
        self.left = threading.Event()  # a client has closed the connection of an endless answer
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        # A client that resets its connection before accept() would leave a blocking accept(), and `close`, waiting.
        self._server.socket.settimeout(0)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self):
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _handler(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def handle_any(self):
                if outer._over.is_set():  # a connection kept alive from before
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                outer._send(self, outer.answer(Asked(self.command, self.path, headers, body.decode())))

            do_GET = do_POST = do_DELETE = handle_any  # noqa: N815  the names that http.server looks for

        return Handler

    def _send(self, handler, answered):
        if answered.hang:
            self._over.wait()
            handler.close_connection = True
            return
        if answered.endless:
            self._send_for_ever(handler, answered)
            return
        body = answered.body.encode()
        handler.send_response(answered.status)
        for name, value in answered.headers.items():
            handler.send_header(name, value)
        if answered.status != 204:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2] if answered.cut else body)
        if answered.cut:
            handler.close_connection = True

    def _send_for_ever(self, handler, answered):
        handler.close_connection = True
        handler.send_response(answered.status)
        for name, value in answered.headers.items():
            handler.send_header(name, value)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        block = answered.body.encode()
        try:
            while not self._over.is_set():
                handler.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))
        except OSError:
            self.left.set()
