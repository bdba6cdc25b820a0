"""Removing old events: which ones, by which role, and that the rest still verifies."""

import itertools
import logging

import psycopg2
import pytest

from heartguard_audit.domain.chain import Statement
from heartguard_audit.store.chain_store import PostgresChainStore
from heartguard_audit.store.checkpoints import CheckpointFile
from heartguard_audit.store.retention import PostgresRemover
from heartguard_audit.usecases.chains import CheckpointSigner, Verification
from heartguard_audit.usecases.retention import Retention
from heartguard_cli.urls import libpq
from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.stores.database import Database
from tests.clocks import MovableClock
from tests.store.audit.conftest import KEYS, dead_letters_of, event

DAY = 86_400


@pytest.fixture
def clock():
    return MovableClock()


@pytest.fixture
def checkpoint_log(tmp_path):
    return CheckpointFile(tmp_path)


@pytest.fixture
def chain_store(store):
    return PostgresChainStore(store)


@pytest.fixture
def checkpoint_signer(chain_store, checkpoint_log, clock):
    return CheckpointSigner(chain_store, checkpoint_log, KEYS, clock)


@pytest.fixture
def remover(database):
    opened = Database(database.url_for("retention"))
    yield PostgresRemover(opened)
    opened.close()


@pytest.fixture
def retention(chain_store, checkpoint_log, remover, clock, store):
    return Retention(
        chain_store, checkpoint_log, KEYS, remover, clock, 30, logging.getLogger("test"), dead_letters_of(store, clock)
    )


@pytest.fixture
def verdict(chain_store, checkpoint_log):
    return lambda org_id=1: Verification(chain_store, checkpoint_log, KEYS).verify(org_id)


@pytest.fixture
def aged(events, checkpoint_signer, clock):
    """Five events that are 40 days old, five of 20 days ago, and one of today, in each of two chains."""
    for days in (20, 20, 0):
        count = 5 if days else 1
        events.add([event(org_id=org_id) for _ in range(count) for org_id in (1, None)])
        checkpoint_signer.step()
        clock.forward(days * DAY)
    return events


def sequences(chain_store, org_id=1):
    with chain_store.snapshot() as snapshot:
        return [it.sequence for it in snapshot.links(org_id, 0)]


def test_what_is_old_goes_and_the_rest_verifies(aged, retention, chain_store, verdict, checkpoint_signer):
    assert retention.step() == 10
    for org_id in (1, None):
        assert sequences(chain_store, org_id) == [6, 7, 8, 9, 10, 11]
        assert (verdict(org_id).checked, verdict(org_id).chain_break) == (6, None)
    assert retention.step() == 0
    aged.add([event()])
    checkpoint_signer.step()
    assert (verdict().checked, verdict().chain_break) == (7, None)


def test_the_newest_event_stays_however_old_it_is(aged, retention, chain_store, clock, verdict):
    clock.forward(400 * DAY)
    assert retention.step() == 20
    assert sequences(chain_store) == [11]
    aged.add([event()])
    assert (sequences(chain_store), verdict().chain_break) == ([11, 12], None)


def test_nothing_of_a_broken_chain_is_removed(aged, retention, chain_store, database, store, clock):
    with psycopg2.connect(libpq(database.superuser_url)) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE heartguard_core.audit_events DISABLE TRIGGER ALL")
        cursor.execute("UPDATE heartguard_core.audit_events SET actor = 'x' WHERE org_id = 1 AND sequence = 3")
        cursor.execute("ALTER TABLE heartguard_core.audit_events ENABLE ALWAYS TRIGGER removal_only")
    connection.close()
    assert retention.step() == 5
    assert len(sequences(chain_store)) == 11
    assert len(sequences(chain_store, None)) == 6
    (letter,) = dead_letters_of(store, clock).page("retention", "retrying", None, 10)
    assert (letter.item, letter.org_id, letter.reason) == ("organization:1", 1, "BrokenChainError")


