"""Metadata of files in PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from heartguard_common.core.clock import NANOSECONDS, Clock, from_datetime
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.limits import LimitError, Limits, require
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority_store import PostgresAuthority
from heartguard_common.stores.database import Connection, Database, text
from heartguard_media.domain.items import Announcement, MediaItem, Scope, Usage, Written
from heartguard_media.errors import NO_ITEM, OVER_QUOTA

_COLUMNS = "id, org_id, owner_id, file_name, content_type, size, sha256, status, created_at, for_import"
_USAGE_LOCKED = """
INSERT INTO heartguard_core.media_usage AS kept (org_id) VALUES (:org_id)
ON CONFLICT (org_id) DO UPDATE SET org_id = excluded.org_id RETURNING kept.bytes, kept.items
"""
_MEMBER = "SELECT FROM heartguard_core.users WHERE org_id = :org_id AND id = :id"
_PENDING = "SELECT count(*) FROM heartguard_core.media_items WHERE org_id = :org_id AND status = 'pending'"
_OPEN_UPLOADS = """
SELECT count(*) AS number, count(*) FILTER (WHERE owner_id = :owner_id) AS own,
    coalesce(sum(size) FILTER (WHERE owner_id = :owner_id), 0) AS own_bytes
FROM heartguard_core.media_items
WHERE org_id = :org_id AND status = 'pending' AND bytes_until > to_timestamp(:now)
"""
_BEGIN = """
INSERT INTO heartguard_core.media_items
    (id, org_id, owner_id, file_name, content_type, size, sha256, created_at, bytes_until, for_import)
VALUES
    (:id, :org_id, :owner_id, :file_name, :content_type, :size, :sha256, :created_at, to_timestamp(:until), :for_import)
"""
_EXTEND = """
UPDATE heartguard_core.media_items SET bytes_until = to_timestamp(:until) WHERE id = :id AND status = 'pending'
"""
_FINISH = f"""
UPDATE heartguard_core.media_items SET status = 'ready', size = :size, sha256 = :sha256
WHERE id = :id AND status = 'pending' AND NOT for_import RETURNING {_COLUMNS}
"""  # noqa: S608
# A locked row is just being finished: don't wait for it, because the lock may be of another transaction of this call.
_DISCARD = f"""
DELETE FROM heartguard_core.media_items WHERE id IN (
    SELECT id FROM heartguard_core.media_items WHERE id = :id AND status = 'pending' FOR UPDATE SKIP LOCKED
) RETURNING {_COLUMNS}
"""  # noqa: S608
_FIND = f"SELECT {_COLUMNS} FROM heartguard_core.media_items WHERE id = :id AND status = 'ready'"  # noqa: S608
_DIRECT_UPLOAD = f"""
SELECT {_COLUMNS} FROM heartguard_core.media_items
WHERE id = :id AND status IN ('pending', 'ready') AND bytes_until IS NOT NULL
"""  # noqa: S608
_IN_SCOPE = """
    org_id = :org_id
    AND (cast(:owner_id AS bigint) IS NULL OR owner_id = :owner_id)
    AND (cast(:content_type AS text) IS NULL OR content_type = :content_type)
