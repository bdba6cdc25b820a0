"""What passes through the gateway, in both directions."""

import gzip
import hashlib
import hmac
import io
import re
import socket
import threading
from collections.abc import Iterator
from http.client import IncompleteRead

import psutil
import pytest

from tests.service.gateway.stack import Backend, GunicornProcess, Handler
from tests.tokens import bearer, operator_auth, service_auth, service_secret

ITEM = "01890a5d-ac96-774b-bcce-b302099a8057"
ME = bearer(12, "admin", 3)
# the example of W3C Trace Context, section 3.2.2.5
TRACE_ID, PARENT_ID = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"


def test_a_request_reaches_its_service_and_the_answer_its_client(gateway: GunicornProcess, backend: Backend) -> None:
    body = b'{"bucket": "org_3"}'
    headers = {**ME, "Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": "k1"}
    answer = gateway.ask("POST", "/timeseries/query?a=1&b=%20x", headers, body)
    assert (answer.status, answer.json) == (200, {"path": "/timeseries/query?a=1&b=%20x", "size": len(body)})
    seen = backend.last
    assert (seen.method, seen.digest) == ("POST", hashlib.sha256(body).hexdigest())
    assert seen.headers["authorization"] == ME["Authorization"]
    assert seen.headers["idempotency-key"] == "k1"
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["content-length"] == str(len(body))


def test_ids_are_the_same_on_both_sides_and_the_gateways_is_its_own(gateway: GunicornProcess, backend: Backend) -> None:
    sent = {**ME, "X-Request-ID": "visit-7", "X-Gateway-Request-ID": "mine", "traceparent": TRACEPARENT}
    answer = gateway.ask("GET", "/users/me", sent)
    assert answer.headers["x-request-id"] == backend.last.headers["x-request-id"] == "visit-7"
    assert answer.headers["x-gateway-request-id"] == backend.last.headers["x-gateway-request-id"] != "mine"
    assert answer.headers["x-gateway-request-id"][14] == "7"
    version, trace, span, flags = backend.last.headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE_ID, "01")
    assert re.fullmatch("[0-9a-f]{16}", span)
    assert span != PARENT_ID


def test_a_trace_that_is_none_goes_no_further_and_takes_its_state_along(
    gateway: GunicornProcess, backend: Backend
) -> None:
    gateway.ask("GET", "/users/me", {**ME, "traceparent": TRACEPARENT, "tracestate": "vendor=1"})
    assert backend.last.headers["tracestate"] == "vendor=1"
    gateway.ask("GET", "/users/me", {**ME, "traceparent": TRACEPARENT.upper(), "tracestate": "vendor=1"})
    assert not {"traceparent", "tracestate"} & set(backend.last.headers)


@pytest.mark.parametrize("inbound", ["x" * 129, "a b", "a;b", "ä"])
def test_an_odd_request_id_is_replaced(gateway: GunicornProcess, inbound: str) -> None:
    answer = gateway.ask("GET", "/users/me", {**ME, "X-Request-ID": inbound.encode("latin-1").decode("latin-1")})
    assert answer.headers["x-request-id"] != inbound
    assert len(answer.headers["x-request-id"]) == 36


