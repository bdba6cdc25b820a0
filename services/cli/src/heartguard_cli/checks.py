"""What must hold before anything is started; each that does not is one sentence."""

import errno
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import psycopg2

from heartguard_cli.trouble import Trouble
from heartguard_cli.urls import Address, asked_at, libpq, parse
from heartguard_common.store_redis import REDIS_FAULTS, make_redis

MEGABYTE = 1_000_000
NEEDED_MEGABYTES = 300
# casefold() and the old and new rows of RETURNING came with 18.
OLDEST_POSTGRESQL = 180_000
INFLUXDB_SECONDS = 60.0  # each of its questions ends by itself, within 20 s at most


class Usage(Protocol):
    """What `shutil.disk_usage` answers."""

    @property
    def free(self) -> int:
        """Bytes."""


def disk(directory: Path, usage: Callable[[Path], Usage] = shutil.disk_usage) -> None:
    """Raise `Trouble` when the disk is nearly full."""
    free = usage(directory).free // MEGABYTE
    if free < NEEDED_MEGABYTES:
        raise Trouble(f"The disk is full: {free} MB are free in {directory} and HeartGuard needs {NEEDED_MEGABYTES} MB")


def free_port(name: str, port: int, address: Address, platform: str = sys.platform) -> None:
    """Raise `Trouble` when somebody else listens on the port of `name` already, or nobody can on that address."""
    if not _taken(port, address):
        return
    hint = ""
    if name == "gateway" and port == 5000 and platform == "darwin":
        hint = " (on macOS that is usually AirPlay Receiver, in System Settings, General, AirDrop & Handoff)"
    raise Trouble(f"Port {port} is already taken{hint}: set {name.upper()}_PORT in .env to a free one")


def _taken(port: int, address: Address) -> bool:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((str(address), port))
        # asked, too: some systems let 127.0.0.1 be bound beside somebody else's wildcard
        with socket.socket(family) as caller:
            caller.settimeout(1)
            return caller.connect_ex((str(asked_at(address)), port)) == 0
    except PermissionError:
        raise Trouble(f"Port {port} may not be used by this account: choose one above 1023") from None
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise Trouble(f"{address} is no address of this machine: set GATEWAY_BIND in .env to one that is") from None
        return True


def database(url: str) -> None:
    """Raise `Trouble` when `DATABASE_URL` can't be reached or is too old; the password is never shown."""
    version = _asked(url, "DATABASE_URL can't be reached")
    if version < OLDEST_POSTGRESQL:
        raise Trouble(f"DATABASE_URL names a PostgreSQL {version // 10_000}: HeartGuard needs 18 or later")


def role(url: str, service: str) -> None:
    """Raise `Trouble` when a service's role can't use its database: nothing answers, or nothing was migrated yet."""
    _asked(url, f"The database can't be used as {service} (has ./heartguard migrate made the roles?)")


def _asked(url: str, complaint: str) -> int:
    """The version of the server behind a URL. Raises `Trouble` with the complaint and what libpq says."""
    where = parse(url)
    try:
        connection = psycopg2.connect(libpq(url), connect_timeout=5)
        version: int = connection.server_version
        connection.close()
    except (psycopg2.Error, UnicodeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if where.password:
            reason = reason.replace(str(where.password), "***")
        raise Trouble(f"{complaint}: {reason}") from None
    return version


def redis_server(url: str) -> None:
    """Raise `Trouble` when `REDIS_URL` can't be reached."""
    try:
        client = make_redis(url, timeout_seconds=5)
    except ValueError as error:
        raise Trouble(f"REDIS_URL {error}") from None
    try:
        client.ping()
    except REDIS_FAULTS as error:
        raise Trouble(f"REDIS_URL can't be reached: {' '.join(str(error).split())}") from None
    finally:
        client.close()


def influxdb(environment: Mapping[str, str]) -> None:
    """Raise `Trouble` with what the influx service, in this environment of its own, finds wrong with its InfluxDB."""
    command = [sys.executable, "-m", "heartguard_influx.check"]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=INFLUXDB_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Trouble(f"INFLUX_URL: the server did not answer within {INFLUXDB_SECONDS:.0f} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Trouble(said[-1] if said else "InfluxDB could not be asked")
