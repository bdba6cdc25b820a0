"""Events that are older than the chain are chained by the migration, and signed by the consumer's first checkpoint."""

import psycopg2
from alembic import command
from psycopg2.extras import Json, execute_batch

from heartguard_audit.store.checkpoints import CheckpointFile
from heartguard_audit.store.ledger import PostgresLedger
from heartguard_audit.usecases.chains import CheckpointSigner, Verification
from heartguard_cli import migrate
from heartguard_cli.urls import libpq
from heartguard_common.core.clock import SystemClock
from heartguard_common.stores.database import Database
from tests.store.audit.conftest import KEYS, Trail, event

INSERT = """INSERT INTO heartguard_core.audit_events
    (event_id, org_id, time_ns, kind, request_id, actor, action, service, outcome, payload)
    VALUES (gen_random_uuid(), %s, %s, 'change', '', 'user:1', 'a', 'user', 'success', %s)"""
# By UTF-16 code units, as RFC 8785 orders names, U+1F493 comes before U+FB01.
NAMES = {"\ufb01": "a", "\U0001f493": "b"}
PAYLOADS = (NAMES, {"é": 1.0, "b": 2**60}, {"part": 71.5, "tiny": 1e-7, "huge": 1e22, "yes": True, "nothing": None})


def test_existing_events_are_chained_and_the_chain_continues(empty_database, tmp_path):
    url = empty_database.owner_url
    command.upgrade(migrate._config(url), "0004_audit")
    with psycopg2.connect(libpq(url)) as connection, connection.cursor() as cursor:
        rows = [(None if number % 2 else 1 + number % 3, number, Json(PAYLOADS[number % 3])) for number in range(4200)]
        execute_batch(cursor, INSERT, rows)
    connection.close()
    migrate.upgrade(url, empty_database.passwords)
    opened = Database(empty_database.url_for("audit"))
    ledger, checkpoint_log = PostgresLedger(opened), CheckpointFile(tmp_path)
    before = list(Verification(ledger, checkpoint_log, KEYS).all())
    assert {it.verdict.chain_break.reason for it in before} == {"it has no seal"}
    assert CheckpointSigner(ledger, checkpoint_log, KEYS, SystemClock()).step() == 4
    Trail(opened).add([event(org_id=org_id) for org_id in (2, 3, None)])
    after = {it.org_id: it.verdict for it in Verification(ledger, checkpoint_log, KEYS).all()}
    assert {org_id: (it.checked, it.chain_break) for org_id, it in after.items()} == {
        1: (700, None),
        2: (701, None),
        3: (701, None),
        None: (2101, None),
    }
    opened.close()
