"""Verification detects every change that a superuser of the database makes, and names the right event."""

import shutil
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from heartguard_audit.domain.chain import Statement
from heartguard_audit.store.chain_store import PostgresChainStore, PostgresSnapshot
from heartguard_audit.store.checkpoints import NAME, CheckpointFile
from heartguard_audit.usecases.chains import CheckpointSigner, Verification
from heartguard_common.audit.chain import event_hash
from heartguard_common.core.clock import SystemClock
from heartguard_common.stores.database import Database, text
from tests.store.audit.conftest import KEYS, Trail, event

ORG = 1
EVENTS = "heartguard_core.audit_events"
CHECKPOINTS = "heartguard_core.audit_checkpoints"


class SharedTransaction:
    """A chain store whose snapshots read in one open transaction, which the test changes and rolls back."""

    def __init__(self, connection):
        self._connection = connection

    @contextmanager
    def snapshot(self):
        yield PostgresSnapshot(self._connection)


@pytest.fixture(scope="module")
def signed(module_database, tmp_path_factory):
    """Sixty events of one organization, and events of others, signed after the 20th, the 40th and the 60th."""
    opened = Database(module_database.url_for("audit"))
    directory = tmp_path_factory.mktemp("checkpoints")
    checkpoint_signer = CheckpointSigner(PostgresChainStore(opened), CheckpointFile(directory), KEYS, SystemClock())
    for _ in range(3):
        Trail(opened).add([event(resource=f"user:{n}", org_id=org_id) for n in range(20) for org_id in (1, 2, None)])
        checkpoint_signer.step()
    opened.close()
    return directory


@pytest.fixture
def file(signed, tmp_path):
    """A copy of the file of checkpoints."""
    return Path(shutil.copy(signed / NAME, tmp_path))


@pytest.fixture
def tampered(signed, module_database):
    """A connection of a superuser who has disabled the triggers."""
    opened = Database(module_database.superuser_url, pool_size=1)
    with suppress(UndoneError), opened.transaction() as connection:
        for table in (EVENTS, CHECKPOINTS):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        yield connection
        raise UndoneError
    opened.close()


class UndoneError(Exception):
    """Rolls the tampering back."""


@pytest.fixture
def superuser(tampered):
    """A function that runs statements on that connection."""

    def run(*statements, **values):
        for statement in statements:
            found = tampered.execute(text(statement), values)
        return found

    return run


@pytest.fixture
def verdict(tampered, file):
    """A function that verifies the changed trail and file."""
    return lambda org_id=ORG: Verification(SharedTransaction(tampered), CheckpointFile(file.parent), KEYS).verify(
        org_id
    )


def test_an_untouched_trail_is_valid(verdict):
    for org_id in (1, 2, None):
        assert (verdict(org_id).checked, verdict(org_id).chain_break) == (60, None)


def test_a_trail_without_events_is_valid(verdict):
    assert (verdict(7).checked, verdict(7).chain_break) == (0, None)


UPDATE = f"UPDATE {EVENTS} SET "
WHERE = f" WHERE org_id = {ORG} AND sequence = "
SHIFTED = f"""UPDATE {EVENTS} SET sequence = -sequence WHERE org_id = {ORG} AND sequence >= 37;
    UPDATE {EVENTS} SET sequence = 1 - sequence WHERE org_id = {ORG} AND sequence < 0"""
DROP_CHECK = f"ALTER TABLE {EVENTS} DROP CONSTRAINT audit_events_sequence_check"
EIGHT = {
    # change: (statements, the event that verification names)
    "a field was changed": ([UPDATE + "actor = 'user:99'" + WHERE + "37"], 37),
    "a row was removed": ([f"DELETE FROM {EVENTS}" + WHERE + "37"], 37),
    "the first rows were removed": ([f"DELETE FROM {EVENTS} WHERE org_id = {ORG} AND sequence <= 20"], 1),
    "two rows were swapped": (
        [
            DROP_CHECK,
            UPDATE + "sequence = -1" + WHERE + "37",
            UPDATE + "sequence = 37" + WHERE + "38",
            UPDATE + "sequence = 38" + WHERE + "-1",
        ],
        37,
    ),
    "a row was inserted": (
        [
            DROP_CHECK,
            SHIFTED,
            f"""INSERT INTO {EVENTS} (event_id, org_id, sequence, time_ns, kind, request_id, actor, action, service,
                outcome, payload, previous_hash, hash, seal)
                SELECT gen_random_uuid(), org_id, 37, time_ns, kind, request_id, actor, action, service, outcome,
                payload, hash, sha256('x'), sha256('y') FROM {EVENTS}"""
            + WHERE
            + "36",
        ],
        37,
    ),
    "a time was changed": ([UPDATE + "time_ns = time_ns - 1" + WHERE + "37"], 37),
    "the time of recording was changed": ([UPDATE + "recorded_at = recorded_at - interval '1 us'" + WHERE + "37"], 37),
    "an event moved to another organization": ([UPDATE + "org_id = 3, sequence = 1" + WHERE + "60"], 60),
    "the tail was cut off with the newest checkpoint": (
        [
            f"DELETE FROM {EVENTS} WHERE org_id = {ORG} AND sequence > 40",
            f"DELETE FROM {CHECKPOINTS} WHERE org_id = {ORG} AND sequence = 60",
        ],
        41,
    ),
    "a checkpoint was changed": ([f"UPDATE {CHECKPOINTS} SET hash = sha256('x')" + WHERE + "40"], 40),
    "a checkpoint was removed": ([f"DELETE FROM {CHECKPOINTS}" + WHERE + "40"], 40),
    "a seal was changed": ([UPDATE + "seal = sha256('x')" + WHERE + "37"], 37),
    "a seal was removed": ([UPDATE + "seal = NULL" + WHERE + "37"], 37),
    "a hash was changed": ([UPDATE + "hash = sha256('x')" + WHERE + "37"], 37),
    "a link was changed": ([UPDATE + "previous_hash = sha256('x')" + WHERE + "37"], 37),
    "all was removed": ([f"DELETE FROM {EVENTS}", f"DELETE FROM {CHECKPOINTS}"], 1),
}


