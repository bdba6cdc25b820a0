"""The table `organization_states`, and its copy in Redis."""

from contextlib import suppress

from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.revocation_copy import RevocationCopy
from heartguard_common.messages import Mode
from heartguard_common.stores.database import Database, text

_LOCK = text("""
INSERT INTO heartguard_core.organization_states (org_id) VALUES (:org_id)
ON CONFLICT (org_id) DO UPDATE SET org_id = excluded.org_id
RETURNING mode
""")
_CHOOSE = text("""
UPDATE heartguard_core.organization_states SET mode = :mode, mode_chosen = true, changed_at = now()
WHERE org_id = :org_id
""")
_TOUCH = text("""
INSERT INTO heartguard_core.organization_states (org_id, changed_at) VALUES (:org_id, now())
ON CONFLICT (org_id) DO UPDATE SET changed_at = now()
""")


class PostgresStates:
    """States in PostgreSQL; `copy` brings them to Redis."""

    def __init__(self, database: Database, copy: RevocationCopy) -> None:
        self._database = database
        self._copy = copy

    def mode(self, org_id: int) -> Mode:
        """The mode, whose row is locked until the transaction ends."""
        found: Mode = self._database.one(_LOCK, {"org_id": org_id}).mode
        return found

    def choose_mode(self, org_id: int, mode: Mode) -> None:
        """Store the mode that the operator chose."""
        self._database.run(_CHOOSE, {"org_id": org_id, "mode": mode})

    def touch(self, org_id: int) -> None:
        """Note that the limit of requests changed, so that it is copied."""
        self._database.run(_TOUCH, {"org_id": org_id})

    def publish(self, org_id: int) -> None:
        """Bring the committed state to the copy, now or within a second."""
        with suppress(ServiceError):  # without PostgreSQL nothing can be copied; the next renewal does it
            self._copy.publish_state(org_id)
