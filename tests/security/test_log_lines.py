"""Clients can't forge log lines: one request is one line of JSON of each program that answered it."""

import itertools
import json
import re
import time
from typing import Any

import pytest
import requests

from tests.protection.callers import World
from tests.running import RunningSystem
from tests.security.lines import all_lines, lines
from tests.security.raw_requests import bearer, request, send

FAKE = '{"timestamp":"2026-01-01T00:00:00Z","level":"error","service":"gateway","request_id":"fake","message":"forged"}'
HOSTILE = [
    f"\n{FAKE}\n", f"\r\n{FAKE}\r\n", f"\u2028{FAKE}\u2028", f"\x85{FAKE}", f'","{FAKE[1:-1]},"x":"',
    '"}', "\\", '\\"',
    "${jndi:ldap://x}", "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\x9b31m", "\x08\x08\x08",
    "%(message)s %s %d {0} {request_id}",
    "\u202egnitseretni", "\x00", "\ud83d\udc93", "\ufeff",
]  # fmt: skip
# What HTTP can carry in a field: no CR, LF or NUL; the rest as bytes.
IN_FIELDS = [text for text in HOSTILE if not re.search("[\r\n\x00\ud83d]", text)]
_numbers = itertools.count(time.time_ns() % 10**9)


def escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def mark() -> str:
    return f"line-{next(_numbers)}"


@pytest.fixture(scope="module", autouse=True)
def logs_stay_lines_of_json(running_system: RunningSystem) -> Any:
    yield
    for _, parsed in all_lines(running_system.clone):
        assert parsed["request_id"] != "fake"
        assert parsed.get("message") != "forged"
    for file in running_system.clone.layout.log.glob("*.log"):
        # nothing but printable ASCII: no terminal obeys a log
        assert not re.search(rb"[^\x20-\x7e\n\t]", file.read_bytes()), file.name


def one_line_each(system: RunningSystem, ids: list[str], service: str | None = None) -> None:
    found = lines(system.clone, ids)
    for each in ids:
        assert len(found[each]["gateway"]) == 1, found[each]
        if service:
            assert len([line for line in found[each][service] if "route" in line]) == 1, found[each]


def test_header_fields_cannot_forge_log_lines(running_system: RunningSystem, world: World) -> None:
    who = world.regulars["user"]
    ids = []
    for text in IN_FIELDS:
        for field in ("User-Agent", "Referer", "Accept-Language", "X-Note", "traceparent", "Idempotency-Key"):
            ids.append(mark())
            data = request(
                "GET", "/users/me", f"X-Request-ID: {ids[-1]}", f"{field}: x{text}x".encode(), *bearer(who.bearer),
                "Connection: close",
            )  # fmt: skip
            answer = send(running_system.gateway_url, data)
            if answer.all("x-request-id") != [ids[-1]]:
                ids.pop()  # refused before the id was read
                assert answer.status == 400
    assert ids
    one_line_each(running_system, ids, "user")


def test_paths_and_queries_cannot_forge_log_lines(running_system: RunningSystem, world: World) -> None:
    who = world.regulars["admin"]
    ids = []
    for text in HOSTILE:
        for target in (f"/users/{escaped(text)}", f"/timeseries/buckets/{escaped(text)}", f"/users?q={escaped(text)}",
                       f"/users?{escaped(text)}=1", f"/schemas/{escaped(text)}"):  # fmt: skip
            ids.append(mark())
            data = request("GET", target, f"X-Request-ID: {ids[-1]}", *bearer(who.bearer), "Connection: close")
            assert send(running_system.gateway_url, data).status in (200, 400, 403, 404, 405, 422)
    one_line_each(running_system, ids)


def test_documents_cannot_forge_log_lines(running_system: RunningSystem, world: World) -> None:
    admin, url = world.found(), running_system.gateway_url
    ids = []
    for text in HOSTILE:
        name = f"x{text}x"
        for method, path, document in (
            ("PUT", "/organization", {"name": name}),
            ("PUT", "/users/me", {"full_name": name}),
            ("POST", "/media/uploads", {"file_name": name, "content_type": "text/plain", "size": 2}),
            ("POST", "/audit/events", {"actor": name, "action": name, "service": name, "payload": {"x": name}}),
            ("POST", "/auth/login", {"email": f"{name}@hg.io", "password": name}),
            ("POST", "/timeseries/buckets", {"bucket": name}),
        ):
            for body in (json.dumps(document).encode(), f"{name} is no JSON".encode("utf-8", "replace")):
                ids.append(mark())
                headers = {**admin.bearer, "X-Request-ID": ids[-1], "Content-Type": "application/json"}
                answer = requests.request(method, url + path, data=body, headers=headers, timeout=60)
                assert answer.status_code < 500, answer.text
    one_line_each(running_system, ids)


NO_REQUESTS = [
    f"GET /users/me\x1b[2J{FAKE} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    b'G"ET /users/me HTTP/1.1\r\nHost: x\r\n\r\n',
    b"GET /users/me HTTP/7\x1b[31m\r\nHost: x\r\n\r\n",
    b"GET /users/me HTTP/1.1\r\nHost: x\r\nA\x1b[2J: 1\r\n\r\n",
    b"GET /users/me HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x1b[2J\r\n\r\n",
    b"GET /users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer abcdefgh-secret-of-mine\x00\r\n\r\n",
    b"GET /users/me HTTP/1.1\r\nHost: x\r\nContent-Length: 1\x0b\r\n\r\n",
    f"GET /users/me?password=abcdefgh-secret-of-mine HTTP/9\r\nHost: x\r\n\r\n{FAKE}\r\n".encode(),
]


def test_malformed_requests_cannot_forge_log_lines(
    subtests: pytest.Subtests, running_system: RunningSystem, world: World
) -> None:
    for entry_point in ["gateway", "user"]:
        for data in NO_REQUESTS:
            with subtests.test(f"{entry_point} {data}"):
                before = len(all_lines(running_system.clone))
                assert send(world.urls[entry_point], data).status >= 400
                log = (running_system.clone.layout.log / f"{entry_point}.log").read_text()
                assert len(all_lines(running_system.clone)) >= before
                assert "abcdefgh-secret-of-mine" not in log
