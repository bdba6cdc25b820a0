"""The restore drill: a system in use is backed up, its `var` is wiped, and it comes back as it was."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from alembic.script import ScriptDirectory

from heartguard_cli.backup.create import existing
from heartguard_cli.backup.locations import Directory
from heartguard_common.jobs.deletion_list import NAME
from tests.clone import Clone
from tests.servers import until
from tests.system.writer import Member, heart_rate

PASSWORD = "Correct-horse-9"
FOUNDER = {"email": "chief@clinic.example", "password": PASSWORD}
LEAVER = {"email": "leaver@clinic.example", "password": PASSWORD}
CONTENT = bytes(range(256)) * 300
POINTS = 500
pytestmark = pytest.mark.timeout(900)


def _call(clone: Clone, method: str, path: str, body: object = None, token: str | None = None) -> dict[str, Any]:
    status, document = clone.call("gateway", method, path, body, token=token)
    assert status < 300, (path, status, document)
    return document


def _fill(clone: Clone) -> tuple[Member, str, str]:
    """People, points, a file, events; returns the admin, a token whose session has ended, and the file's id."""
    _call(clone, "POST", "/auth/register", FOUNDER)
    ended = str(_call(clone, "POST", "/auth/login", FOUNDER)["access_token"])
    _call(clone, "POST", "/auth/logout", token=ended)
    token = str(_call(clone, "POST", "/auth/login", FOUNDER)["access_token"])
    profile = _call(clone, "GET", "/auth/profile", token=token)
    member = Member(f"http://127.0.0.1:{clone.ports['gateway']}", token, int(profile["org_id"]))
    times = [f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z" for number in range(POINTS)]
    assert member.write([heart_rate(moment) for moment in times]).status_code == 200
    upload = {
        "file_name": "ecg.bin",
        "content_type": "application/octet-stream",
        "data_base64": base64.b64encode(CONTENT).decode(),
    }
    return member, ended, str(_call(clone, "POST", "/media/upload", upload, token)["id"])


def _serves_everything(clone: Clone, member: Member, ended: str, item: str) -> bool:
    """The member's token is good, the ended one is not, and points and bytes are there."""
    refused, _ = clone.call("gateway", "GET", "/auth/profile", token=ended)
    assert refused == 401
    assert len(member.stored("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")) == POINTS
    where = _call(clone, "GET", f"/media/items/{item}/download", token=member.token)["url"]
    url = urlsplit(where)._replace(netloc=f"127.0.0.1:{clone.ports['gateway']}").geturl()
    return requests.get(url, timeout=60).content == CONTENT


def _promises(backup: Path) -> dict[str, object]:
    document = json.loads((backup / "manifest.json").read_text())
    files = {name: entry for name, entry in document["files"].items() if name != "database.dump"}
    # A restore ends sessions, retires keys, is a row itself, and has asked for the deletions that the list knows.
    changed = ("sessions", "restores", "jobs", "users", "signing_keys", "revoked_tokens")
    tables = {name: rows for name, rows in document["tables"].items() if name not in changed}
    lists = files.pop("checkpoints/deletions.ndjson", None)
    return {"tables": tables, "files": files, "revision": document["revision"], "listed": lists is not None}


def _said(clone: Clone, *arguments: str) -> str:
    done = clone.script("heartguard", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _refused(clone: Clone, backup: Path) -> str:
    done = clone.script("heartguard", "restore", str(backup))
    assert done.returncode == 1, done.stdout
    return done.stderr


def _started(clone: Clone) -> None:
    done = clone.start()
    assert done.returncode == 0, done.stdout + done.stderr


def _members(clone: Clone, token: str) -> list[dict[str, Any]]:
    return list(_call(clone, "GET", "/users", token=token)["items"])


def _ended_after_the_backup(clone: Clone, member: Member) -> tuple[int, str]:
    """Delete the leaver; returns who that was, and the refresh token of a session that began after the backup."""
    _started(clone)
    leaver = next(user["id"] for user in _members(clone, member.token) if user["email"] == LEAVER["email"])
    refresh = _call(clone, "POST", "/auth/login", FOUNDER)["refresh_token"]
    _call(clone, "DELETE", f"/users/{leaver}", token=member.token)
    until((clone.layout.var / "checkpoints" / NAME).exists, "the deletion in the list")
    assert clone.stop().returncode == 0
    return int(leaver), str(refresh)


def _lose_all_but_the_list(clone: Clone, elsewhere: Path) -> None:
    """The disk with the database is lost; the list of deletions was kept on another one."""
    directory = clone.layout.var / "checkpoints"
    shutil.copy(directory / NAME, elsewhere)
    shutil.rmtree(clone.layout.var)
    directory.mkdir(parents=True)
    shutil.copy(elsewhere / NAME, directory)


def test_a_restored_system_leaves_out_ended_sessions_and_deleted_data(clone: Clone, tmp_path: Path) -> None:
    _started(clone)
    member, ended, item = _fill(clone)
    _call(clone, "POST", "/auth/register", LEAVER)  # an organization that the leaver stays in
    invitation = {"email": LEAVER["email"], "role": "user"}
    code = _call(clone, "POST", "/auth/invitations", invitation, member.token)["code"]
    _call(clone, "POST", "/auth/invitations/accept", {"code": code, **LEAVER})
    assert _serves_everything(clone, member, ended, item)
    until(lambda: len(member.audited()) == 1, "the event of the write in the database")
    _said(clone, "backup")
    assert len(existing(Directory(clone.layout.var / "backups"))) == 1
    assert clone.stop().returncode == 0

    _said(clone, "backup", str(tmp_path / "kept"))
    (name,) = existing(Directory(tmp_path / "kept"))
    kept = tmp_path / "kept" / name
    assert "into an empty system only" in _refused(clone, kept)

    leaver, refresh = _ended_after_the_backup(clone, member)
    _lose_all_but_the_list(clone, tmp_path)
    said = _said(clone, "restore", str(kept))
    assert "restored and verified" in said
    assert "all sessions are ended" in said
    assert "deletions after the backup, carried out again when the services start: 1\n" in said
    _said(clone, "backup", str(tmp_path / "again"))
    again = _promises(next((tmp_path / "again").iterdir()))
    assert again == {**_promises(kept), "listed": True}

    _started(clone)
    for token in (member.token, ended):
        assert clone.call("gateway", "GET", "/auth/profile", token=token)[0] == 401
        assert clone.call("user", "GET", "/users/me", token=token)[0] == 401
    assert clone.call("gateway", "POST", "/auth/refresh", {"refresh_token": refresh})[0] == 401
    assert clone.call("gateway", "POST", "/auth/login", {**LEAVER, "org_id": member.org_id})[0] == 401
    own = _call(clone, "POST", "/auth/login", LEAVER)["access_token"]
    member.token = str(_call(clone, "POST", "/auth/login", FOUNDER)["access_token"])
    assert _serves_everything(clone, member, ended, item)
    until(lambda: leaver not in [user["id"] for user in _members(clone, member.token)], "the end of the leaver")
    assert [
        it["org_id"] == member.org_id for it in _call(clone, "GET", "/auth/memberships/mine", token=own)["items"]
    ] == [False]
    _said(clone, "audit", "verify")
    assert "HeartGuard is running" in _refused(clone, kept)


def test_a_start_with_newer_code_takes_a_backup_before_it_migrates(clone: Clone) -> None:
    assert clone.stop().returncode == 0
    kept = Directory(clone.layout.var / "backups")
    before = existing(kept)
    newer = clone.root / "migrations" / "versions" / "9999_tomorrow.py"
    heads = ScriptDirectory(str(clone.root / "migrations")).get_heads()
    newer.write_text(
        f'"""Tomorrow."""\nfrom alembic import op\nrevision = "9999"\ndown_revision = "{heads[0]}"\n'
        'def upgrade():\n    op.execute("CREATE TABLE heartguard_core.tomorrow ()")\n'
    )
    _started(clone)
    (fresh,) = set(existing(kept)) - set(before)
    document = json.loads((kept.root / fresh / "manifest.json").read_text())
    assert document["revision"] == heads[0]
    assert "tomorrow" not in document["tables"]
    assert clone.stop().returncode == 0
    _started(clone)
    assert set(existing(kept)) == {*before, fresh}
