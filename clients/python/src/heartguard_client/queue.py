"""A queue of points in a SQLite file: what was put in is there after a crash, until the server has it."""

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from heartguard_client.errors import QueueFullError
from heartguard_client.messages import PointDocument
from heartguard_client.points import NANOSECONDS, Point, Rejected, rfc3339

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, bucket TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS points (
    id INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL, document TEXT NOT NULL,
    batch INTEGER REFERENCES batches
);
CREATE INDEX IF NOT EXISTS points_of_batch ON points (batch, id);
CREATE TABLE IF NOT EXISTS rejected (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL
);
"""
BUSY_SECONDS = 30.0


@dataclass(frozen=True)
class Batch:
    """Points that are sent by one request, under one Idempotency-Key, however often they have to be sent."""

    id: int
    key: str
    bucket: str
    ids: tuple[int, ...]
    points: tuple[PointDocument, ...]


class PointQueue:
    """A durable queue of points; threads and processes may share its file.

    `put` returns when the points are on the disk. A batch keeps its points and its Idempotency-Key until it is
    `finish`ed, so a process that is killed while it sends sends the same batch again, and the server stores it once.
    At most `limit` points are held.
    """

    def __init__(self, path: Path, *, limit: int = 1_000_000, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def put(self, bucket: str, points: Iterable[Point | PointDocument]) -> int:
        """Store points for a bucket; returns how many. Raises `QueueFullError`, and then none is stored.

        A point without a time gets the present one, so that sending it twice can't make two of it.
        """
        now = rfc3339(int(self._clock() * NANOSECONDS))
        rows = []
        for point in points:
            document = point.document() if isinstance(point, Point) else point
            rows.append((bucket, json.dumps({"timestamp": now, **document}, separators=(",", ":"), allow_nan=False)))
        with self._transaction() as database:
            (held,) = database.execute("SELECT count(*) FROM points").fetchone()
            if held + len(rows) > self._limit:
                raise QueueFullError(f"{self.path} holds {held} points of at most {self._limit}")
            database.executemany("INSERT INTO points (bucket, document) VALUES (?, ?)", rows)
        return len(rows)

    def next_batch(self, size: int) -> Batch | None:
        """The batch to send: the oldest one that is not finished, else a new one of at most `size` points."""
        with self._transaction() as database:
            found = database.execute("SELECT id, key, bucket FROM batches ORDER BY id LIMIT 1").fetchone()
            if found is None:
                found = self._new_batch(database, size)
            if found is None:
                return None
            rows = database.execute("SELECT id, document FROM points WHERE batch = ? ORDER BY id", found[:1]).fetchall()
        batch, key, bucket = found
        points = tuple(cast("PointDocument", json.loads(document)) for _, document in rows)
        return Batch(batch, key, bucket, tuple(number for number, _ in rows), points)

    def finish(self, batch: Batch, rejected: Sequence[Rejected] = ()) -> None:
        """Remove a batch that the server has; points that it does not store are kept in the list of rejected ones."""
        with self._transaction() as database:
            if not database.execute("SELECT 1 FROM batches WHERE id = ?", (batch.id,)).fetchone():
                return  # another process has finished it
            self._reject(database, rejected)
            database.execute("DELETE FROM points WHERE batch = ?", (batch.id,))
            database.execute("DELETE FROM batches WHERE id = ?", (batch.id,))

    def take_out(self, batch: Batch, rejected: Sequence[tuple[int, str]]) -> None:
        """Move points of a batch, by their index in it and with the reason, to the rejected ones.

        The others wait again, for a new batch with a key of its own.
        """
        with self._transaction() as database:
            if not database.execute("SELECT 1 FROM batches WHERE id = ?", (batch.id,)).fetchone():
                return
            self._reject(database, [Rejected(batch.points[index], reason) for index, reason in rejected])
            database.executemany("DELETE FROM points WHERE id = ?", [(batch.ids[index],) for index, _ in rejected])
            self._dissolve(database, batch)

    def split(self, batch: Batch) -> None:
        """Replace a batch by two halves."""
        with self._transaction() as database:
            if not database.execute("SELECT 1 FROM batches WHERE id = ?", (batch.id,)).fetchone():
                return
            self._dissolve(database, batch)
            middle = len(batch.ids) // 2
            for ids in (batch.ids[:middle], batch.ids[middle:]):
                self._make(database, batch.bucket, ids)

    def __len__(self) -> int:
        """How many points wait."""
        with self._lock:
            (count,) = self._database.execute("SELECT count(*) FROM points").fetchone()
        return int(count)

    def rejected(self) -> list[Rejected]:
        """The points that the server does not store, oldest first."""
        with self._lock:
            rows = self._database.execute("SELECT document, reason FROM rejected ORDER BY id").fetchall()
        return [Rejected(json.loads(document), reason) for document, reason in rows]

    def forget_rejected(self) -> None:
        """Empty the list of rejected points."""
        with self._transaction() as database:
            database.execute("DELETE FROM rejected")

    def _new_batch(self, database: sqlite3.Connection, size: int) -> tuple[Any, ...] | None:
        oldest = database.execute("SELECT bucket FROM points ORDER BY id LIMIT 1").fetchone()
        if oldest is None:
            return None
        rows = database.execute("SELECT id FROM points WHERE bucket = ? ORDER BY id LIMIT ?", (*oldest, size))
        return self._make(database, oldest[0], [number for (number,) in rows])

    def _make(self, database: sqlite3.Connection, bucket: str, ids: Sequence[int]) -> tuple[Any, ...]:
        key = uuid.uuid4().hex
        made = database.execute("INSERT INTO batches (key, bucket) VALUES (?, ?)", (key, bucket)).lastrowid
        database.executemany("UPDATE points SET batch = ? WHERE id = ?", [(made, number) for number in ids])
        return made, key, bucket

    def _dissolve(self, database: sqlite3.Connection, batch: Batch) -> None:
        database.execute("UPDATE points SET batch = NULL WHERE batch = ?", (batch.id,))
        database.execute("DELETE FROM batches WHERE id = ?", (batch.id,))

    def _reject(self, database: sqlite3.Connection, rejected: Iterable[Rejected]) -> None:
        rows = [(json.dumps(it.point), it.reason, self._clock()) for it in rejected]
        database.executemany("INSERT INTO rejected (document, reason, at) VALUES (?, ?, ?)", rows)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
