"""Calls to another service, which answers over HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from heartguard_common.core.errors import ServiceCallError
from heartguard_common.messages import MediaDownload
from heartguard_common.stores.service_client import ServiceClient

DOWNLOAD = {"url": "http://hg.test/a", "expires_at": "2026-01-01T00:00:00Z"}


@contextmanager
def answering(body: bytes) -> Iterator[ServiceClient]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield ServiceClient(f"http://127.0.0.1:{server.server_port}", "user", "secret")
    finally:
        server.shutdown()
        server.server_close()


def test_an_answer_is_validated_against_its_message() -> None:
    with answering(json.dumps(DOWNLOAD).encode()) as client:
        assert client.get("/media/archives/1", MediaDownload) == DOWNLOAD


@pytest.mark.parametrize("body", [b"", b"<a/>", b"[]", b"null", b'{"url": "http://hg.test/a"}'])
def test_an_answer_without_a_required_member_is_unusable(body: bytes) -> None:
    with answering(body) as client, pytest.raises(ServiceCallError) as caught:
        client.get("/media/archives/1", MediaDownload)
    assert caught.value.row.code == "GEN_502"