PRETENSIONS = [
    ("X-User-ID", "1"),
    ("X-Org-ID", "1"),
    ("X-Role", "admin"),
    ("X-Auth-Request-User", "root"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "https"),
    ("Forwarded", "for=6.6.6.6"),
    ("X-Real-IP", "6.6.6.6"),
    ("X-Client-IP", "6.6.6.6"),
    ("Via", "1.1 me"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-Original-URL", "/audit/events"),
    ("X-Rewrite-URL", "/audit/events"),
    ("Proxy-Authorization", "Basic eA=="),
    ("TE", "trailers"),
    ("Upgrade", "websocket"),
]


def test_a_client_can_not_pretend(subtests: pytest.Subtests, gateway: GunicornProcess, backend: Backend) -> None:
    for name, value in PRETENSIONS:
        with subtests.test(name):
            assert gateway.ask("GET", "/users/me", {**ME, name: value}).status == 200
            assert name.lower() not in backend.last.headers


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO", "X_User_ID", "Content_Length"])
def test_a_name_that_two_readers_could_take_for_another_is_dropped(
    gateway: GunicornProcess, backend: Backend, name: str
) -> None:
    assert gateway.ask("GET", "/users/me", {**ME, name: "/elsewhere"}).status == 200
    assert backend.last.path == "/users/me"
    assert "/elsewhere" not in backend.last.headers.values()


def test_the_address_a_client_claims_is_not_believed(gateway: GunicornProcess, backend: Backend) -> None:
    gateway.ask("GET", "/users/me", {**ME, "X-Forwarded-For": "6.6.6.6"})
    assert backend.last.headers["x-forwarded-for"] == "127.0.0.1"


def test_the_gateway_signs_the_address_it_forwards(gateway: GunicornProcess, backend: Backend) -> None:
    gateway.ask("GET", "/users/me", {**ME, "X-Gateway-Signature": "0" * 64})
    key = hashlib.sha256(service_secret("gateway").encode()).hexdigest()
    expected = hmac.new(key.encode(), b"127.0.0.1", hashlib.sha256).hexdigest()
    assert backend.last.headers["x-gateway-signature"] == expected


def test_what_connection_names_does_not_travel(gateway: GunicornProcess, backend: Backend) -> None:
    gateway.ask("GET", "/users/me", {**ME, "Connection": "keep-alive, X-Private", "X-Private": "1", "X-Public": "2"})
    assert "x-private" not in backend.last.headers
    assert backend.last.headers["x-public"] == "2"


def test_connection_can_not_remove_what_the_gateway_sets(gateway: GunicornProcess, backend: Backend) -> None:
    gateway.ask("GET", "/users/me", {**ME, "Connection": "X-Forwarded-For, X-Gateway-Request-ID"})
    assert {"x-forwarded-for", "x-gateway-request-id"} <= backend.last.headers.keys()


def test_the_inner_network_reaches_inner_routes_through_the_gateway(gateway: GunicornProcess, backend: Backend) -> None:
    assert gateway.ask("GET", "/users/ready").status == 200
    assert "x-forwarded-for" not in backend.last.headers  # for the service it is from the inner network
    assert gateway.ask("GET", "/users/ready", {"X-Forwarded-For": "8.8.8.8"}).status == 401
    assert gateway.ask("GET", "/users/ready", {**operator_auth(), "X-Forwarded-For": "8.8.8.8"}).status == 200
    assert "x-forwarded-for" in backend.last.headers
    assert gateway.ask("GET", "/users/ready", ME).status == 200  # who stands there is let in, whoever it is
    assert gateway.ask("GET", "/users/ready", {**ME, "X-Forwarded-For": "8.8.8.8"}).status == 403


def test_no_service_comes_in_by_the_gateway(gateway: GunicornProcess, backend: Backend) -> None:
    before = len(backend.seen)
    for method, path in (("POST", "/auth/token/introspect"), ("POST", "/audit/events"), ("GET", "/media/exports")):
        answer = gateway.ask(method, path, service_auth("user"), b"{}")
        assert (answer.status, answer.json["error"]["code"]) == (401, "GW_020")
    assert len(backend.seen) == before
    assert gateway.ask("POST", "/auth/token/introspect", ME, b"{}").status == 403


def test_hop_by_hop_headers_of_an_answer_are_removed(gateway: GunicornProcess, backend: Backend) -> None:
    def odd(handler: Handler) -> None:
        handler.reply(
            200,
            b"{}",
            {
                "Connection": "X-Inner",
                "X-Inner": "1",
                "Keep-Alive": "timeout=5",
                "Server": "secret/1.2",
                "X-Request-ID": "not mine",
                "ETag": '"v1"',
                "Cache-Control": "no-store",
                "Vary": "Accept, Cookie",
            },
        )

    with backend.behaving(odd):
        answer = gateway.ask("GET", "/users/me", {**ME, "X-Request-ID": "r1"})
    assert "x-inner" not in answer.headers
    assert "secret" not in str(answer.headers)
    assert answer.headers["x-request-id"] == "r1"
    assert answer.headers["etag"] == '"v1"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Accept, Cookie, Accept-Encoding, Origin"


def test_errors_of_a_service_pass_as_they_are(gateway: GunicornProcess, backend: Backend) -> None:
    def refuse(handler: Handler) -> None:
        handler.read_body()
        handler.reply(422, b"<Error/>", {"Content-Type": "application/xml; charset=utf-8"})

    with backend.behaving(refuse):
        answer = gateway.ask("POST", "/timeseries/query", ME, b"{}")
    assert (answer.status, answer.body) == (422, b"<Error/>")
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"


def test_head_has_the_header_of_get_and_no_body(gateway: GunicornProcess) -> None:
    get, head = (gateway.ask(method, f"/media/content/{ITEM}") for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


def test_large_answers_are_gzipped_when_asked(gateway: GunicornProcess, backend: Backend) -> None:
    for size in (2048, 2049, 200_000):
        text = b'"' + b"x" * (size - 2) + b'"'
        with backend.behaving(lambda handler, text=text: handler.reply(200, text, {"ETag": '"v1"'})):  # type: ignore[misc]
            plain = gateway.ask("GET", "/users/me", ME)
            packed = gateway.ask("GET", "/users/me", {**ME, "Accept-Encoding": "br, gzip"})
            refused = gateway.ask("GET", "/users/me", {**ME, "Accept-Encoding": "gzip;q=0"})
        assert plain.body == refused.body == text
        assert plain.headers["etag"] == '"v1"'
        assert "accept-encoding" in plain.headers["vary"].lower()
        if size > 2048:
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.headers["etag"] == 'W/"v1"'
            assert gzip.decompress(packed.body) == text
        else:
            assert "content-encoding" not in packed.headers


def test_pictures_and_parts_are_not_compressed(gateway: GunicornProcess, backend: Backend) -> None:
    for status, headers in ((200, {"Content-Type": "image/png"}), (206, {"Content-Range": "bytes 0-2999/9000"})):
        with backend.behaving(lambda handler, args=(status, headers): handler.reply(args[0], b"x" * 3000, args[1])):  # type: ignore[misc]
            answer = gateway.ask("GET", f"/media/content/{ITEM}", {"Accept-Encoding": "gzip"})
        assert "content-encoding" not in answer.headers
        assert len(answer.body) == 3000


class Blocks(io.RawIOBase):
    """A large body that is never in memory; hashes what was read."""

    def __init__(self, size: int) -> None:
        self._left = size
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = (b"0123456789abcdef" * 4096)[: min(size if size > 0 else 65536, self._left)]
        self._left -= len(block)
        self.hash.update(block)
        return block


def chunks(body: Blocks) -> Iterator[bytes]:
    while block := body.read(50_000):
        yield block


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_upload_arrives_whole_in_flat_memory(gateway: GunicornProcess, backend: Backend, chunked: bool) -> None:
    size = 40 * 1024 * 1024
    body = Blocks(size)
    before = resident(gateway)
    headers = {**ME, "Content-Type": "application/octet-stream"}
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
        answer = gateway.ask("PUT", "/media/upload?file_name=a", headers, chunks(body), chunked=True)
    else:
        headers["Content-Length"] = str(size)
        answer = gateway.ask("PUT", "/media/upload?file_name=a", headers, body)
    assert answer.status == 200
    assert (backend.last.size, backend.last.digest) == (size, body.hash.hexdigest())
    assert resident(gateway) - before < 12 * 1024 * 1024


def test_a_large_download_arrives_whole_in_flat_memory(gateway: GunicornProcess, backend: Backend) -> None:
    size = 40 * 1024 * 1024
    block = b"0123456789abcdef" * 65536

    def large(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/octet-stream")
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        for _ in range(size // len(block)):
            handler.wfile.write(block)

    before = resident(gateway)
    with backend.behaving(large):
        answer = gateway.ask("GET", f"/media/content/{ITEM}")
    assert answer.headers["content-length"] == str(size)
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(block * 40).digest()
    assert resident(gateway) - before < 12 * 1024 * 1024


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_an_answer_that_breaks_off_is_not_passed_on_as_whole(
    gateway: GunicornProcess, backend: Backend, framing: str
) -> None:
    def cut(handler: Handler) -> None:
        block = b"x" * 100_000
        handler.send_response(200)
        handler.send_header("Content-Type", "application/octet-stream")
        handler.send_header(*framing.split(": "))
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if "chunked" in framing else block)
        handler.close_connection = True

    with backend.behaving(cut), pytest.raises((IncompleteRead, ConnectionError)):
        gateway.ask("GET", f"/media/content/{ITEM}")


def test_events_are_not_held_back(gateway: GunicornProcess, backend: Backend) -> None:
    come = threading.Semaphore(0)

    def events(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(3):
            handler.wfile.write(b"9\r\ndata: 1\n\n\r\n")
            handler.wfile.flush()
            assert come.acquire(timeout=300), "the event has not reached the client"
        handler.wfile.write(b"0\r\n\r\n")

    request = f"GET /media/content/{ITEM} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    with backend.behaving(events), socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as link:
        link.sendall(request.encode())
        answer = b""
        while data := link.recv(65536):
            before = answer.count(b"data: 1\n\n")
            answer += data
            for _ in range(answer.count(b"data: 1\n\n") - before):
                come.release()  # the service sends the next one only now
    assert answer.count(b"data: 1\n\n") == 3


def test_an_upload_that_breaks_off_leaves_the_service_alone(gateway: GunicornProcess, backend: Backend) -> None:
    head = f"PUT /media/upload?file_name=a HTTP/1.1\r\nHost: x\r\nAuthorization: {ME['Authorization']}\r\n"
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as link:
            link.sendall(head.encode() + b"Content-Length: 1000000\r\n\r\n" + b"x" * 100_000)
    assert gateway.ask("GET", "/media/items", ME).status == 200


def resident(gateway: GunicornProcess) -> int:
    """The largest worker's memory in bytes."""
    assert gateway.process is not None
    return max(child.memory_info().rss for child in psutil.Process(gateway.process.pid).children())
