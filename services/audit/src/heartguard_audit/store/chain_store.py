"""The chains in PostgreSQL: events with their hashes, signed statements, and heads without a checkpoint."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from heartguard_audit.domain.chain import ChainLink, Head, SignedStatement, Statement
from heartguard_common.stores.database import Connection, Database, text

PAGE = 2000


def in_chain(org_id: int | None) -> str:
    """The condition that a row belongs to an organization's chain; binds `:org_id`."""
    # One condition with IS NOT DISTINCT FROM would use no index.
    return "org_id IS NULL" if org_id is None else "org_id = :org_id"


class PostgresChainStore:
    """The tables `audit_events` and `audit_checkpoints`, read in one snapshot."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def snapshot(self) -> Iterator["PostgresSnapshot"]:
        """Everything as it is now, without later writes. Raises GEN_503 when PostgreSQL is unavailable."""
        with self._database.transaction() as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            yield PostgresSnapshot(connection)

    def unsigned_heads(self) -> list[tuple[int | None, Head]]:
        """The chains that have grown since their last checkpoint, each with its newest event."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_UNSIGNED_HEADS))
            return [(row.org_id, Head(row.sequence, row.hash.tobytes())) for row in rows]

    def add(self, statements: Sequence[SignedStatement]) -> None:
        """Store signed statements; where there is one of the same chain, kind and sequence, that one stays."""
        rows = [_row(it) for it in statements]
        if rows:
            with self._database.transaction() as connection:
                connection.execute_for_each(text(_ADD), rows)


class PostgresSnapshot:
    """The chains as one transaction with isolation level REPEATABLE READ sees them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def chains(self) -> list[int | None]:
        """Organizations that have events or statements; None is the chain of no organization."""
        return [row[0] for row in self._connection.execute(text(_CHAINS))]

    def knows(self, org_id: int) -> bool:
        """Whether the organization exists or has existed: a deleted one keeps its row."""
        return bool(self._connection.execute(text(_KNOWS), {"org_id": org_id}).scalar_one())

    def statements(self, org_id: int | None) -> list[SignedStatement]:
        """The signed statements about a chain, in the order of sequence."""
        query = f"{_STATEMENTS} WHERE {in_chain(org_id)} ORDER BY sequence, kind"
        return [_signed(row) for row in self._connection.execute(text(query), {"org_id": org_id})]

    def all_statements(self) -> list[SignedStatement]:
        """The signed statements about all chains, oldest first."""
        return [_signed(row) for row in self._connection.execute(text(f"{_STATEMENTS} ORDER BY time_ns, sequence"))]

    def head(self, org_id: int | None) -> Head:
        """The newest event of a chain."""
        query = f"SELECT sequence, hash FROM {_EVENTS} WHERE {in_chain(org_id)} ORDER BY sequence DESC LIMIT 1"  # noqa: S608
        row = self._connection.execute(text(query), {"org_id": org_id}).one_or_none()
        return Head(row.sequence, row.hash.tobytes()) if row else Head()

    def links(self, org_id: int | None, after: int) -> Iterator[ChainLink]:
        """The events of a chain after the sequence `after`, in order, read page by page."""
        query = text(f"{_LINKS} WHERE {in_chain(org_id)} AND sequence > :after ORDER BY sequence LIMIT :page")
        while True:
            rows = self._connection.execute(query, {"org_id": org_id, "after": after, "page": PAGE}).all()
            yield from map(_link, rows)
            if len(rows) < PAGE:
                return
            after = rows[-1].sequence


def _link(row: Any) -> ChainLink:
    columns = {name: getattr(row, name) for name in COLUMNS}
    columns["event_id"] = str(row.event_id)
    return ChainLink(
        sequence=row.sequence,
        columns=columns,
        recorded_us=row.recorded_us,
        previous_hash=row.previous_hash.tobytes(),
        hash=row.hash.tobytes(),
        seal=None if row.seal is None else row.seal.tobytes(),
    )


def _signed(row: Any) -> SignedStatement:
    statement = Statement(row.kind, row.org_id, row.sequence, row.hash.tobytes(), row.time_ns)
    return SignedStatement(statement, row.public_key.tobytes(), row.signature.tobytes())


def _row(signed: SignedStatement) -> dict[str, object]:
    return {**vars(signed.statement), "public_key": signed.public_key, "signature": signed.signature}


COLUMNS = (
    *("event_id", "time_ns", "kind", "request_id", "gateway_request_id", "org_id", "actor", "actor_hash", "action"),
    *("service", "resource", "outcome", "reason", "payload"),
)
_EVENTS = "heartguard_core.audit_events"
_KNOWS = "SELECT EXISTS (SELECT FROM heartguard_core.organizations WHERE id = :org_id)"
_MARKS = "heartguard_core.audit_checkpoints"
_LINKS = f"""
SELECT sequence, {", ".join(COLUMNS)}, previous_hash, hash, seal,
    cast(extract(epoch FROM recorded_at) * 1000000 AS bigint) AS recorded_us
FROM {_EVENTS}
"""  # noqa: S608
_STATEMENTS = f"SELECT kind, org_id, sequence, hash, time_ns, public_key, signature FROM {_MARKS}"  # noqa: S608
_ADD = f"""
INSERT INTO {_MARKS} (kind, org_id, sequence, hash, time_ns, public_key, signature)
VALUES (:kind, :org_id, :sequence, :hash, :time_ns, :public_key, :signature)
ON CONFLICT DO NOTHING
"""  # noqa: S608
# Goes from one organization to the next by the index; a DISTINCT would read every event.
_ORGANIZATIONS = f"""
WITH RECURSIVE chain AS (
    (SELECT org_id FROM {_EVENTS} WHERE org_id IS NOT NULL ORDER BY org_id LIMIT 1)
    UNION ALL
    SELECT (SELECT org_id FROM {_EVENTS} WHERE org_id > chain.org_id ORDER BY org_id LIMIT 1)
    FROM chain WHERE chain.org_id IS NOT NULL
)
SELECT org_id FROM chain WHERE org_id IS NOT NULL
"""  # noqa: S608
_CHAINS = f"""
SELECT org_id FROM ({_ORGANIZATIONS}) AS with_events
UNION SELECT org_id FROM {_MARKS}
UNION SELECT org_id FROM (SELECT org_id FROM {_EVENTS} WHERE org_id IS NULL LIMIT 1) AS of_none
ORDER BY org_id NULLS LAST
"""  # noqa: S608
_UNSIGNED_HEADS = f"""
SELECT chain.org_id, head.sequence, head.hash
FROM ({_ORGANIZATIONS}) AS chain
CROSS JOIN LATERAL (
    SELECT sequence, hash FROM {_EVENTS} WHERE org_id = chain.org_id ORDER BY sequence DESC LIMIT 1
) AS head
WHERE NOT EXISTS (
    SELECT FROM {_MARKS} AS mark
    WHERE mark.org_id = chain.org_id AND mark.kind = 'checkpoint' AND mark.sequence >= head.sequence
)
UNION ALL
SELECT NULL, head.sequence, head.hash
FROM (SELECT sequence, hash FROM {_EVENTS} WHERE org_id IS NULL ORDER BY sequence DESC LIMIT 1) AS head
WHERE NOT EXISTS (
    SELECT FROM {_MARKS} AS mark
    WHERE mark.org_id IS NULL AND mark.kind = 'checkpoint' AND mark.sequence >= head.sequence
)
"""  # noqa: S608
