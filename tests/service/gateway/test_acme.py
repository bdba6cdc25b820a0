"""The recipes for certificates in `deploy`: a local authority signs, the real proxies forward to real gateways."""

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest

from heartguard_common.core.paths import REPO_ROOT
from tests.servers import Valkey, free_port, until
from tests.service.gateway import acme
from tests.service.gateway.stack import Backend, GunicornProcess, environ
from tests.tokens import bearer, mark_ready

NAME = "heartguard.example"
DEPLOY = REPO_ROOT / "deploy"
ME = bearer(12, "admin", 3)
SBIN = f"{os.environ['PATH']}:/usr/sbin"


@contextmanager
def two_gateways(backend: Backend, valkey: Valkey, directory: Path) -> Iterator[list[GunicornProcess]]:
    mark_ready(valkey.url)
    with ExitStack() as running:
        found = []
        for name in ("one", "two"):
            place = directory / name
            place.mkdir()
            more = {"RATE_LIMIT": "100000/min", "TRUSTED_PROXIES": "1"}
            settings = environ(valkey.url, backend.url, place / "spool", **more)
            found.append(GunicornProcess(settings, place / "log", workers=1))
            running.enter_context(found[-1].running())
        yield found


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


class Site(HTTPSConnection):
    """A connection to the proxy, which takes it for one to `NAME`; `certificate` is what it showed."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__(NAME, port, timeout=30, context=context)
        self._trusting = context

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), 30)
        self.sock = self._trusting.wrap_socket(plain, server_hostname=NAME)


def serial(port: int, context: ssl.SSLContext) -> str | None:
    """The number of the certificate that the proxy shows; None while it shows none that is valid."""
    site = Site(port, context)
    try:
        site.connect()
        return str(site.sock.getpeercert()["serialNumber"])
    except OSError:
        return None
    finally:
        site.close()


def ask(site: Site, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    site.request(method, path, body, {**ME, "Host": NAME, **headers})
    answer = site.getresponse()
    return answer.status, answer.read()


def forwards(port: int, plain: int, context: ssl.SSLContext, backend: Backend, gateways: list[GunicornProcess]) -> None:
    """The proxy does what docs/operations.md says of it."""
    site = Site(port, context)
    status, _ = ask(site, "GET", "/users/me", **{"X-Forwarded-For": "203.0.113.9"})
    assert (status, backend.last.headers["x-forwarded-for"]) == (200, "127.0.0.1")
    assert ask(site, "GET", "/gateway/metrics")[0] in {401, 403}
    large = bytes(2_000_000)
    assert ask(site, "POST", "/media/upload", large, **{"Content-Type": "application/octet-stream"})[0] == 200
    assert backend.last.digest == hashlib.sha256(large).hexdigest()
    site.close()

    http = HTTPConnection("127.0.0.1", plain, timeout=30)
    http.request("GET", "/users/me?x=1", headers={"Host": NAME})
    answer = http.getresponse()
    assert (answer.status, answer.headers["Location"].rstrip("/")) == (308, f"https://{NAME}/users/me?x=1")
    http.close()

    gateways[0].process.terminate()
    gateways[0].process.wait(20)
    for _ in range(6):
        site = Site(port, context)
        assert ask(site, "GET", "/users/me")[0] == 200
        site.close()


@pytest.mark.skipif(bool(acme.missing("caddy")), reason="needs the programs caddy and pebble")
def test_caddy_gets_its_certificate_and_forwards(backend: Backend, valkey: Valkey, tmp_path: Path) -> None:
    with two_gateways(backend, valkey, tmp_path) as gateways, acme.running(tmp_path) as authority:
        port = free_port()
        local = f"acme_ca {authority.directory}\n\tacme_ca_root {authority.trusted}\n\tadmin off\n"
        ports = f"\thttp_port {authority.http_port}\n\thttps_port {port}\n\tskip_install_trust\n"
        text = replaced(
            (DEPLOY / "caddy" / "Caddyfile").read_text(),
            ("email operator@heartguard.example\n", f"email operator@heartguard.example\n\t{local}{ports}"),
            (
                f"\n{NAME} {{\n",
                f"\n{NAME} {{\n\ttls {{\n\t\tissuer acme {{\n\t\t\tdisable_tlsalpn_challenge\n\t\t}}\n\t}}\n",
            ),
            ("127.0.0.1:5000", f"127.0.0.1:{gateways[0].port}"),
            ("127.0.0.1:5100", f"127.0.0.1:{gateways[1].port}"),
            ("/var/log/caddy/heartguard.log", str(tmp_path / "access.log")),
        )
        (tmp_path / "Caddyfile").write_text(text)
        with acme.process(
            ["caddy", "run", "--config", str(tmp_path / "Caddyfile"), "--adapter", "caddyfile"], tmp_path
        ):
            context = authority.issuer()
            until(lambda: serial(port, context) is not None, "a certificate for Caddy")
            forwards(port, authority.http_port, context, backend, gateways)


@pytest.mark.skipif(bool(acme.missing("nginx", "certbot")), reason="needs the programs nginx, certbot and pebble")
def test_certbot_gets_and_renews_a_certificate_for_nginx(backend: Backend, valkey: Valkey, tmp_path: Path) -> None:
    with two_gateways(backend, valkey, tmp_path) as gateways, acme.running(tmp_path) as authority:
        port, webroot, state = free_port(), tmp_path / "acme", tmp_path / "letsencrypt"
        webroot.mkdir()
        http = replaced(
            (DEPLOY / "nginx" / "heartguard-http.conf").read_text(),
            ("listen 80", f"listen 127.0.0.1:{authority.http_port}"),
            ("/var/www/acme", str(webroot)),
        )
        https = replaced(
            (DEPLOY / "nginx" / "heartguard.conf").read_text(),
            ("127.0.0.1:5000", f"127.0.0.1:{gateways[0].port}"),
            ("127.0.0.1:5100", f"127.0.0.1:{gateways[1].port}"),
            ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
            ("/etc/letsencrypt", str(state)),
            ("/var/log/nginx/heartguard.log", str(tmp_path / "access.log")),
        )
        nginx = Nginx(tmp_path)
        nginx.configure(http)
        with acme.process([*nginx.command, "-g", "daemon off;"], tmp_path):
            until(lambda: listens(authority.http_port), "nginx")
            certbot(authority, state, "certonly", "--webroot", "--webroot-path", str(webroot), "--domain", NAME)
            nginx.configure(http + https)
            nginx.reload()
            context = authority.issuer()
            until(lambda: serial(port, context) is not None, "nginx with its certificate")
            first = serial(port, context)
            reload = " ".join([*nginx.command, "-s", "reload"])
            certbot(authority, state, "renew", "--force-renewal", "--deploy-hook", reload)
            until(lambda: serial(port, context) not in {None, first}, "the renewed certificate")
            forwards(port, authority.http_port, context, backend, gateways)


class Nginx:
    """An nginx of one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        program = str(shutil.which("nginx", path=SBIN))
        log = str(directory / "error.log")
        self.command = [program, "-e", log, "-p", str(directory), "-c", str(directory / "nginx.conf")]

    def configure(self, sites: str) -> None:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        scratch = "".join(f"{kind}_temp_path {self._directory}/{kind}; " for kind in kinds)
        user = "user root; " if os.geteuid() == 0 else ""
        whole = f"{user}pid {self._directory}/pid; events {{}} http {{ access_log off; {scratch}\n{sites}\n}}"
        (self._directory / "nginx.conf").write_text(whole)

    def reload(self) -> None:
        done = subprocess.run([*self.command, "-s", "reload"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def certbot(authority: acme.Acme, state: Path, *words: str) -> None:
    places = [
        f"--{kind}-dir={state}{suffix}" for kind, suffix in (("config", ""), ("work", "-work"), ("logs", "-logs"))
    ]
    own = ["--non-interactive", "--no-random-sleep-on-renew", "--server", authority.directory, *places]
    account = ["--agree-tos", "--email", "operator@heartguard.example"] if words[0] == "certonly" else []
    environment = {"PATH": SBIN, "HOME": str(state), "REQUESTS_CA_BUNDLE": str(authority.trusted)}
    done = subprocess.run(
        ["certbot", *words, *own, *account], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
