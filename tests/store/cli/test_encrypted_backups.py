"""Backups for the holder of a private key alone; listed and verified; and what became of the last one."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from heartguard_audit.domain.backups import LastBackup
from heartguard_audit.store.backups import BackupFiles
from heartguard_cli.backup.create import DUMP, existing, take
from heartguard_cli.backup.health import problem
from heartguard_cli.backup.locations import Directory
from heartguard_cli.backup.manifest import NAME
from heartguard_cli.backup.restore import Restored, restore
from heartguard_cli.backup.run import show_list, show_verified
from heartguard_cli.backup.sealing import make_identity
from heartguard_cli.backup.settings import BackupSettings
from heartguard_cli.backup.verify import verify
from heartguard_cli.errors import CommandError
from heartguard_common.core.clock import parse_rfc3339
from heartguard_common.core.errors import ServiceError
from tests.gcs import FakeGcs
from tests.servers import Database
from tests.store.cli.test_backup import CONTENT, ITEM, _settings, filled, wiped

__all__ = ["filled", "wiped"]
LAST = Path("var/backups/last.json")


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    return tmp_path / "private.txt"


@pytest.fixture
def encrypted(filled: BackupSettings, identity: Path) -> BackupSettings:
    return replace(filled, backup_recipients=(make_identity(identity),))


def last(root: Path) -> dict[str, object]:
    document: dict[str, object] = json.loads((root / LAST).read_text())
    return document


def test_an_encrypted_backup_comes_back_with_the_private_key_alone(
    encrypted: BackupSettings, wiped: Database, identity: Path, tmp_path: Path
) -> None:
    assert identity.stat().st_mode & 0o777 == 0o600
    taken = take(encrypted, tmp_path)
    stored = {path.relative_to(taken.location).as_posix() for path in Path(taken.location).rglob("*") if path.is_file()}
    assert {f"media/org_1/user_1/{ITEM}.age", "checkpoints/checkpoints.ndjson.age", "database.dump.age"} < stored
    assert [name for name in stored if not name.endswith(".age")] == [NAME]
    assert CONTENT not in b"".join((Path(taken.location) / name).read_bytes() for name in stored)

    target = _settings(wiped, "m2", "c2")
    with pytest.raises(CommandError, match=r"encrypted for age1.*--identity"):
        restore(target, tmp_path, taken.location, wiped.passwords)
    make_identity(tmp_path / "other.txt")
    with pytest.raises(CommandError, match=r"can't be decrypted"):
        restore(target, tmp_path, taken.location, wiped.passwords, tmp_path / "other.txt")
    assert restore(target, tmp_path, taken.location, wiped.passwords, identity) == Restored(taken.manifest, 0)
    assert (tmp_path / "m2" / "org_1" / "user_1" / ITEM).read_bytes() == CONTENT


def test_a_backup_in_a_bucket_is_encrypted_and_verified_there(
    encrypted: BackupSettings, gcs: FakeGcs, identity: Path, tmp_path: Path
) -> None:
    there = replace(encrypted, storage_emulator=gcs.url, backup_dir="")
    taken = take(there, tmp_path)
    found = verify(there, tmp_path, None, identity)
    assert (found.location, found.damaged, found.opened) == (taken.location, (), True)


def test_backups_are_listed_and_damage_is_found(
    encrypted: BackupSettings, filled: BackupSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_list(filled, tmp_path, None, as_json=False)
    assert "There is no backup in" in capsys.readouterr().out
    plain, secret = take(filled, tmp_path), take(encrypted, tmp_path)
    show_list(filled, tmp_path, None, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert [it["location"] for it in shown] == [plain.location, secret.location]
    assert [it["bytes"] for it in shown] == [plain.manifest.size, secret.manifest.size]
    assert [it["recipients"] for it in shown] == [[], list(encrypted.backup_recipients)]

    assert show_verified(filled, tmp_path, plain.location, None)
    assert show_verified(filled, tmp_path, None, None)
    assert "--identity FILE" in capsys.readouterr().out
    for taken in (plain, secret):
        file = next(Path(taken.location).rglob(f"{ITEM}*"))
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        assert not show_verified(filled, tmp_path, taken.location, None)
        assert f"is damaged: media/org_1/user_1/{file.name}\n" in capsys.readouterr().err


def test_what_can_not_be_read_as_it_was_written_is_no_backup(
    encrypted: BackupSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Directory.store

    def lose_the_end(self: Directory, name: str, source: Path) -> None:
        store(self, name, source)
        if name.startswith(DUMP):
            os.truncate(self.root / name, 100)

    monkeypatch.setattr(Directory, "store", lose_the_end)
    with pytest.raises(CommandError, match=r"database\.dump\.age can't be read as it was written"):
        take(encrypted, tmp_path)
    assert existing(Directory(tmp_path / "backups")) == []
    assert last(tmp_path)["result"] == "failed"


def test_the_last_backup_is_reported_also_when_it_failed(
    filled: BackupSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = take(filled, tmp_path)
    first = last(tmp_path)
    assert (first["result"], first["error"], first["bytes"]) == ("ok", None, taken.manifest.size)
    assert first["succeeded"] == first["ended"]
    assert parse_rfc3339(str(first["began"])) <= parse_rfc3339(str(first["ended"]))
    with pytest.raises(CommandError):
        take(replace(filled, backup_recipients=("age1nobody",)), tmp_path)
    second = last(tmp_path)
    assert (second["result"], second["bytes"], second["succeeded"]) == ("failed", None, first["ended"])
    assert str(second["error"]).startswith("BACKUP_RECIPIENTS holds 'age1nobody'")
    assert (tmp_path / LAST).stat().st_mode & 0o777 == 0o600
    assert str(problem(tmp_path / LAST, datetime.now(UTC))).startswith("the last backup failed: BACKUP_RECIPIENTS")


def test_the_operator_is_told_what_became_of_a_backup_and_of_its_verification(
    filled: BackupSettings, tmp_path: Path
) -> None:
    files = BackupFiles(tmp_path / LAST)
    assert files.last() == LastBackup("none")
    taken = take(filled, tmp_path)
    first = files.last()
    assert (first.status, first.size, first.place) == ("succeeded", taken.manifest.size, taken.location)
    assert (first.encrypted, first.error, first.verified) == (False, None, None)
    assert first.succeeded_at == first.ended_at
    # The file has milliseconds, of which the answer leaves zeros at the end out.
    assert parse_rfc3339(str(first.ended_at)) == parse_rfc3339(str(last(tmp_path)["ended"]))
    show_verified(filled, tmp_path, None, None)
    (Path(taken.location) / f"media/org_1/user_1/{ITEM}").write_bytes(b"")
    intact = files.last().verified
    assert intact is not None
    assert (intact.place, intact.damaged, intact.opened) == (taken.location, (), True)
    show_verified(filled, tmp_path, None, None)
    damaged = files.last().verified
    assert damaged is not None
    assert damaged.damaged == (f"media/org_1/user_1/{ITEM}",)
    with pytest.raises(CommandError):
        take(replace(filled, backup_recipients=("age1\x07nobody",)), tmp_path)
    failed = files.last()
    assert (failed.status, failed.size, failed.succeeded_at) == ("failed", None, first.succeeded_at)
    assert "BACKUP_RECIPIENTS" in str(failed.error)
    assert str(failed.error).isprintable()
    (tmp_path / LAST).write_text("{")
    with pytest.raises(ServiceError):
        files.last()


def test_a_container_of_backups_is_healthy_while_they_are_made(filled: BackupSettings, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    assert problem(tmp_path / LAST, now) is None
    take(filled, tmp_path)
    assert problem(tmp_path / LAST, now + timedelta(hours=25)) is None
    assert "was made at" in str(problem(tmp_path / LAST, now + timedelta(hours=27)))
