"""An ACME authority of one test: Pebble, and a DNS server that has every name at 127.0.0.1."""

import json
import os
import shutil
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import free_port, until
from tests.tls import Authority

PROGRAMS = ("pebble", "pebble-challtestsrv")


@dataclass(frozen=True)
class Acme:
    """A running authority: its directory, the file that HTTPS to it is verified with, and where it asks for challenges.

    `http_port` is in the place of port 80.
    """

    directory: str
    trusted: Path
    http_port: int
    management: str

    def issuer(self) -> ssl.SSLContext:
        """A context that trusts the certificates which it signs, and nothing else."""
        asked = urllib.request.urlopen(f"{self.management}/roots/0", context=self._to_pebble())
        context = ssl.create_default_context(cadata=asked.read().decode())
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    def _to_pebble(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.trusted))


def missing(*more: str) -> list[str]:
    """The programs that are not installed."""
    return [name for name in (*PROGRAMS, *more) if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]


@contextmanager
def running(directory: Path) -> Iterator[Acme]:
    """Start the authority, and end it."""
    authority = Authority.make(directory)
    authority.server()  # writes the key and the certificate of 127.0.0.1 into one file
    served = authority.file.with_suffix(".server")
    api, management, http, dns = (free_port() for _ in range(4))
    config = {
        "listenAddress": f"127.0.0.1:{api}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(served),
        "privateKey": str(served),
        "httpPort": http,
        "tlsPort": free_port(),
        "ocspResponderURL": "",
    }
    (directory / "pebble.json").write_text(json.dumps({"pebble": config}))
    names = ["pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", f"127.0.0.1:{dns}"]
    unused = [*("-http01", ""), *("-https01", ""), *("-tlsalpn01", ""), *("-management", f"127.0.0.1:{free_port()}")]
    pebble = ["pebble", "-config", str(directory / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}"]
    with _process([*names, *unused], directory), _process(pebble, directory, {"PEBBLE_VA_NOSLEEP": "1"}):
        acme = Acme(f"https://127.0.0.1:{api}/dir", authority.file, http, f"https://127.0.0.1:{management}")
        until(lambda: _answers(acme), "Pebble")
        yield acme


def _answers(acme: Acme) -> bool:
    try:
        urllib.request.urlopen(acme.directory, context=acme._to_pebble()).close()
    except OSError:
        return False
    return True


@contextmanager
def _process(command: list[str], directory: Path, more: Mapping[str, str] | None = None) -> Iterator[None]:
    log = directory / f"{Path(command[0]).name}.log"
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), **(more or {})}
    with log.open("wb") as stream, subprocess.Popen(command, stdout=stream, stderr=stream, env=environment) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


process = _process
