"""Metadata of the archives of people's data, in PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg2

from heartguard_common.core.clock import NANOSECONDS, from_datetime
from heartguard_common.stores.database import Database, text
from heartguard_media.domain.items import ArchiveContent, ArchiveKind, MediaItem, Scope, Written

FILE_NAME, CONTENT_TYPE = "heartguard-export.zip", "application/zip"
"""Of a row that was made before archives had these columns."""
_COLUMNS = "id, org_id, owner_id, file_name, content_type, size, sha256, created_at"
_BEGIN = """
INSERT INTO heartguard_core.export_archives
    (id, org_id, owner_id, kind, about, file_name, content_type, created_at, expires_at)
VALUES (:id, :org_id, :owner_id, :kind, :about, :file_name, :content_type, :created_at, :expires_at)
"""
_FINISH = "UPDATE heartguard_core.export_archives SET size = :size, sha256 = :sha256 WHERE id = :id"
_FIND = f"""
SELECT {_COLUMNS} FROM heartguard_core.export_archives WHERE id = :id AND size IS NOT NULL AND expires_at > :now
"""  # noqa: S608
_OF = f"""
SELECT {_COLUMNS} FROM heartguard_core.export_archives
WHERE org_id = :org_id AND (cast(:owner_id AS bigint) IS NULL OR owner_id = :owner_id)
    AND (cast(:kind AS text) IS NULL OR kind = :kind) ORDER BY id
"""  # noqa: S608
_WITH_POINTS_OF = f"""
SELECT {_COLUMNS} FROM heartguard_core.export_archives
WHERE org_id = :org_id AND kind = 'series' AND (about IS NULL OR about = :person) ORDER BY id
"""  # noqa: S608
_EXPIRED = f"""
SELECT {_COLUMNS} FROM heartguard_core.export_archives
WHERE expires_at <= :now AND (cast(:after AS uuid) IS NULL OR id > :after) ORDER BY id LIMIT :limit
"""  # noqa: S608
_DROP = "DELETE FROM heartguard_core.export_archives WHERE id = :id"


class PostgresArchives:
    """The table `export_archives`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, archive: MediaItem, content: ArchiveContent, expires_ns: int) -> bool:
        """Create the row of an archive before its bytes; it is not visible yet. False where there is no such person."""
        try:
            with self._database.transaction() as connection:
                more = {"kind": content.kind, "about": content.about, "expires_at": _moment(expires_ns)}
                connection.execute(text(_BEGIN), {**vars(archive), **more})
        except (psycopg2.IntegrityError, psycopg2.DataError):  # no row with that id, or no possible id
            return False
        return True

    def finish(self, item_id: str, written: Written) -> bool:
        """Make an archive visible; False when it was removed in between."""
        with self._database.transaction() as connection:
            values = {"id": item_id, "size": written.size, "sha256": written.sha256}
            return connection.execute(text(_FINISH), values).rowcount == 1

    def find(self, item_id: str, now_ns: int) -> MediaItem | None:
        """A complete archive that has not expired, or None."""
        found = self._all(_FIND, id=item_id, now=_moment(now_ns))
        return found[0] if found else None

    def of(self, scope: Scope, kind: ArchiveKind | None = None) -> Sequence[MediaItem]:
        """All archives of an organization or of a member, also incomplete and expired ones; of one kind, or of all."""
        return self._all(_OF, org_id=scope.org_id, owner_id=scope.owner_id, kind=kind)

    def with_points_of(self, org_id: int, person: int) -> Sequence[MediaItem]:
        """The files of points of a person, or of the whole organization, whoever asked for them."""
        return self._all(_WITH_POINTS_OF, org_id=org_id, person=person)

    def expired(self, now_ns: int, after: str | None, limit: int) -> Sequence[MediaItem]:
        """The expired archives: at most `limit` with an id above `after`."""
        return self._all(_EXPIRED, now=_moment(now_ns), after=after, limit=limit)

    def drop(self, item_id: str) -> None:
        """Remove an archive's row; no error when there is none."""
        with self._database.transaction() as connection:
            connection.execute(text(_DROP), {"id": item_id})

    def _all(self, statement: str, **values: object) -> Sequence[MediaItem]:
        with self._database.transaction() as connection:
            return [_archive(row) for row in connection.execute(text(statement), values)]


def _archive(row: Any) -> MediaItem:
    return MediaItem(
        id=str(row.id),
        org_id=row.org_id,
        owner_id=row.owner_id,
        file_name=row.file_name or FILE_NAME,
        content_type=row.content_type or CONTENT_TYPE,
        size=row.size or 0,
        sha256=row.sha256 or "",
        status="pending" if row.size is None else "ready",
        created_at=from_datetime(row.created_at),
    )


def _moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // NANOSECONDS, UTC)
