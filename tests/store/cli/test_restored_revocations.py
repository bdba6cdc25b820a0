"""What was ended or deleted after a backup does not come back with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from heartguard_cli.backup import postgres
from heartguard_cli.backup.create import take
from heartguard_cli.backup.restore import restore
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.errors import CommandError
from heartguard_common.jobs.deletion_list import Deletion, DeletionList
from tests.people import found, join, owner
from tests.servers import Database, Postgres

SOON, LONG_AGO = "2100-01-01T00:00:00Z", "2000-01-01T00:00:00Z"


@pytest.fixture
def settings(database: Database) -> BackupSettings:
    return BackupSettings(
        database_url=database.owner_url,
        media_dir=Path("media"),
        checkpoint_dir=Path("checkpoints"),
        backup_dir="backups",
        key_ring_secret="k" * 32,
        checkpoint_key="c" * 32,
        mask_secret="m" * 32,
    )


def listed(directory: Path, secret: str = "c" * 32) -> DeletionList:
    return DeletionList(directory, secret)


def ask(database: Database, question: str) -> list[tuple[object, ...]]:
    with owner(database) as cursor:
        cursor.execute(f"SET search_path = heartguard_core; {question}")
        return list(cursor.fetchall())


def test_a_restore_ends_sessions_and_carries_the_deletions_out_again(
    database: Database, settings: BackupSettings, postgres_server: Postgres, tmp_path: Path
) -> None:
    ours, theirs = found(database), found(database, "Gone")
    stays, goes, _ = join(database, ours, "admin"), join(database, ours), join(database, theirs, "admin")
    with owner(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.sessions"
            " (id, user_id, created_at, last_used_at, expires_at, address, user_agent)"
            f" VALUES (gen_random_uuid(), {stays}, now(), now(), now() + interval '1 day', '', '');"
            "INSERT INTO heartguard_core.password_resets (code_hash, user_id, created_at, expires_at)"
            f" VALUES ('x', {stays}, now(), now() + interval '1 day');"
            "INSERT INTO heartguard_core.signing_keys (kid, private_key, public_jwk, created_at)"
            " VALUES ('stolen', 'x', '{}', now())"
        )
    # The list in the backup knows of one deletion, the one on this machine of another; and of one of an id that
    # belonged to somebody else at the time.
    here = tmp_path / "checkpoints"
    listed(here).append([Deletion("a", SOON, ours, goes)])
    taken = take(settings, tmp_path)
    (here / "deletions.ndjson").unlink()
    listed(here).append([Deletion("b", SOON, theirs, None), Deletion("c", LONG_AGO, ours, stays)])
    with postgres_server.empty_database() as wiped:
        restored = restore(replace(settings, database_url=wiped.owner_url), tmp_path, taken.location, wiped.passwords)
        assert restored.deletions == 2
        assert ask(wiped, "SELECT kind, org_id, user_id, status FROM jobs ORDER BY org_id") == [
            ("user.delete", ours, goes, "queued"),
            ("organization.delete", theirs, None, "queued"),
        ]
        assert ask(wiped, "SELECT id FROM users WHERE active") == [(stays,)]
        assert ask(wiped, "SELECT count(*) FROM sessions WHERE ended_at IS NULL") == [(0,)]
        assert ask(wiped, "SELECT count(*) FROM password_resets") == [(0,)]
        assert ask(wiped, "SELECT kid FROM signing_keys WHERE retired_at IS NULL") == []
        assert ask(wiped, "SELECT kind, value FROM revoked_tokens") == [("kid", "stolen")]
        assert ask(wiped, "SELECT count(*) FROM restores WHERE restored_at > now() - interval '1 min'") == [(1,)]
        # Whoever was found after the backup may be named by tokens and in an InfluxDB: nobody gets that id.
        assert min(found(wiped), join(wiped, ours)) > 1_000_000
    assert {it.event for it in listed(here).read()} == {"a", "b", "c"}


def test_a_list_that_was_tampered_with_is_refused(
    settings: BackupSettings, postgres_server: Postgres, tmp_path: Path
) -> None:
    taken = take(settings, tmp_path)
    here = tmp_path / "checkpoints"
    listed(here).append([Deletion("a", SOON, 1, 1)])
    listed(here, "another key").append([Deletion("b", SOON, 1, 2)])
    with postgres_server.empty_database() as wiped:
        with pytest.raises(
            CommandError, match=r"line 2 of .*deletions\.ndjson was not sealed with AUDIT_CHECKPOINT_KEY"
        ):
            restore(replace(settings, database_url=wiped.owner_url), tmp_path, taken.location, wiped.passwords)
        assert postgres.tables(wiped.owner_url) == {}
        previous = replace(settings, database_url=wiped.owner_url, checkpoint_key_previous=("another key",))
        assert restore(previous, tmp_path, taken.location, wiped.passwords).deletions == 0


def test_a_list_is_read_up_to_half_a_line_that_a_crash_left(tmp_path: Path) -> None:
    one, two = Deletion("a", SOON, 1, None), Deletion("b", SOON, 1, 2)
    listed(tmp_path).append([one, one])
    with listed(tmp_path).path.open("ab") as stream:
        stream.write(b'{"event":')
    assert listed(tmp_path).read() == [one]
    listed(tmp_path).append([two])
    assert listed(tmp_path).read() == [one, two]