"""
_LIST = f"""
SELECT {_COLUMNS} FROM heartguard_core.media_items
WHERE {_IN_SCOPE} AND status = 'ready' AND (cast(:before AS uuid) IS NULL OR id < :before)
ORDER BY id DESC LIMIT :limit
"""  # noqa: S608
_UNFINISHED_IN_SCOPE = f"{_IN_SCOPE} AND status = 'pending' AND bytes_until IS NOT NULL AND NOT for_import"
_OPEN = f"""
SELECT {_COLUMNS}, bytes_until FROM heartguard_core.media_items
WHERE {_UNFINISHED_IN_SCOPE} AND (cast(:before AS uuid) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit
"""  # noqa: S608
_CANCEL = f"""
DELETE FROM heartguard_core.media_items WHERE id IN (
    SELECT id FROM heartguard_core.media_items WHERE id = :id AND {_UNFINISHED_IN_SCOPE} FOR UPDATE SKIP LOCKED
) RETURNING {_COLUMNS}
"""  # noqa: S608
_EXPIRED = f"""
SELECT {_COLUMNS} FROM heartguard_core.media_items
WHERE status = 'pending' AND bytes_until < to_timestamp(:before) ORDER BY bytes_until LIMIT 1000
"""  # noqa: S608
_USAGE = "SELECT items, bytes FROM heartguard_core.media_usage WHERE org_id = :org_id"
_RETIRE = f"""
UPDATE heartguard_core.media_items SET status = 'retired'
WHERE id = :id AND org_id = :org_id AND status = 'ready' RETURNING {_COLUMNS}
"""  # noqa: S608
_RETIRE_IMPORT = f"""
UPDATE heartguard_core.media_items SET status = 'retired'
WHERE id = :id AND org_id = :org_id AND owner_id = :owner_id AND for_import RETURNING {_COLUMNS}
"""  # noqa: S608
_RETIRE_ALL = f"""
UPDATE heartguard_core.media_items SET status = 'retired' WHERE {_IN_SCOPE} AND status <> 'retired'
"""  # noqa: S608
_RETIRED = f"""
SELECT {_COLUMNS} FROM heartguard_core.media_items
WHERE status = 'retired' AND {_IN_SCOPE}
    AND (cast(:id AS uuid) IS NULL OR id = :id) AND (cast(:after AS uuid) IS NULL OR id > :after)
ORDER BY id LIMIT :limit
"""  # noqa: S608
_RETIRED_ANYWHERE = f"""
SELECT {_COLUMNS} FROM heartguard_core.media_items
WHERE status = 'retired' AND (cast(:after AS uuid) IS NULL OR id > :after) ORDER BY id LIMIT :limit
"""  # noqa: S608
_DROP = "DELETE FROM heartguard_core.media_items WHERE id = :id AND status = 'retired'"
_ABANDONED = f"""
SELECT {_COLUMNS} FROM heartguard_core.media_items
WHERE status = 'pending' AND coalesce(bytes_until, created_at) < now() - make_interval(secs => :seconds)
"""  # noqa: S608
_KNOWN = """
SELECT id FROM heartguard_core.media_items WHERE id = ANY(cast(:ids AS uuid[]))
UNION ALL SELECT id FROM heartguard_core.export_archives WHERE id = ANY(cast(:ids AS uuid[]))
"""


class PostgresItems:
    """The tables `media_items` and `media_usage`.

    `own_pool` is for what must be committed even if a transaction is open: the row of an upload and its part of the
    quota exist while the bytes come in.
    """

    def __init__(self, database: Database, own_pool: Database, limits: Limits, clock: Clock) -> None:
        """`limits` use `own_pool` too, so that they are checked in the transaction that reserves the bytes."""
        self._database = database
        self._own_pool = own_pool
        self._authority = PostgresAuthority(own_pool)
        self._limits = limits
        self._clock = clock

    def begin(self, principal: Principal | None, item: MediaItem, until_ns: int | None) -> None:
        """Record an upload that begins, and reserve its bytes of the quota. Committed on return.

        Raises `LimitError`, and GEN_401_TOKEN when the caller's account no longer matches their token; without a
        caller MEDIA_001 when the person is deleted.
        """
        with self._own_pool.transaction() as connection:
            if principal is not None:
                self._authority.require_writer(principal)
            elif not (self._is_member(connection, item) and self._authority.admits(item.org_id, item.owner_id)):
                raise ServiceError(NO_ITEM, "There is no such person")
            # The row of the organization stays locked until the end, so that no bytes are reserved twice.
            usage = connection.execute(text(_USAGE_LOCKED), {"org_id": item.org_id}).one()
            quota = self.quota(item.org_id)
            if usage.bytes + item.size > quota:
                left = max(0, quota - usage.bytes)
                because = f"The organization has room for {left} bytes, and this upload needs {item.size}"
                raise LimitError("media_bytes", quota, error_code=OVER_QUOTA, because=because)
            # Pending uploads count too, so that two at once can't both take the last place.
            pending = connection.execute(text(_PENDING), {"org_id": item.org_id}).scalar_one()
            require(self._limits, item.org_id, "media_items", usage.items + pending)
            if until_ns is not None:
                self._require_few(connection, item)
            until = None if until_ns is None else until_ns / NANOSECONDS
            connection.execute(text(_BEGIN), {**vars(item), "until": until})

    @staticmethod
    def _is_member(connection: Connection, item: MediaItem) -> bool:
        return connection.execute(text(_MEMBER), {"org_id": item.org_id, "id": item.owner_id}).first() is not None

    def _require_few(self, connection: Connection, item: MediaItem) -> None:
        """Raises `LimitError` where the organization or the member has too many open direct uploads."""
        values = {**vars(item), "now": self._clock.now_ns() / NANOSECONDS}
        found = connection.execute(text(_OPEN_UPLOADS), values).one()
        require(self._limits, item.org_id, "open_uploads", found.number)
        require(self._limits, item.org_id, "open_uploads_per_member", found.own)
        if found.own:  # a single upload may have the largest size
            require(self._limits, item.org_id, "open_upload_bytes_per_member", found.own_bytes, item.size)

    def extend(self, item_id: str, until_ns: int) -> None:
        """Change the expiry of a direct upload; no error when there is none. Committed on return."""
        with self._own_pool.transaction() as connection:
            connection.execute(text(_EXTEND), {"id": item_id, "until": until_ns / NANOSECONDS})

    def open(self, scope: Scope, before: str | None, limit: int) -> Sequence[Announcement]:
        """Up to `limit` unfinished direct uploads, newest first, older than the upload `before`."""
        with self._database.transaction() as connection:
            rows = connection.execute(text(_OPEN), {**vars(scope), "before": before, "limit": limit})
            return [Announcement(_item(row), from_datetime(row.bytes_until)) for row in rows]

    def cancel(self, item_id: str, scope: Scope) -> MediaItem | None:
        """Remove the row of an unfinished direct upload of a scope; None when there is none."""
        return self._one(_CANCEL, **vars(scope), id=item_id)

    def expired(self, before_ns: int) -> Sequence[MediaItem]:
        """Some of the unfinished direct uploads that expired before that time."""
        return self._all(_EXPIRED, before=before_ns / NANOSECONDS)

    def quota(self, org_id: int) -> int:
        """How many bytes an organization may store."""
        return self._limits.value(org_id, "media_bytes")

    def finish(self, item_id: str, written: Written) -> MediaItem | None:
        """Make a file visible; None when its upload was given up in between."""
        return self._one(_FINISH, id=item_id, size=written.size, sha256=written.sha256)

    def discard(self, item_id: str) -> bool:
        """Remove the row of an unfinished upload; False when it is finished, or is just being finished."""
        with self._own_pool.transaction() as connection:
            return connection.execute(text(_DISCARD), {"id": item_id}).rowcount == 1

    def find(self, item_id: str) -> MediaItem | None:
        """A finished item, or None."""
        return self._one(_FIND, id=item_id)

    def direct_upload(self, item_id: str) -> MediaItem | None:
        """An item that is, or was, a direct upload: unfinished or finished."""
        return self._one(_DIRECT_UPLOAD, id=item_id)

    def list(self, scope: Scope, before: str | None, limit: int) -> Sequence[MediaItem]:
        """Up to `limit` finished items, newest first, older than the item `before`."""
        return self._all(_LIST, **vars(scope), before=before, limit=limit)

    def usage(self, org_id: int) -> Usage:
        """What an organization stores."""
        with self._database.transaction() as connection:
            row = connection.execute(text(_USAGE), {"org_id": org_id}).one_or_none()
            return Usage(row.items, row.bytes) if row else Usage(0, 0)

    def retire(self, item_id: str, org_id: int) -> MediaItem | None:
        """Hide an organization's finished item; None when there is no such item."""
        return self._one(_RETIRE, id=item_id, org_id=org_id)

    def retire_import(self, item_id: str, scope: Scope) -> MediaItem | None:
        """Mark the file of an import of a member as removed, also once more; None when there is none."""
        return self._one(_RETIRE_IMPORT, **vars(scope), id=item_id)

    def retire_all(self, scope: Scope) -> int:
        """The same for all items of a scope, unfinished ones too; returns how many."""
        with self._database.transaction() as connection:
            return connection.execute(text(_RETIRE_ALL), vars(scope)).rowcount

    def retired(
        self, scope: Scope, limit: int, item_id: str | None = None, after: str | None = None
    ) -> Sequence[MediaItem]:
        """Some of the hidden items whose bytes are still to be removed, by id, after `after`."""
        return self._all(_RETIRED, **vars(scope), id=item_id, after=after, limit=limit)

    def all_retired(self, after: str | None, limit: int) -> Sequence[MediaItem]:
        """The same of all organizations: at most `limit` with an id above `after`."""
        return self._all(_RETIRED_ANYWHERE, after=after, limit=limit)

    def drop(self, item_id: str) -> None:
        """Remove the row of a hidden item, after its bytes."""
        with self._database.transaction() as connection:
            connection.execute(text(_DROP), {"id": item_id})

    def abandoned(self, seconds: float) -> Sequence[MediaItem]:
        """The unfinished uploads that must have ended longer ago than that."""
        return self._all(_ABANDONED, seconds=seconds)

    def known(self, item_ids: Sequence[str]) -> set[str]:
        """Those of the ids that have a row."""
        with self._database.transaction() as connection:
            return {str(row.id) for row in connection.execute(text(_KNOWN), {"ids": list(item_ids)})}

    def _one(self, statement: str, **values: object) -> MediaItem | None:
        found = self._all(statement, **values)
        return found[0] if found else None

    def _all(self, statement: str, **values: object) -> Sequence[MediaItem]:
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
        for_import=row.for_import,
    )
