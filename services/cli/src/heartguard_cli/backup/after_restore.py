"""What is ended after a restore: sessions, codes, signing keys, and the data of those who were deleted since."""

from collections.abc import Sequence
from typing import Any

from heartguard_cli.backup import postgres
from heartguard_common.jobs.deletion_list import Deletion

# What was given out after the backup is unknown to the restored database, and may still stand in tokens, in an InfluxDB
# and in logs: no id is given out twice.
_IDS_SKIPPED = 1_000_000
_SESSIONS = (
    "INSERT INTO heartguard_core.restores (backup_created_at) VALUES (%(backup)s)",
    "UPDATE heartguard_core.sessions SET ended_at = now() WHERE ended_at IS NULL",
    "DELETE FROM heartguard_core.password_resets",
    "DELETE FROM heartguard_core.email_confirmations",
    # A key that was retired after the backup, because it was stolen, would sign again. Auth makes new ones.
    """
    INSERT INTO heartguard_core.revoked_tokens (kind, value, reason, revoked_at, expires_at)
    SELECT 'kid', kid, 'restore', now(), now() + interval '10 years' FROM heartguard_core.signing_keys
    ON CONFLICT DO NOTHING
    """,
    "UPDATE heartguard_core.signing_keys SET retired_at = coalesce(retired_at, now())",
)
_SKIP = """
SELECT setval(sequence, (SELECT coalesce(max(id), 0) FROM heartguard_core.{table}) + %(skipped)s)
FROM pg_get_serial_sequence('heartguard_core.{table}', 'id') AS sequence
"""
# Whoever stands in the list and was made before that deletion. They cannot log in from here on; the services take the
# jobs as soon as they start, because they alone reach every store.
_BLOCK_PERSON = """
UPDATE heartguard_core.users SET active = false
WHERE id = %(user_id)s AND org_id = %(org_id)s AND deleted_at IS NULL AND created_at < %(time)s
"""
_CLOSE_ORGANIZATION = """
UPDATE heartguard_core.organizations SET closed_at = coalesce(closed_at, now())
WHERE id = %(org_id)s AND deleted_at IS NULL AND created_at < %(time)s
"""
_BLOCK_MEMBERS = """
UPDATE heartguard_core.users SET active = false WHERE org_id = %(org_id)s AND deleted_at IS NULL
"""
_ENQUEUE = """
INSERT INTO heartguard_core.jobs (id, kind, org_id, user_id, status, created_by)
VALUES (gen_random_uuid(), %(kind)s, %(org_id)s, %(user_id)s, 'queued', 'operator') ON CONFLICT DO NOTHING
"""
# The names that the user and the organization service give to these jobs.
PERSON_JOB, ORGANIZATION_JOB = "user.delete", "organization.delete"


def finish_restore(url: str, backup_created_at: str, deletions: Sequence[Deletion]) -> int:
    """End all sessions, retire all signing keys, and have those deletions carried out again that are not done here.

    All in one transaction; returns how many deletions that are. Raises `CommandError`.
    """
    with postgres.connected(url) as connection, connection, connection.cursor() as cursor:
        for statement in _SESSIONS:
            cursor.execute(statement, {"backup": backup_created_at})
        for table in ("organizations", "users"):
            cursor.execute(_SKIP.format(table=table), {"skipped": _IDS_SKIPPED})
        return sum(_repeat(cursor, deletion) for deletion in deletions)


def _repeat(cursor: Any, deletion: Deletion) -> bool:
    values = {"org_id": deletion.org_id, "user_id": deletion.user_id, "time": deletion.time}
    cursor.execute(_CLOSE_ORGANIZATION if deletion.user_id is None else _BLOCK_PERSON, values)
    if cursor.rowcount == 0:
        return False
    if deletion.user_id is None:
        cursor.execute(_BLOCK_MEMBERS, values)
    cursor.execute(_ENQUEUE, {**values, "kind": ORGANIZATION_JOB if deletion.user_id is None else PERSON_JOB})
    return True
