"""What is sent again, after how long, and what is not. The server of these tests answers as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from heartguard_client.credentials import ApiKey
from heartguard_client.errors import NoAnswerError, RateLimitError, ServerError
from heartguard_client.retry import RetryPolicy, retry_after
from heartguard_client.transport import Transport

LOST = 0
"""In place of a status: the connection is closed without an answer."""


class Told(ThreadingHTTPServer):
    """Answers with the given statuses, one after the other; the last one again and again."""

    def __init__(self, answers: list[tuple[int, dict[str, str]]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.keys: list[str | None] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        assert isinstance(self.server, Told)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.keys.append(self.headers.get("Idempotency-Key"))
        status, headers = self.server.answers[0]
        if len(self.server.answers) > 1:
            del self.server.answers[0]
        if status == LOST:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def told(*answers: int | tuple[int, dict[str, str]]) -> Iterator[tuple[Told, Transport, list[float]]]:
    """The server, a transport to it, and the seconds for which it waited."""
    server = Told([(it, {}) if isinstance(it, int) else it for it in answers])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    waits: list[float] = []
    policy = RetryPolicy(total=60, first=1, longest=8, jitter=lambda: 1.0)
    url = f"http://127.0.0.1:{server.server_port}"
    transport = Transport(url, None, retry=policy, timeout=5, agent="test", sleep=waits.append)
    try:
        yield server, transport, waits
    finally:
        transport.close()
        server.shutdown()
        server.server_close()


def test_delays_double_up_to_the_longest():
    with told(503, 502, 504, LOST, 503, 200) as (server, transport, waits):
        transport.send("GET", "users/me")
    assert waits == [1, 2, 4, 8, 8]
    assert len(server.keys) == 6


def test_what_the_server_says_is_waited_for():
    with told((429, {"Retry-After": "7"}), 200) as (_, transport, waits):
        transport.send("GET", "users/me")
    assert waits == [7]


def test_a_wait_that_ends_too_late_is_not_begun():
    with told((429, {"Retry-After": "3600"})) as (server, transport, waits), pytest.raises(RateLimitError) as caught:
        transport.send("GET", "users/me")
    assert (waits, len(server.keys), caught.value.retry_after) == ([], 1, 3600)


@pytest.mark.parametrize("answer", [LOST, 503])
def test_a_post_is_repeated_only_under_a_key_and_always_under_the_same(answer):
    with told(answer, 200) as (server, transport, _):
        with pytest.raises((NoAnswerError, ServerError)):
            transport.send("POST", "media/upload", document={})
        assert server.keys == [None]
    with told(answer, 200) as (server, transport, _):
        transport.send("POST", "media/upload", document={}, headers={"Idempotency-Key": "k1"})
        assert server.keys == ["k1", "k1"]


def test_a_refusal_for_good_is_not_repeated():
    with told(500) as (server, transport, _), pytest.raises(ServerError):
        transport.send("GET", "users/me")
    assert len(server.keys) == 1


def test_a_signed_url_of_another_host_gets_no_token():
    sent = []
    with told(200) as (server, _, _):
        transport = Transport("http://127.0.0.1:9", ApiKey("secret"), retry=RetryPolicy(), timeout=5, agent="test")
        session = transport._session()
        session.hooks["response"].append(lambda answer, **_: sent.append(answer.request.headers.get("Authorization")))
        transport.send("GET", f"http://127.0.0.1:{server.server_port}/media/content/1")
        transport.close()
    assert sent == [None]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 30),
        ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, seconds):  # examples of RFC 9110 sections 5.6.7 and 10.2.3
    assert retry_after({"Retry-After": value}, now=lambda: 784111777 - 30) == seconds