@pytest.mark.parametrize("how", EIGHT)
def test_tampering_is_found_and_the_event_named(superuser, verdict, how):
    statements, named = EIGHT[how]
    superuser(*statements)
    assert verdict().chain_break.sequence == named
    assert verdict(2).chain_break is None or how == "all was removed"


COLUMNS = {
    "event_id": "gen_random_uuid()",
    "kind": "'access'",
    "request_id": "'other'",
    "gateway_request_id": "'other'",
    "actor_hash": "'other'",
    "action": "'other'",
    "service": "'other'",
    "resource": "NULL",
    "outcome": "'denied'",
    "reason": "'other'",
    "payload": "jsonb_build_object('n', 1)",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_is_part_of_the_hash(superuser, verdict, column):
    superuser(UPDATE + f"{column} = {COLUMNS[column]}" + WHERE + "37")
    assert verdict().chain_break.sequence == 37


def test_every_column_is_tampered_with(superuser):
    query = f"SELECT attname FROM pg_attribute WHERE attrelid = cast('{EVENTS}' AS regclass) AND attnum > 0"
    names = superuser(query).scalars()
    tried = {"actor", "org_id", "sequence", "time_ns", "recorded_at", "seal", "hash", "previous_hash"}
    assert set(names) == tried | set(COLUMNS)


def test_a_chain_recomputed_after_a_change_is_found_at_the_change(tampered, superuser, verdict):
    """An attacker who has the source code, but not the key, changes an event and recomputes every later hash."""
    links = list(PostgresSnapshot(tampered).links(ORG, 0))
    previous = links[35].hash
    for one in links[36:]:
        columns = {**one.columns, "actor": "user:99"} if one.sequence == 37 else one.columns
        digest = event_hash(columns, one.sequence, one.recorded_us, previous)
        change = UPDATE + "actor = :actor, previous_hash = :previous, hash = :hash" + WHERE + ":at"
        superuser(change, actor=columns["actor"], previous=previous, hash=digest, at=one.sequence)
        previous = digest
    assert verdict().chain_break.sequence == 37
    # without seals the next checkpoint after the change detects it
    superuser(f"UPDATE {EVENTS} SET seal = NULL")
    assert verdict().chain_break.sequence in (20, 21)


def test_a_removed_line_of_the_file_is_reported(file, verdict):
    lines = file.read_bytes().splitlines(keepends=True)
    of_forty = [line for line in lines if b'org_id\\":1,\\"sequence\\":40' in line]
    file.write_bytes(b"".join(line for line in lines if line not in of_forty))
    assert len(of_forty) == 1
    assert verdict().chain_break.sequence == 40


def test_a_changed_line_of_the_file_is_reported_as_unsigned(file, verdict):
    file.write_bytes(file.read_bytes().replace(b'org_id\\":1,\\"sequence\\":60', b'org_id\\":1,\\"sequence\\":61'))
    assert verdict().chain_break.sequence == 61


def test_an_invalid_line_is_reported(file, verdict):
    with file.open("ab") as stream:
        stream.write(b"nothing\n")
    assert verdict(None).chain_break.sequence == 0


def test_a_checkpoint_of_another_key_is_ignored(superuser, verdict):
    forged = replace(KEYS.sign(Statement("checkpoint", ORG, 61, bytes(32), 0)), public_key=bytes(32))
    superuser(
        f"""INSERT INTO {CHECKPOINTS} (org_id, kind, sequence, hash, time_ns, public_key, signature)
        VALUES (1, 'checkpoint', 61, :hash, 0, :key, :signature)""",
        hash=forged.statement.hash,
        key=forged.public_key,
        signature=forged.signature,
    )
    assert verdict().chain_break.sequence == 61
