"""A proxy before the gateway that spoils chosen answers, to see whether validate_endpoints.sh notices."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from lxml import etree

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
# What later rows are made of: a row that lost one of these would take others with it. And what a job has only when it
# is done: no row can ask for it.
KEPT = {"access_token", "refresh_token", "org_id", "id", "name", "url", "bucket", "code", "result_url"}


@dataclass
class Reply:
    """One answer on its way to the caller."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0]

    @property
    def document(self) -> bool:
        """Whether it is a document of ours: not a file, a stream of bytes or a text."""
        schema = b'"$schema"' in self.body or b"<xs:schema" in self.body
        return bool(self.body) and not schema and self.media_type in ("application/json", "application/xml")


Spoiler = Callable[[str, Reply], None]
"""Changes a reply; the text is the number of the row that asked, from the request's X-Request-ID."""


@contextmanager
def spoiling_proxy(gateway_url: str, spoil: Spoiler) -> Iterator[str]:
    """The URL of a proxy before `gateway_url` whose answers go through `spoil`."""
    place = urlsplit(gateway_url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply = forward(place.hostname, place.port, self.command, self.path, dict(self.headers), sent)
            spoil((self.headers.get("X-Request-ID") or "").rpartition("-")[2], reply)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_OPTIONS = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def forward(host: str | None, port: int | None, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
    connection = http.client.HTTPConnection(host or "", port, timeout=60)
    try:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
        return Reply(answer.status, kept, answer.read())
    finally:
        connection.close()


def lose_a_field(reply: Reply) -> bool:
    """Take the last member or element away that no later row needs; False when there is none to take."""
    if reply.media_type in ("application/json", "application/problem+json"):
        document = json.loads(reply.body)
        inner = document.get("error", document)
        names = [name for name in inner if name not in KEPT]
        if names:
            del inner[names[-1]]
            reply.body = json.dumps(document).encode()
        return bool(names)
    root = etree.fromstring(reply.body)
    elements = [element for element in root if etree.QName(element).localname not in KEPT]
    if elements:
        root.remove(elements[-1])
        reply.body = etree.tostring(root)
    return bool(elements)


def change_root(reply: Reply) -> bool:
    """Name the root element otherwise; False in JSON, which has none."""
    if reply.media_type != "application/xml":
        return False
    root = etree.fromstring(reply.body)
    root.tag = "Other"
    reply.body = etree.tostring(root)
    return True


def put_json_under_xml(reply: Reply) -> bool:
    """Send JSON and still call it XML; False for what is not called XML."""
    if reply.media_type != "application/xml":
        return False
    reply.body = json.dumps({element.tag: element.text for element in etree.fromstring(reply.body)}).encode()
    return True


def pretend_success(reply: Reply) -> bool:
    """Say 200 where it was a refusal; False for what was none."""
    refused = reply.status >= 400
    reply.status = 200 if refused else reply.status
    return refused
