"""Metadata of files in PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from heartguard_common.clock import from_datetime
from heartguard_common.database import Database
from heartguard_media.domain import MediaItem, Scope, Written

_COLUMNS = "id, org_id, owner_id, file_name, content_type, size, sha256, status, created_at"
_BEGIN = """
INSERT INTO heartguard_core.media_items (id, org_id, owner_id, file_name, content_type, created_at)
VALUES (:id, :org_id, :owner_id, :file_name, :content_type, :created_at)
"""
_FINISH = f"""
UPDATE heartguard_core.media_items SET status = 'ready', size = :size, sha256 = :sha256
WHERE id = :id AND status = 'pending' RETURNING {_COLUMNS}
"""  # noqa: S608
_FORGET = f"""
DELETE FROM heartguard_core.media_items WHERE id = :id AND status = 'pending' RETURNING {_COLUMNS}
"""  # noqa: S608
_FIND = f"SELECT {_COLUMNS} FROM heartguard_core.media_items WHERE id = :id AND status = 'ready'"  # noqa: S608
_IN_SCOPE = """
    org_id = :org_id
    AND (cast(:owner_id AS integer) IS NULL OR owner_id = :owner_id)
    AND (cast(:content_type AS text) IS NULL OR content_type = :content_type)
"""
_LIST = f"""
SELECT {_COLUMNS} FROM heartguard_core.media_items
WHERE {_IN_SCOPE} AND status = 'ready' AND (cast(:before AS uuid) IS NULL OR id < :before)
ORDER BY id DESC LIMIT :limit
"""  # noqa: S608
_REMOVE = f"""
DELETE FROM heartguard_core.media_items WHERE id = :id AND org_id = :org_id AND status = 'ready' RETURNING {_COLUMNS}
"""  # noqa: S608
_REMOVE_ALL = f"DELETE FROM heartguard_core.media_items WHERE {_IN_SCOPE} RETURNING {_COLUMNS}"  # noqa: S608
_ABANDONED = f"""
SELECT {_COLUMNS} FROM heartguard_core.media_items
WHERE status = 'pending' AND created_at < now() - make_interval(secs => :seconds)
"""  # noqa: S608
_KNOWN = "SELECT id FROM heartguard_core.media_items WHERE id = ANY(cast(:ids AS uuid[]))"


class PostgresItems:
    """The table `media_items`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, item: MediaItem) -> None:
        """Remember an upload that begins; nobody sees it yet."""
        with self._database.transaction() as connection:
            connection.execute(text(_BEGIN), vars(item))

    def finish(self, item_id: str, written: Written) -> MediaItem | None:
        """Make an upload seen; None when it was given up in between."""
        found = self._all(_FINISH, id=item_id, size=written.size, sha256=written.sha256)
        return found[0] if found else None

    def forget(self, item_id: str) -> bool:
        """Give up an upload; False when it is not unfinished any more."""
        return bool(self._all(_FORGET, id=item_id))

    def find(self, item_id: str) -> MediaItem | None:
        """A finished item."""
        found = self._all(_FIND, id=item_id)
        return found[0] if found else None

    def list(self, scope: Scope, before: str | None, limit: int) -> Sequence[MediaItem]:
        """Up to `limit` finished items, newest first, older than the item `before`."""
        return self._all(_LIST, **vars(scope), before=before, limit=limit)

    def remove(self, item_id: str, org_id: int) -> MediaItem | None:
        """Remove the row of an organization's item; returns what it was."""
        found = self._all(_REMOVE, id=item_id, org_id=org_id)
        return found[0] if found else None

    def remove_all(self, scope: Scope) -> Sequence[MediaItem]:
        """Remove the rows of a scope, unfinished ones too; returns what they were."""
        return self._all(_REMOVE_ALL, **vars(scope))

    def abandoned(self, seconds: float) -> Sequence[MediaItem]:
        """The uploads that began longer ago than that and were never finished."""
        return self._all(_ABANDONED, seconds=seconds)

    def known(self, item_ids: Sequence[str]) -> set[str]:
        """Those of the ids that have a row."""
        with self._database.transaction() as connection:
            return {str(row.id) for row in connection.execute(text(_KNOWN), {"ids": list(item_ids)})}

    def _all(self, statement: str, **values: Any) -> Sequence[MediaItem]:
        with self._database.transaction() as connection:
            return [_item(row) for row in connection.execute(text(statement), values)]


def _item(row: Any) -> MediaItem:
    return MediaItem(
        id=str(row.id),
        org_id=row.org_id,
        owner_id=row.owner_id,
        file_name=row.file_name,
        content_type=row.content_type,
        size=row.size,
        sha256=row.sha256,
        status=row.status,
        created_at=from_datetime(row.created_at),
    )
