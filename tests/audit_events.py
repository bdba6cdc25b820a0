"""What services have said to the audit trail while no consumer takes it away."""

import json
from typing import Any

import redis

from heartguard_common.audit.events import FIELD, STREAM
from tests.people import owner
from tests.servers import Database


def recorded_events(database: Database, redis_url: str) -> list[dict[str, Any]]:
    """Every event that waits in the outbox or in the stream, by its time."""
    with owner(database) as cursor:
        cursor.execute("SELECT event FROM heartguard_core.audit_outbox ORDER BY id")
        lines = [row[0] for row in cursor.fetchall()]
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        lines += [fields[FIELD] for _, fields in client.xrange(STREAM)]
    return sorted(map(json.loads, lines), key=lambda event: (str(event["time"]), str(event["id"])))
