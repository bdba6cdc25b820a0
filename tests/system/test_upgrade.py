"""A copy of the tree is upgraded as an operator does it: looked at first, with a migration that fails, and repaired."""

import json
from pathlib import Path

import pytest

from heartguard_cli import migrate
from heartguard_cli.backup.create import existing
from heartguard_cli.backup.locations import Directory
from tests.clone import Clone

PASSWORD = "Correct-horse-9"
FOUNDER = {"email": "chief@clinic.example", "password": PASSWORD}
CHANGES = "CREATE TABLE heartguard_core.tomorrow (); UPDATE heartguard_core.users SET email = 'lost@clinic.example'"
pytestmark = pytest.mark.timeout(900)


def added(clone: Clone, revision: str, after: str, description: str, statements: str) -> Path:
    """A migration of newer code, in the copy."""
    file = clone.root / "migrations" / "versions" / f"{revision}.py"
    file.write_text(
        f'"""{description}"""\nfrom alembic import op\nrevision = "{revision}"\ndown_revision = "{after}"\n'
        f'def upgrade():\n    op.execute("{statements}")\n'
    )
    return file


def check(clone: Clone) -> dict[str, object]:
    done = clone.script("heartguard", "upgrade", "check", "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document


def test_a_migration_that_fails_half_way_leaves_the_old_version_able_to_start(clone: Clone) -> None:
    newest = migrate.newest()
    assert clone.script("heartguard", "env").returncode == 0
    assert check(clone)["state"] == "empty"
    assert clone.start().returncode == 0
    assert clone.call("gateway", "POST", "/auth/register", FOUNDER)[0] == 201
    assert check(clone) | {"version": ""} == {
        "version": "",
        "revision": newest,
        "database_revision": newest,
        "state": "current",
        "migrations": [],
        "backup": None,
    }
    assert clone.stop().returncode == 0

    newer = [
        added(clone, "9998_tomorrow", newest, "A table of tomorrow.", CHANGES),
        added(clone, "9999_broken", "9998_tomorrow", "What is wrong.", "SELECT * FROM heartguard_core.nowhere"),
    ]
    said = clone.script("heartguard", "upgrade", "check").stdout
    assert f"the database   revision {newest}\n" in said
    assert "  9998_tomorrow  A table of tomorrow.\n  9999_broken    What is wrong.\n" in said
    assert "it makes a backup in var/backups." in said
    failed = clone.start()
    assert failed.returncode == 1
    assert "The migration 9999_broken failed: relation" in failed.stderr
    assert f"unchanged, still at revision {newest}" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert clone.living() == []
    assert len(existing(Directory(clone.layout.var / "backups"))) == 1

    for file in newer:
        file.unlink()
    started = clone.start()
    assert started.returncode == 0, started.stderr
    assert clone.call("gateway", "POST", "/auth/login", FOUNDER)[0] == 200
