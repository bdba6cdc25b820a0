"""Real PostgreSQL and Valkey for tests: throw-away servers on free loopback ports, ended by their own pid."""

import itertools
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import psycopg2
import redis
from psycopg2 import sql
from redis.backoff import NoBackoff
from redis.retry import Retry

from heartguard_cli import migrate
from heartguard_cli.embedded.postgres import OWNER, SUPERUSER, PostgresCluster
from heartguard_cli.embedded.valkey import ValkeyServer
from heartguard_cli.environment import ROLES
from heartguard_cli.urls import for_role, libpq
from tests import database_state

# With one iteration of SCRAM-SHA-256 in place of 4,096: tests connect some ten thousand times.
LIGHT_LOGIN = "scram_iterations=1"
FAST = (
    *("fsync=off", "full_page_writes=off", "shared_buffers=32MB", "max_connections=150", "log_min_messages=fatal"),
    LIGHT_LOGIN,
)
TEMPLATE = "heartguard_template"


# Below the ports that systems hand out to whoever connects, and for each process of pytest-xdist others.
FIRST_PORT, PORTS = 20_000, 3_000
_process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
_numbers = itertools.count(secrets.randbelow(PORTS))


def measured() -> dict[str, str]:
    """What the environment of a child must hold so that its coverage counts; nothing while nobody measures.

    coverage's own `patch` (pyproject.toml) measures children that inherit the environment; a test that gives its child
    another one adds this (D151). `tests/system` is left out: its copies of the product lie in directories of their own.
    """
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


def free_port() -> int:
    """A loopback port that was free a moment ago and that nobody gets by chance."""
    for number in itertools.islice(_numbers, PORTS):
        port = FIRST_PORT + _process * PORTS + number % PORTS
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free")


def until(answers: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    """Wait until `answers` says yes; fail naming what was awaited. The time is for what hangs, and measures nothing."""
    deadline = time.monotonic() + seconds
    while not answers():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)


