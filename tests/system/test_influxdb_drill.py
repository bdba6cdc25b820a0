"""The restore drill with an InfluxDB: its points come back, and those of whoever was deleted meanwhile do not stay."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from heartguard_cli.backup.places import Directory
from heartguard_cli.backup.taking import existing
from heartguard_common.core.clock import SystemClock
from heartguard_common.jobs.deletion_list import Deletion, DeletionList
from tests.clone import Clone
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.servers import until
from tests.system.writer import Member, heart_rate

pytestmark = pytest.mark.timeout(400)
PASSWORD = "Correct-horse-9"
FOUNDER = {"email": "chief@clinic.example", "password": PASSWORD}
LEAVER = {"email": "leaver@clinic.example", "password": PASSWORD}
MOMENTS = [f"2026-01-01T00:00:{second:02}Z" for second in range(20)]


@pytest.fixture
def model() -> Iterator[ModelInfluxDB]:
    with ModelInfluxDB(SystemClock().now_ns()) as made:
        yield made


@pytest.fixture
def drilled(clone: Clone, model: ModelInfluxDB) -> Clone:
    """A clone whose scripts find the model as their InfluxDB."""
    done = clone.script("heartguard", "env")
    assert done.returncode == 0, done.stderr
    env = clone.root / ".env"
    named = {"INFLUX_URL": model.url, "INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG}
    lines = [
        next((f"{name}={value}" for name, value in named.items() if line == f"{name}="), line)
        for line in env.read_text().splitlines()
    ]
    env.write_text("\n".join(lines) + "\n")
    return clone


def _call(clone: Clone, method: str, path: str, body: object = None, token: str | None = None) -> dict[str, Any]:
    status, document = clone.call("gateway", method, path, body, token=token)
    assert status < 300, (path, status, document)
    return document


def _done(clone: Clone, script: str, *arguments: str) -> str:
    done = clone.script(script, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _member(clone: Clone, who: dict[str, str]) -> tuple[Member, int]:
    token = str(_call(clone, "POST", "/auth/login", who)["access_token"])
    profile = _call(clone, "GET", "/auth/profile", token=token)
    return Member(f"http://127.0.0.1:{clone.ports['gateway']}", token, int(profile["org_id"])), int(profile["id"])


def _of(model: ModelInfluxDB, bucket: str, person: int) -> int:
    """How many values of somebody the InfluxDB holds."""
    held = model.points(bucket) if bucket in model.buckets() else {}
    return sum(len(values) for (_, tags, _), values in held.items() if dict(tags).get("user_id") == str(person))


def test_restored_points_leave_out_deleted_people(drilled: Clone, model: ModelInfluxDB, tmp_path: Path) -> None:
    clone = drilled
    _done(clone, "start_services.sh")
    _call(clone, "POST", "/auth/register", FOUNDER)
    chief, _ = _member(clone, FOUNDER)
    _call(clone, "POST", "/auth/register", {**LEAVER, "role": "user"}, chief.token)
    stayer_login = {"email": "stayer@clinic.example", "password": PASSWORD}
    _call(clone, "POST", "/auth/register", {**stayer_login, "role": "user"}, chief.token)
    (leaver, gone), (stayer, stays) = _member(clone, LEAVER), _member(clone, stayer_login)
    for member in (leaver, stayer):
        assert member.write([heart_rate(moment) for moment in MOMENTS]).status_code == 200
    bucket = f"org_{chief.org_id}"
    before = model.points(bucket)
    assert (_of(model, bucket, gone), _of(model, bucket, stays)) == (len(MOMENTS), len(MOMENTS))

    said = _done(clone, "heartguard", "backup", str(tmp_path / "kept"))
    assert f"{sum(map(len, before.values())):,} values in 1 buckets of an InfluxDB" in said
    (name,) = existing(Directory(tmp_path / "kept"))

    _done(clone, "stop_services.sh")
    # All is lost but the list of deletions, in which somebody of the backup stands.
    shutil.rmtree(clone.layout.var)
    values = dotenv_values(clone.root / ".env", interpolate=False)
    deletion = Deletion("after-the-backup", "2100-01-01T00:00:00Z", chief.org_id, gone)
    DeletionList(clone.layout.var / "checkpoints", values["AUDIT_CHECKPOINT_KEY"] or "").append([deletion])
    refused = clone.script("heartguard", "restore", str(tmp_path / "kept" / name))
    assert f"the InfluxDB has points in {bucket}" in refused.stderr
    model.lose_everything()

    said = _done(clone, "heartguard", "restore", str(tmp_path / "kept" / name))
    assert "carried out again when the services start: 1\n" in said
    assert model.points(bucket) == before
    _done(clone, "start_services.sh")
    until(lambda: _of(model, bucket, gone) == 0, "the end of the leaver's points", 60)
    assert _of(model, bucket, stays) == len(MOMENTS)
    back, _ = _member(clone, stayer_login)
    assert len(back.stored("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")) == len(MOMENTS)
