"""A backup of a real database, objects and checkpoints, and the way back, in a directory and in a bucket."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

from heartguard_cli.backup import due, postgres
from heartguard_cli.backup.manifest import NAME, Manifest
from heartguard_cli.backup.places import Directory, place_at
from heartguard_cli.backup.restoring import Restored, restore
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.backup.taking import existing, take
from heartguard_cli.errors import CommandError
from heartguard_cli.urls import libpq
from tests.gcs import FakeGcs
from tests.servers import Database, Postgres

CONTENT = b"an electrocardiogram"
ITEM = "0190b0a0-0000-7000-8000-000000000001"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROWS = f"""
INSERT INTO heartguard_core.organizations (name) VALUES ('Clinic'), ('O''Brien & Söhne');
INSERT INTO heartguard_core.users (org_id, email, role) VALUES (1, 'a@hg.io', 'admin'), (2, 'b@hg.io', 'user');
INSERT INTO heartguard_core.media_items (id, org_id, owner_id, file_name, content_type, status, size,
    sha256, created_at)
VALUES ('{ITEM}', 1, 1, 'ecg.bin', 'application/octet-stream', 'ready', {len(CONTENT)},
        '{hashlib.sha256(CONTENT).hexdigest()}', now());
"""


@pytest.fixture
def filled(database: Database, tmp_path: Path) -> BackupSettings:
    """A small system: two organizations, two people, a media object, a checkpoint."""
    _sql(database, ROWS)
    _write(tmp_path / "media" / "org_1" / "user_1" / ITEM, CONTENT)
    _write(tmp_path / "checkpoints" / "checkpoints.ndjson", b'{"sequence": 1}\n')
    return _settings(database, "media", "checkpoints")


@pytest.fixture
def wiped(postgres_server: Postgres) -> Iterator[Database]:
    """A database at no revision."""
    with postgres_server.empty_database() as fresh:
        yield fresh


def _settings(database: Database, media: str, checkpoints: str) -> BackupSettings:
    return BackupSettings(
        database_url=database.owner_url,
        media_dir=Path(media),
        checkpoint_dir=Path(checkpoints),
        backup_dir="backups",
        key_ring_secret="k" * 32,
        checkpoint_key="c" * 32,
        mask_secret="m" * 32,
    )


def _sql(database: Database, statement: str) -> None:
    connection = psycopg2.connect(libpq(database.owner_url))
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def test_all_comes_back(filled: BackupSettings, wiped: Database, tmp_path: Path) -> None:
    before = postgres.tables(filled.database_url)
    taken = take(filled, tmp_path)
    assert (before["users"].rows, before["media_items"].rows) == (2, 1)
    restored = restore(_settings(wiped, "m2", "c2"), tmp_path, taken.place, wiped.passwords)
    assert restored == Restored(taken.manifest, 0)
    after = postgres.tables(wiped.owner_url)
    assert (before.pop("restores").rows, after.pop("restores").rows) == (0, 1)
    assert after == before
    assert (tmp_path / "m2" / "org_1" / "user_1" / ITEM).read_bytes() == CONTENT
    assert (tmp_path / "c2" / "checkpoints.ndjson").read_bytes() == b'{"sequence": 1}\n'
    # the services' roles may do there what they could before
    connection = psycopg2.connect(libpq(wiped.url_for("media")))
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT file_name FROM heartguard_core.media_items")
        assert cursor.fetchall() == [("ecg.bin",)]
    connection.close()


def test_a_backup_works_with_a_bucket(filled: BackupSettings, wiped: Database, gcs: FakeGcs, tmp_path: Path) -> None:
    there = replace(filled, storage_emulator=gcs.url, backup_dir="")
    media = place_at(f"gs://{there.gcs_bucket}", there, tmp_path)
    _write(tmp_path / "part", CONTENT)
    key = f"org_1/user_1/{ITEM}"
    media.store(key, tmp_path / "part")
    try:
        taken = take(there, tmp_path, now=NOW)
        assert taken.place == f"gs://{there.gcs_bucket}/backups/heartguard-20260102T030405.000000Z"
        assert f"backups/heartguard-20260102T030405.000000Z/{NAME}" in set(gcs.keys())
        media.remove(key)
        back = replace(_settings(wiped, "m2", "c2"), storage_emulator=gcs.url)
        assert restore(back, tmp_path, taken.place, wiped.passwords).manifest == taken.manifest
        assert key in set(gcs.keys())
    finally:
        for name in list(media.names()):
            media.remove(name)


def test_a_system_that_holds_something_is_refused_and_stays(filled: BackupSettings, tmp_path: Path) -> None:
    taken = take(filled, tmp_path)
    before = postgres.tables(filled.database_url)
    with pytest.raises(
        CommandError, match=r"empty system only.*2 organizations, 1 media items, media objects in .*, audit"
    ):
        restore(filled, tmp_path, taken.place, {})
    assert postgres.tables(filled.database_url) == before


@pytest.mark.parametrize("kind", ["media", "checkpoints"])
def test_one_thing_that_it_holds_is_enough_to_refuse(
    filled: BackupSettings, wiped: Database, tmp_path: Path, kind: str
) -> None:
    taken = take(filled, tmp_path)
    places = {"media": "m2", "checkpoints": "c2"}
    file = tmp_path / places[kind] / {"media": "org_7/user_7/x", "checkpoints": "checkpoints.ndjson"}[kind]
    file.parent.mkdir(parents=True)
    file.write_bytes(b"another life")
    with pytest.raises(CommandError, match=f"into an empty system only, and this one holds .*{kind}"):
        restore(_settings(wiped, *places.values()), tmp_path, taken.place, wiped.passwords)
    assert file.read_bytes() == b"another life"
    assert postgres.tables(wiped.owner_url) == {}


@pytest.mark.parametrize("damaged", ["database.dump", f"media/org_1/user_1/{ITEM}", "checkpoints/checkpoints.ndjson"])
@pytest.mark.parametrize("how", ["flipped", "missing"])
def test_a_damaged_backup_is_refused_and_leaves_nothing(
    filled: BackupSettings, wiped: Database, tmp_path: Path, damaged: str, how: str
) -> None:
    file = Path(take(filled, tmp_path).place) / damaged
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.unlink()
    if how == "flipped":
        file.write_bytes(content)
    with pytest.raises(CommandError, match=f"damaged: {damaged} is"):
        restore(_settings(wiped, "m2", "c2"), tmp_path, str(file.parents[damaged.count("/")]), wiped.passwords)
    assert postgres.holdings(wiped.owner_url) == {}
    left = (tmp_path / "m2", tmp_path / "c2")
    assert [name for place in left for name in Directory(place).names()] == []


def test_rows_that_differ_from_the_manifest_are_noticed(
    filled: BackupSettings, wiped: Database, tmp_path: Path
) -> None:
    file = Path(take(filled, tmp_path).place) / NAME
    document = json.loads(file.read_text())
    document["tables"]["users"]["digest"] = "1"
    file.write_text(json.dumps(document))
    with pytest.raises(CommandError, match=r"differs from manifest\.json in users"):
        restore(_settings(wiped, "m2", "c2"), tmp_path, str(file.parent), wiped.passwords)
    assert postgres.tables(wiped.owner_url) == {}
    assert [*Directory(tmp_path / "m2").names()] == []


def test_other_secrets_are_refused_by_name(filled: BackupSettings, wiped: Database, tmp_path: Path) -> None:
    taken = take(filled, tmp_path)
    other = replace(_settings(wiped, "m2", "c2"), key_ring_secret="x" * 32)
    with pytest.raises(CommandError, match=r"^KEY_RING_SECRET in \.env differ"):
        restore(other, tmp_path, taken.place, wiped.passwords)


def test_no_secret_stands_in_a_manifest(filled: BackupSettings, tmp_path: Path) -> None:
    text = (Path(take(filled, tmp_path).place) / NAME).read_text()
    assert not any(secret in text for secret in filled.secrets.values())


def test_an_object_that_is_gone_or_spoiled_is_named_and_ends_no_backup(filled: BackupSettings, tmp_path: Path) -> None:
    key = f"org_1/user_1/{ITEM}"
    file, few = tmp_path / "media" / key, replace(filled, backup_keep=1)
    due.step(few, tmp_path, NOW)
    file.write_bytes(b"something else")
    with pytest.raises(CommandError, match=f"without 1 media objects .* and removed no older one: {key}"):
        due.step(few, tmp_path, NOW + timedelta(days=1))
    assert len(existing(Directory(tmp_path / "backups"))) == 2
    assert due.step(few, tmp_path, NOW + timedelta(days=1, hours=1)).startswith("nothing is due")
    for spoil in (lambda: None, lambda: (file.unlink(), file.mkdir())):
        spoil()
        manifest = take(filled, tmp_path).manifest
        assert (manifest.absent, manifest.damaged, Manifest.parse(manifest.text())) == ((), (key,), manifest)
    file.rmdir()
    assert take(filled, tmp_path).manifest.absent == (key,)


def test_one_backup_a_day_is_taken_and_old_ones_are_removed(filled: BackupSettings, tmp_path: Path) -> None:
    few = replace(filled, backup_keep=2)
    for day in range(4):
        assert due.step(few, tmp_path, NOW + timedelta(days=day)).startswith("took ")
        assert due.step(few, tmp_path, NOW + timedelta(days=day, hours=23)).startswith("nothing is due")
    assert existing(Directory(tmp_path / "backups")) == [
        "heartguard-20260104T030405.000000Z",
        "heartguard-20260105T030405.000000Z",
    ]


def test_an_unreachable_database_is_one_sentence(filled: BackupSettings, tmp_path: Path) -> None:
    away = replace(filled, database_url="postgresql://nobody:x@127.0.0.1:1/nothing")
    with pytest.raises(CommandError, match="The database does not answer"):
        take(away, tmp_path)


def test_a_newer_server_needs_a_newer_pg_dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert postgres.program("pg_dump", 18).name == "pg_dump"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandError, match="postgresql-client-99"):
        postgres.program("pg_dump", 99)
    newer = tmp_path / "pg_dump"
    newer.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 99.1'\n")
    newer.chmod(0o755)
    assert postgres.program("pg_dump", 99) == newer
