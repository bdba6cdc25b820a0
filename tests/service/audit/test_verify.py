"""GET /audit/verify and `heartguard audit verify`: permissions, answers and formats."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
from lxml import etree

from heartguard_audit import offline
from heartguard_audit.domain.chain import Keys
from heartguard_audit.store.chain_store import PostgresChainStore
from heartguard_audit.store.checkpoints import CheckpointFile
from heartguard_audit.usecases.chains import CheckpointSigner, Verification
from heartguard_cli.urls import libpq
from heartguard_common.core.clock import SystemClock
from heartguard_common.core.registry import python_path
from heartguard_common.stores.database import Database
from tests.people import owner
from tests.servers import measured
from tests.store.audit.conftest import event
from tests.tokens import bearer, operator_auth, service_auth

ADMIN = bearer(12, "admin", org_id=1)


@pytest.fixture(autouse=True)
def own_checkpoints(environ, tmp_path):
    environ["CHECKPOINT_DIR"] = str(tmp_path / "checkpoints")


@pytest.fixture
def sign(environ):
    """A function that signs checkpoints, as the consumer does once a minute."""
    database = Database(environ["DATABASE_URL"])
    checkpoint_log = CheckpointFile(checkpoints_of(environ))
    checkpoint_signer = CheckpointSigner(
        PostgresChainStore(database), checkpoint_log, Keys(environ["AUDIT_CHECKPOINT_KEY"]), SystemClock()
    )
    yield checkpoint_signer.step
    database.close()


def checkpoints_of(environ):
    return Path(environ["CHECKPOINT_DIR"])


@pytest.fixture
def spoil(database):
    def change(statement):
        with psycopg2.connect(libpq(database.superuser_url)) as connection, connection.cursor() as cursor:
            cursor.execute("ALTER TABLE heartguard_core.audit_events DISABLE TRIGGER ALL")
            cursor.execute(f"UPDATE heartguard_core.audit_events SET {statement}")
        connection.close()

    return change


def test_each_caller_verifies_their_own_chain(client, journal, sign, spoil):
    journal.add([event(org_id=org_id) for org_id in (1, 1, 2, 2, 2, None)])
    sign()
    spoil("actor = 'user:99' WHERE org_id = 2 AND sequence = 2")
    good = client.get("/audit/verify", headers=ADMIN)
    assert (good.status_code, good.json) == (200, {"valid": True, "checked": 2})
    assert good.headers["Cache-Control"] == "no-store"
    bad = client.get("/audit/verify", headers=bearer(20, "admin", org_id=2))
    reason = "it is not what was hashed"
    assert bad.json == {"valid": False, "checked": 1, "first_bad_sequence": 2, "reason": reason}
    assert client.get("/audit/verify", headers=operator_auth()).json == {"valid": True, "checked": 1}


def test_a_verification_in_xml_equals_the_json(client, journal, spoil):
    journal.add([event(), event()])
    spoil("time_ns = 0 WHERE sequence = 1")
    root = etree.fromstring(client.get("/audit/verify?format=xml", headers=ADMIN).data)
    assert root.tag == "AuditVerification"
    assert {child.tag: child.text for child in root} == {
        "valid": "false",
        "checked": "0",
        "first_bad_sequence": "1",
        "reason": "it is not what was hashed",
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), (bearer(1, "manager", org_id=1), 403), (bearer(1, "user", org_id=1), 403), (service_auth("auth"), 403)],
)
def test_other_callers_cannot_verify(client, headers, status):
    assert client.get("/audit/verify", headers=headers).status_code == status


def test_an_unknown_parameter_is_refused(client):
    assert client.get("/audit/verify?org_id=2", headers=ADMIN).status_code == 422


def run(environ, *arguments, **more):
    command = [sys.executable, "-m", "heartguard_audit.offline", *arguments]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": python_path("audit"), **measured(), **environ, **more}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_command_lists_every_chain_and_fails_when_one_is_broken(environ, journal, sign, spoil):
    journal.add([event(org_id=org_id) for org_id in (1, 1, 12, None)])
    sign()
    good = run(environ, "verify")
    assert (good.returncode, good.stderr) == (0, "")
    assert [line.split() for line in good.stdout.splitlines()[1:4]] == [
        ["1", "2", "1", "valid"],
        ["12", "1", "1", "valid"],
        ["(none)", "1", "1", "valid"],
    ]
    document = json.loads(run(environ, "verify", "--json").stdout)
    assert document["public_key"] in good.stdout
    assert document["organizations"][2] == {
        "organization": None,
        "events": 1,
        "checkpoints": 1,
        "first_bad": None,
        "verdict": "valid",
    }
    spoil("actor = 'x' WHERE org_id = 12")
    bad = run(environ, "verify")
    assert bad.returncode == 1
    assert "12            0       1            1          it is not what was hashed" in bad.stdout
    assert run(environ, "verify", "--organization", "1").returncode == 0


def test_an_unknown_organization_is_not_reported_as_valid(environ, database, journal):
    journal.add([event(org_id=1)])
    missing = run(environ, "verify", "--organization", "99")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "There is no organization 99" in missing.stderr
    with owner(database) as cursor:
        cursor.execute(
            "INSERT INTO heartguard_core.organizations (id, name) OVERRIDING SYSTEM VALUE VALUES (99, 'quiet')"
        )
    quiet = run(environ, "verify", "--organization", "99")
    assert (quiet.returncode, quiet.stdout.splitlines()[1].split()) == (0, ["99", "0", "0", "valid"])


def test_the_command_names_the_reason_of_a_failure(environ, database):
    away = run(environ, "verify", DATABASE_URL="postgresql://nobody:x@127.0.0.1:1/x")
    assert (away.returncode, away.stdout) == (2, "")
    assert away.stderr.startswith("heartguard: ")
    assert "AUDIT_CHECKPOINT_KEY" in run({**environ, "AUDIT_CHECKPOINT_KEY": "short"}, "verify").stderr


def test_a_long_chain_shows_its_progress(environ, journal):
    progress = []
    database = Database(environ["DATABASE_URL"])
    for _ in range(5):
        journal.add([event() for _ in range(2001)])
    keys = Keys(environ["AUDIT_CHECKPOINT_KEY"])
    (found,) = Verification(PostgresChainStore(database), CheckpointFile(checkpoints_of(environ)), keys).verify_all(
        1, progress.append
    )
    assert (found.verdict.checked, progress) == (10_005, [10_000])
    assert offline.row(found) == ("1", "10,005", "0", "", "valid")
    database.close()
