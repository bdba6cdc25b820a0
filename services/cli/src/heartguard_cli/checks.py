"""What must hold before anything is started; each that does not is one sentence."""

import errno
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias
from urllib.parse import unquote, urlsplit

import psycopg2

from heartguard_cli.errors import CommandError
from heartguard_cli.urls import Address, libpq, parse, reachable_at

MEGABYTE = 1_000_000
NEEDED_MEGABYTES = 300
Listener: TypeAlias = tuple[int, Sequence[Address]]
"""A port, and the addresses on which a program listens there."""
# casefold() and the old and new rows of RETURNING came with 18.
OLDEST_POSTGRESQL = 180_000
INFLUXDB_SECONDS = 60.0  # each of its questions ends by itself, within 20 s at most


class Usage(Protocol):
    """What `shutil.disk_usage` answers."""

    @property
    def free(self) -> int:
        """Bytes."""


def disk(directory: Path, usage: Callable[[Path], Usage] = shutil.disk_usage) -> None:
    """Raise `CommandError` when the disk is nearly full."""
    free = usage(directory).free // MEGABYTE
    if free < NEEDED_MEGABYTES:
        raise CommandError(
            f"The disk is full: {free} MB are free in {directory} and HeartGuard needs {NEEDED_MEGABYTES} MB"
        )


def free_ports(wanted: Mapping[str, Listener], start: str, platform: str = sys.platform) -> None:
    """Raise `CommandError` that names every port of `wanted` that is in use, or an address of another machine.

    `start` is the command that is proposed, behind free ports.
    """
    numbers = [number for number, _ in wanted.values()]
    if twice := [f"{name.upper()}_PORT" for name, (number, _) in wanted.items() if numbers.count(number) > 1]:
        raise CommandError(f"{_and(twice)} are the same port: each program needs one of its own")
    taken = [name for name, (number, addresses) in wanted.items() if any(_taken(number, it) for it in addresses)]
    if not taken:
        return
    named = [f"{wanted[name][0]} ({name.upper()}_PORT)" for name in taken]
    said = f"Port {named[0]} is already taken" if len(named) == 1 else f"Ports {_and(named)} are already taken"
    if "gateway" in taken and wanted["gateway"][0] == 5000 and platform == "darwin":
        said += ", on macOS usually by AirPlay Receiver (System Settings, General, AirDrop & Handoff)"
    others = " ".join(f"{name.upper()}_PORT={_free_beside(name, wanted)}" for name in taken)
    raise CommandError(f"{said}: start with {'a free one' if len(taken) == 1 else 'free ones'}, {others} {start}")


def _free_beside(name: str, wanted: Mapping[str, Listener]) -> int:
    """A free port for that program: its own plus a multiple of 100."""
    number, addresses = wanted[name]
    known = {it for it, _ in wanted.values()}
    above = (it for it in range(number + 100, 65_536, 100) if it not in known)
    return next((it for it in above if not any(_taken(it, address) for address in addresses)), number)


def _and(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _taken(port: int, address: Address) -> bool:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((str(address), port))
        # connect, too: some systems let 127.0.0.1 be bound beside another program's wildcard
        with socket.socket(family) as caller:
            caller.settimeout(1)
            return caller.connect_ex((str(reachable_at(address)), port)) == 0
    except PermissionError:
        raise CommandError(f"Port {port} may not be used by this account: choose one above 1023") from None
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise CommandError(
                f"{address} is no address of this machine: set GATEWAY_BIND in .env to one that is"
            ) from None
        return True


def database(url: str) -> None:
    """Raise `CommandError` when `DATABASE_URL` can't be reached or is too old; the password is never shown."""
    version = _server_version(libpq(url), str(parse(url).password or ""), "DATABASE_URL can't be reached")
    if version < OLDEST_POSTGRESQL:
        raise CommandError(f"DATABASE_URL names a PostgreSQL {version // 10_000}: HeartGuard needs 18 or later")


def role(url: str, service: str) -> None:
    """Raise `CommandError` when a service's role can't use its database: no answer, or nothing was migrated yet."""
    # SQLAlchemy, which takes 0.15 s to load, is not needed: the URL is one that `System.environment` has made.
    dsn, password = url.replace("postgresql+psycopg2://", "postgresql://", 1), unquote(urlsplit(url).password or "")
    _server_version(
        dsn, password, f"The database can't be used as {service} (has ./heartguard migrate made the roles?)"
    )


def _server_version(dsn: str, password: str, problem: str) -> int:
    """The version of the server behind a URL. Raises `CommandError` with the problem and what libpq says."""
    try:
        connection = psycopg2.connect(dsn, connect_timeout=5)
        version: int = connection.server_version
        connection.close()
    except (psycopg2.Error, UnicodeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if password:
            reason = reason.replace(password, "***")
        raise CommandError(f"{problem}: {reason}") from None
    return version


def redis_server(url: str) -> None:
    """Raise `CommandError` when `REDIS_URL` can't be reached."""
    # loaded here: redis takes 0.1 s, and most commands need none
    from heartguard_common.stores.redis_client import REDIS_ERRORS, make_redis  # noqa: PLC0415

    try:
        client = make_redis(url, timeout_seconds=5)
    except ValueError as error:
        raise CommandError(f"REDIS_URL {error}") from None
    try:
        client.ping()
    except REDIS_ERRORS as error:
        raise CommandError(f"REDIS_URL can't be reached: {' '.join(str(error).split())}") from None
    finally:
        client.close()


def influxdb(environment: Mapping[str, str]) -> None:
    """Raise `CommandError` with what the influx service, run in its own environment, finds wrong with its InfluxDB."""
    command = [sys.executable, "-m", "heartguard_influx.check"]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=INFLUXDB_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"INFLUX_URL: the server did not answer within {INFLUXDB_SECONDS:.0f} s") from None
    if done.returncode:
        errors = done.stderr.strip().splitlines()
        raise CommandError(errors[-1] if errors else "The InfluxDB can't be checked")
