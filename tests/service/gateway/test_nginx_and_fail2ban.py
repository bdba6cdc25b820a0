"""The nginx configuration and the fail2ban filter of `deploy`: by their text everywhere, and really where nginx is."""

import hashlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from heartguard_common.core.paths import REPO_ROOT
from tests.servers import Valkey, free_port, until
from tests.service.gateway.stack import Backend, GunicornProcess, environ
from tests.tokens import bearer, mark_ready

TEXT = (REPO_ROOT / "deploy" / "nginx" / "heartguard.conf").read_text()
FILTER = (REPO_ROOT / "deploy" / "fail2ban" / "heartguard.conf").read_text()
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
ME = bearer(12, "admin", 3)


def directives(text: str) -> list[tuple[str, ...]]:
    """Every directive with the blocks around it in front; fails where braces or semicolons are missing."""
    found, path, words = [], [], []
    for token in re.findall(r'"[^"]*"|[{};]|[^\s{};]+', re.sub(r"#[^\n]*", "", text)):
        if token in "{;}":
            assert bool(words) == (token != "}"), token
            if token == ";":
                found.append((*path, *words))
            elif token == "{":
                path.append(" ".join(words))
            else:
                path.pop()
            words = []
        else:
            words.append(token)
    assert path == []
    assert words == []
    return found


def test_the_nginx_configuration_agrees_with_the_gateway() -> None:
    known = directives(TEXT)
    location = {line[2]: line[3:] for line in known if line[:2] == ("server", "location /")}
    assert len([line for line in known if line[:2] == ("upstream heartguard_gateways", "server")]) == 2
    assert location["proxy_pass"] == ("http://heartguard_gateways",)
    assert ("server", "location /", "proxy_set_header", "X-Forwarded-For", "$proxy_add_x_forwarded_for") in known
    assert (location["proxy_buffering"], location["proxy_request_buffering"]) == (("off",), ("off",))
    (size,) = [line[2] for line in known if line[:2] == ("server", "client_max_body_size")]
    (largest,) = re.findall(r"^MAX_UPLOAD_MB=(\d+)", (REPO_ROOT / ".env.example").read_text(), re.MULTILINE)
    assert int(size.removesuffix("m")) > int(largest)


@contextmanager
def stack(backend: Backend, valkey: Valkey, directory: Path) -> Iterator[tuple[list[GunicornProcess], int, Path]]:
    """Two gateways, and nginx in front of them where it is installed; else none, at port 0."""
    mark_ready(valkey.url)
    gateways = []
    for name in ("one", "two"):
        place = directory / name
        place.mkdir()
        more = {"RATE_LIMIT": "100000/min", "TRUSTED_PROXIES": "1"}
        gateways.append(
            GunicornProcess(environ(valkey.url, backend.url, place / "spool", **more), place / "log", workers=1)
        )
    port, log = free_port(), directory / "access.log"
    certificate = directory / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    subprocess.run(
        [*made, "-subj", "/CN=heartguard.example", "-keyout", directory / "key.pem", "-out", certificate],
        check=True,
        capture_output=True,
    )
    text = TEXT
    for old, new in (
        ("127.0.0.1:5000", f"127.0.0.1:{gateways[0].port}"),
        ("127.0.0.1:5100", f"127.0.0.1:{gateways[1].port}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/letsencrypt/live/heartguard.example/fullchain.pem", str(certificate)),
        ("/etc/letsencrypt/live/heartguard.example/privkey.pem", str(directory / "key.pem")),
        ("/var/log/nginx/heartguard.log", str(log)),
    ):
        assert old in text
        text = text.replace(old, new)
    scratch = "".join(
        f"{name}_temp_path {directory}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = directory / "nginx.conf"
    main.write_text(
        f"daemon off; pid {directory}/pid; error_log {directory}/error.log;"
        f"{'user root;' if os.geteuid() == 0 else ''} events {{}} http {{ access_log off; {scratch}\n{text}\n}}"
    )
    with gateways[0].running(), gateways[1].running(), _served(main, port):
        yield gateways, port, log


@contextmanager
def _served(main: Path, port: int) -> Iterator[None]:
    assert NGINX is not None
    command = [NGINX, "-e", str(main.parent / "error.log"), "-p", str(main.parent), "-c", str(main)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    server = subprocess.Popen(command)
    try:
        until(lambda: _listens(port), "nginx")
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, bytes]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def through_nginx(backend: Backend, valkey: Valkey, directory: Path) -> list[str]:
    """Requests through a real nginx; returns its access log."""
    with stack(backend, valkey, directory) as (gateways, port, log):
        status, _ = ask(port, "GET", "/users/me", {**ME, "X-Forwarded-For": "203.0.113.9"})
        # the address that a client claims is not trusted: the address is the one that nginx saw
        assert (status, backend.last.headers["x-forwarded-for"]) == (200, "127.0.0.1")
        assert ask(port, "GET", "/gateway/metrics", {})[0] in (401, 403)
        large = bytes(2_000_000)
        assert ask(port, "POST", "/media/upload", {**ME, "Content-Type": "application/octet-stream"}, large)[0] == 200
        assert backend.last.digest == hashlib.sha256(large).hexdigest()
        assert ask(port, "POST", "/auth/login", {"Content-Type": "text/css"}, b"x")[0] in (200, 401, 415)
        gateways[0].process.send_signal(signal.SIGTERM)
        gateways[0].process.wait(20)
        assert [ask(port, "GET", "/users/me", ME)[0] for _ in range(6)] == [200] * 6
        return log.read_text().splitlines()


def test_two_gateways_behind_tls(backend: Backend, valkey: Valkey, tmp_path: Path) -> None:
    if NGINX is None:
        # the text alone, as above: nginx comes from no package index
        assert directives(TEXT)
        return
    lines = through_nginx(backend, valkey, tmp_path)
    assert len(lines) == 10
    (login,) = [line for line in lines if "/auth/login" in line]
    refused = re.sub(r'" \d{3} ', '" 401 ', login)
    assert banned(refused) == "127.0.0.1"


def banned(line: str) -> str | None:
    """The address that the filter would ban for a line, as fail2ban reads it: `<HOST>` is an address."""
    (pattern,) = re.findall(r"^failregex = (.*)$", FILTER, re.MULTILINE)
    match = re.search(pattern.replace("<HOST>", r"(?P<host>[0-9a-fA-F.:]+)"), line)
    return match["host"] if match else None


LOGINS = [
    ("POST /auth/login HTTP/1.1", 401, "203.0.113.9"),
    ("POST /api/v1/auth/login HTTP/1.1", 401, "203.0.113.9"),
    ("POST /auth/login?format=xml HTTP/2.0", 429, "203.0.113.9"),
    ("POST /auth/password/code HTTP/1.1", 401, "203.0.113.9"),
    ("POST /auth/password/reset HTTP/1.1", 403, "203.0.113.9"),
    ("POST /auth/login HTTP/1.1", 403, None),
    ("POST /auth/login HTTP/1.1", 200, None),
    ("GET /auth/login HTTP/1.1", 401, None),
    ("GET /users/me HTTP/1.1", 401, None),
    ("POST /auth/loginx HTTP/1.1", 401, None),
]


def test_the_filter_bans_for_refused_logins_only(subtests: pytest.Subtests) -> None:
    for request_line, status, host in LOGINS:
        with subtests.test(f"{request_line} {status} {host}"):
            line = f'203.0.113.9 - - [01/Jan/2026:00:00:01 +0000] "{request_line}" {status} 99 "-" "curl/8"'
            assert banned(line) == host