class Server:
    """One process of ours, that can be killed, frozen and brought back over the same data."""

    def __init__(self, command: list[str], log: Path, answers: Callable[[], bool], stop: signal.Signals) -> None:
        self._command, self._log, self._answers, self._stop = command, log, answers, stop
        self._process: subprocess.Popen[bytes] | None = None
        self._stream: BinaryIO | None = None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until it answers; raises with the log when it ends instead."""
        self._stream = self._log.open("ab")
        self._process = subprocess.Popen(
            self._command, stdout=self._stream, stderr=self._stream, stdin=subprocess.DEVNULL, cwd="/"
        )
        until(lambda: not self.running or self._answers(), f"start of {self._command[-1]}")
        if not self.running:
            raise RuntimeError(self._log.read_text()[-2000:])

    def stop(self) -> None:
        """End it in order and wait for the end."""
        self._end(self._stop)

    def kill(self) -> None:
        """SIGKILL, as the kernel's out-of-memory killer does."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP the server and all its children: it hangs, its connections stay open."""
        for pid in (self.pid, *children(self.pid)):
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        for pid in (*children(self.pid), self.pid):
            os.kill(pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self.running:
            family = children(self.pid)
            self._process.send_signal(how)
            if how is not signal.SIGKILL:
                self._process.send_signal(signal.SIGCONT)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(20)
            # The children of a killed PostgreSQL hold its shared memory until they have noticed.
            until(lambda: not any(map(_lives, family)), "the end of its children")
        if self._stream is not None:
            self._stream.close()


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [line.split() for line in listing.splitlines()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def _lives(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


class Postgres(Server):
    """A throw-away cluster with the roles and one migrated template database."""

    def __init__(self, directory: Path, settings: tuple[str, ...] = FAST) -> None:
        self.cluster = PostgresCluster(directory / "pg", free_port(), settings)
        self.passwords = {name: secrets.token_urlsafe(24) for name in ROLES}
        self._template = False
        self._emptied: list[str] = []
        self.cluster.make()
        super().__init__(self.cluster.command(), directory / "postgres.log", self._reachable, signal.SIGINT)

    def start(self) -> None:
        """Start and make sure that owner and database exist."""
        super().start()
        if LIGHT_LOGIN in self.cluster.settings:
            self.execute(f"ALTER ROLE {{superuser}} PASSWORD '{self.cluster.password}'", superuser=SUPERUSER)
        self.cluster.make_database()

    def _reachable(self) -> bool:
        try:
            with self.superuser():
                return True
        except psycopg2.OperationalError:
            return False

    @contextmanager
    def superuser(self, database: str = "postgres") -> Iterator[Any]:
        """An autocommitting psycopg2 connection of the superuser, which no service ever is."""
        url = libpq(self.cluster.url(SUPERUSER, database))
        connection = psycopg2.connect(url, connect_timeout=60)
        connection.autocommit = True
        try:
            yield connection
        finally:
            connection.close()

    def execute(self, statement: str, **names: str) -> None:
        """Run one statement as superuser; `{name}` places take identifiers."""
        with self.superuser() as connection, connection.cursor() as cursor:
            identifiers = {key: sql.Identifier(value) for key, value in names.items()}
            cursor.execute(sql.SQL(statement).format(**identifiers))

    @contextmanager
    def database(self) -> Iterator["Database"]:
        """A database at the newest revision, copied from a template.

        Afterwards it is emptied for the next one, or dropped where it differs in more than its rows. The next one gets
        a name of its own: whoever is still connected to this one does not come back.
        """
        self._make_template()
        name = f"test_{secrets.token_hex(6)}"
        if not self._emptied or not self._rename(self._emptied.pop(), name):
            self.execute("CREATE DATABASE {new} TEMPLATE {old} OWNER {owner}", new=name, old=TEMPLATE, owner=OWNER)
        try:
            yield Database(self, name)
        finally:
            if self.running and self._empty(name):
                self._emptied.append(name)
            else:
                self.execute("DROP DATABASE {name} WITH (FORCE)", name=name)

    @contextmanager
    def empty_database(self) -> Iterator["Database"]:
        """A new database without anything in it, for tests of the migrations themselves."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute("CREATE DATABASE {new} OWNER {owner}", new=name, owner=OWNER)
        try:
            yield Database(self, name)
        finally:
            self.execute("DROP DATABASE {name} WITH (FORCE)", name=name)

    def _make_template(self) -> None:
        if not self._template:
            self.execute("DROP DATABASE IF EXISTS {new}", new=TEMPLATE)
            self.execute("CREATE DATABASE {new} OWNER {owner}", new=TEMPLATE, owner=OWNER)
            migrate.upgrade(self.cluster.url(OWNER, TEMPLATE), self.passwords)
            with self.superuser(TEMPLATE) as connection:
                self._template_state = database_state.read(connection)
            self._template = True

    def _rename(self, old: str, new: str) -> bool:
        """Give a database another name; drop it instead, and return False, where somebody has connected to it again."""
        try:
            self.execute("ALTER DATABASE {old} RENAME TO {new}", old=old, new=new)
        except psycopg2.errors.ObjectInUse:
            self.execute("DROP DATABASE {old} WITH (FORCE)", old=old)
            return False
        return True

    def _empty(self, name: str) -> bool:
        """Make a database what the template is; False where that takes more than removing rows."""
        with self.superuser(name) as connection:
            return database_state.restore(connection, self._template_state)


@dataclass(frozen=True)
class Database:
    """One database of the test cluster."""

    server: Postgres
    name: str

    @property
    def owner_url(self) -> str:
        """The URL of the owner: the role that migrates, which no service uses."""
        return self.server.cluster.url(OWNER, self.name)

    @property
    def superuser_url(self) -> str:
        """The URL of the superuser, for looking behind the grants."""
        return self.server.cluster.url(SUPERUSER, self.name)

    @property
    def passwords(self) -> dict[str, str]:
        """The password of each service's role."""
        return self.server.passwords

    def url_for(self, service: str) -> str:
        """The URL of a service's own role, `heartguard_<service>`."""
        return for_role(self.owner_url, service, self.passwords[service])


class Valkey(Server):
    """A throw-away Valkey with a password; what it acknowledged is in its append-only file."""

    def __init__(self, directory: Path, fsync: str = "everysec") -> None:
        self._valkey = ValkeyServer(directory / "valkey", free_port(), secrets.token_urlsafe(24), fsync)
        self._valkey.make()
        super().__init__(self._valkey.command(), directory / "valkey.log", self._reachable, signal.SIGTERM)

    @property
    def url(self) -> str:
        """The URL with the password."""
        return self._valkey.url

    @property
    def port(self) -> int:
        """The loopback port."""
        return self._valkey.port

    def client(self, seconds: float = 30.0) -> "redis.Redis[Any]":
        """A client that waits so long for an answer, and fails then instead of trying again."""
        return redis.Redis.from_url(self.url, socket_timeout=seconds, retry=Retry(NoBackoff(), 0))

    def _reachable(self) -> bool:
        client = self.client(seconds=1)
        try:
            return int(client.info("server")["process_id"]) == self.pid
        except redis.RedisError:
            return False
        finally:
            client.close()
