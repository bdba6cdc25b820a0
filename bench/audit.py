"""Events per second that the consumer's writer stores: chained and sealed, compared with the same rows unchained.

Run in the virtual environment of the tests: python -m bench.audit [--events 6000] [--batch 200]
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench import report
from heartguard_audit.domain.chain import Keys
from heartguard_audit.store.chain_store import PostgresChainStore
from heartguard_audit.store.checkpoints import CheckpointFile
from heartguard_audit.store.events import PostgresJournal, _row
from heartguard_audit.usecases.chains import CheckpointSigner, Verification
from heartguard_common.audit.events import AuditEvent
from heartguard_common.core.clock import SystemClock, rfc3339
from heartguard_common.core.ids import uuid7
from heartguard_common.stores.database import Database
from tests.servers import Postgres

# The table and the statement from before the chain: numbered by a trigger, without hashes.
PLAIN = """
CREATE TABLE heartguard_core.plain_events (LIKE heartguard_core.audit_events INCLUDING DEFAULTS INCLUDING INDEXES);
ALTER TABLE heartguard_core.plain_events DROP previous_hash, DROP hash, DROP seal;
CREATE FUNCTION heartguard_core.number_plain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(5007);
    IF NEW.org_id IS NULL THEN
        SELECT coalesce(max(sequence), 0) + 1 INTO NEW.sequence FROM heartguard_core.plain_events WHERE org_id IS NULL;
    ELSE
        SELECT coalesce(max(sequence), 0) + 1 INTO NEW.sequence FROM heartguard_core.plain_events
        WHERE org_id = NEW.org_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER number_plain BEFORE INSERT ON heartguard_core.plain_events
    FOR EACH ROW EXECUTE FUNCTION heartguard_core.number_plain();
GRANT SELECT, INSERT ON heartguard_core.plain_events TO heartguard_audit;
"""
NAMES = """event_id, time_ns, kind, request_id, gateway_request_id, org_id, actor, actor_hash, action, service,
    resource, outcome, reason, payload"""
ADD = f"""
INSERT INTO heartguard_core.plain_events ({NAMES})
SELECT {NAMES}
FROM ROWS FROM (jsonb_to_recordset(cast(:batch AS jsonb)) AS (
    event_id uuid, time_ns bigint, kind text, request_id text, gateway_request_id text, org_id integer, actor text,
    actor_hash text, action text, service text, resource text, outcome text, reason text, payload jsonb
)) WITH ORDINALITY AS given ({NAMES}, place)
ORDER BY place ON CONFLICT (event_id) DO NOTHING
"""


def events(number: int) -> list[AuditEvent]:
    """Access events of twenty organizations, in the form in which the gateway writes them."""
    now = SystemClock().now_ns()
    return [
        AuditEvent(
            id=uuid7(),
            time=rfc3339(now + place),
            kind="access",
            request_id=uuid7(),
            gateway_request_id=uuid7(),
            org_id=1 + place % 20,
            actor=f"user:{place % 500}",
            action="timeseries.write",
            service="gateway",
            outcome="success",
            payload={"method": "POST", "status": 200},
        )
        for place in range(number)
    ]


def batches(number: int, size: int) -> list[list[AuditEvent]]:
    """The events in batches."""
    made = events(number)
    return [made[at : at + size] for at in range(0, number, size)]


def main() -> None:
    """Write the same events in turns, a batch with the chain and a batch without, and verify the chains."""
    parser = report.parser("audit", __doc__)
    parser.add_argument("--events", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Postgres(Path(folder), settings=("shared_buffers=64MB", "max_connections=20"))
        try:
            server.start()
            with server.database() as database:
                _measure(database, Path(folder), options)
        finally:
            server.stop()


def _measure(database: Any, folder: Path, options: argparse.Namespace) -> None:
    owner = Database(database.owner_url)
    with owner.transaction() as connection:
        connection.exec_driver_sql(PLAIN)
    owner.close()
    store = Database(database.url_for("audit"))
    keys = Keys("of-the-bench-alone-7Vd2Kx9Qm4Zr1Tb8")
    journal = PostgresJournal(store, keys)

    def plain(batch: list[AuditEvent]) -> None:
        with store.transaction() as connection:
            connection.execute(text(ADD), {"batch": json.dumps([_row(it) for it in batch])})

    spent = {"chained": [0.0, 0.0], "plain": [0.0, 0.0]}
    writers = {"chained": journal.add, "plain": plain}
    journal.add(events(1))
    plain(events(1))
    for pair in zip(batches(options.events, options.batch), batches(options.events, options.batch), strict=True):
        for (name, write), batch in zip(writers.items(), pair, strict=True):
            wall, own = time.perf_counter(), time.process_time()
            write(batch)
            spent[name][0] += time.perf_counter() - wall
            spent[name][1] += time.process_time() - own
    number = options.events
    rates = {name: number / wall for name, (wall, _) in spent.items()}
    chain_store, checkpoint_log = PostgresChainStore(store), CheckpointFile(folder / "checkpoints")
    began = time.perf_counter()
    signed = CheckpointSigner(chain_store, checkpoint_log, keys, SystemClock()).step()
    signing = (time.perf_counter() - began) * 1000
    began = time.perf_counter()
    found = list(Verification(chain_store, checkpoint_log, keys).verify_all())
    verifying = time.perf_counter() - began
    assert all(it.verdict.chain_break is None for it in found)
    checked = sum(it.verdict.checked for it in found) / verifying
    store.close()
    summary = f"{number:,} events in batches of {options.batch}, fsync on.\n\n" + report.table(
        ("rows", "events/s", "us of the consumer's CPU each", "of the rate without a chain"),
        [
            (name, f"{rates[name]:,.0f}", f"{own / number * 1e6:.1f}", f"{rates[name] / rates['plain']:.2f}")
            for name, (_, own) in spent.items()
        ],
    )
    summary += f"\n\n{signed} chains were signed in {signing:.0f} ms, and {checked:,.0f} events/s verified."
    report.write(options.out, "audit", summary, {"events/s": {**rates, "verified": checked}})


if __name__ == "__main__":
    main()