def test_a_removal_that_was_cut_short_goes_on(
    aged, chain_store, checkpoint_log, remover, clock, retention, verdict, store
):
    class Dying:
        def remove(self, org_id, _):
            remover.remove(org_id, 2)
            raise ServiceError(UNAVAILABLE)

    dead_letters = dead_letters_of(store, clock)
    assert (
        Retention(chain_store, checkpoint_log, KEYS, Dying(), clock, 30, logging.getLogger("test"), dead_letters).step()
        == 0
    )
    failed = dead_letters.page("retention", "retrying", None, 10)
    assert {(it.item, it.reason) for it in failed} == {("organization:1", "GEN_503"), ("none", "GEN_503")}
    assert verdict().chain_break is None
    assert retention.step() == 0
    clock.forward(3600)
    assert retention.step() == 6
    assert verdict().chain_break is None


def test_a_prefix_that_nobody_let_go_is_missed(aged, chain_store, database, verdict):
    """A superuser who removes up to a checkpoint, as the job would, has no signed removal for it."""
    with psycopg2.connect(libpq(database.superuser_url)) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE heartguard_core.audit_events DISABLE TRIGGER ALL")
        cursor.execute("DELETE FROM heartguard_core.audit_events WHERE org_id = 1 AND sequence <= 5")
    connection.close()
    assert (verdict().chain_break.sequence, verdict().chain_break.reason) == (1, "the event is missing")


def test_leave_that_somebody_else_signed_removes_nothing(aged, chain_store, database, retention, clock):
    """Write access to the table of checkpoints alone does not make the job remove events."""
    forged = KEYS.sign(Statement("removal", 1, 10, bytes(32), clock.now_ns()))
    with psycopg2.connect(libpq(database.url_for("audit"))) as connection, connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO heartguard_core.audit_checkpoints
            (org_id, kind, sequence, hash, time_ns, public_key, signature) VALUES (1, 'removal', 10, %s, 0, %s, %s)""",
            (bytes(32), forged.public_key, forged.signature),
        )
    connection.close()
    assert retention.step() == 5
    assert len(sequences(chain_store)) == 11


DELETE = "DELETE FROM heartguard_core.audit_events WHERE org_id = 1 AND sequence "
NEVER = {
    "behind what may go": DELETE + "<= 6",
    "the newest": DELETE + "= 11",
    "everything": "DELETE FROM heartguard_core.audit_events",
    "a change": "UPDATE heartguard_core.audit_events SET actor = 'x'",
    "a look at events": "SELECT actor FROM heartguard_core.audit_events",
    "all at once": "TRUNCATE heartguard_core.audit_events",
    "own leave": "INSERT INTO heartguard_core.audit_checkpoints SELECT * FROM heartguard_core.audit_checkpoints",
    "other leave": "UPDATE heartguard_core.audit_checkpoints SET sequence = 10",
    "people": "SELECT * FROM heartguard_core.users",
}


@pytest.mark.parametrize("what", NEVER)
def test_the_role_of_retention_can_not(aged, chain_store, database, clock, what):
    with chain_store.snapshot() as snapshot:
        fifth = next(it.statement for it in snapshot.statements(1) if it.statement.sequence == 5)
    chain_store.add([KEYS.sign(Statement("removal", 1, 5, fifth.hash, clock.now_ns()))])
    connection = psycopg2.connect(libpq(database.url_for("retention")))
    with pytest.raises(psycopg2.errors.InsufficientPrivilege), connection.cursor() as cursor:
        cursor.execute(NEVER[what])
    connection.close()
    assert len(sequences(chain_store)) == 11


STATEMENTS = ["UPDATE {} SET sequence = 1", "DELETE FROM {}", "TRUNCATE {}", "ALTER TABLE {} DISABLE TRIGGER ALL"]


def test_no_service_can_change_or_remove_events(subtests, module_database):
    for role in ["audit", "auth", "organization", "user", "media", "influx"]:
        connection = psycopg2.connect(libpq(module_database.url_for(role)))
        connection.autocommit = True
        with connection.cursor() as cursor:
            for table, statement in itertools.product(["audit_events", "audit_checkpoints"], STATEMENTS):
                command = statement.format(f"heartguard_core.{table}")
                with subtests.test(f"{role}: {command}"), pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    cursor.execute(command)
        connection.close()
