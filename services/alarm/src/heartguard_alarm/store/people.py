"""Members of organizations, whom the user service has."""

from heartguard_common.stores.database import Database, text

_IS_MEMBER = """
SELECT EXISTS (SELECT FROM heartguard_core.users
    WHERE org_id = :org_id AND id = :person AND deleted_at IS NULL) AS found
"""


class PostgresPeople:
    """The table `users`, to read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_member(self, org_id: int, person: int) -> bool:
        """Whether somebody is a member of an organization, and not being deleted."""
        return bool(self._database.one(text(_IS_MEMBER), {"org_id": org_id, "person": person}).found)
