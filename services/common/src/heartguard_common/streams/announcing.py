"""Announcing committed changes to live streams.

A row is written in the transaction of the change, but only if somebody listens. After the commit the events are
published and the row is removed. A row that stays, because the process was killed or Redis was away, becomes a `reset`:
so a listener misses nothing without being told, and nothing is published that is not committed.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from heartguard_common.core.errors import ServiceError
from heartguard_common.stores.database import Database, prepared, text
from heartguard_common.stores.redis_client import REDIS_ERRORS
from heartguard_common.streams.events import LOST, REMOVED, RESUME_SECONDS, Event
from heartguard_common.streams.publish import Publisher

_NOTE = prepared(
    "SELECT heartguard_core.note_batch(:org_id, :always) AS number",
    org_id="integer",
    always="boolean",
)
_NOTE_EACH = prepared(
    "SELECT org, heartguard_core.note_batch(org, false) AS number FROM unnest(:orgs) AS org ORDER BY org",
    orgs="integer[]",
)
_FORGET = text("""
DELETE FROM heartguard_core.stream_batches b
USING unnest(cast(:orgs AS integer[]), cast(:numbers AS uuid[])) AS n (org, id)
WHERE b.org_id = n.org AND b.id = n.id
""")
_OVERDUE = text("""
SELECT org_id, id FROM heartguard_core.stream_batches
WHERE noted_at < clock_timestamp() - make_interval(secs => :seconds) ORDER BY org_id, id FOR UPDATE SKIP LOCKED
""")
# While Redis is away one row is enough to remember that an organization missed something.
_COMPACT = text("""
DELETE FROM heartguard_core.stream_batches b WHERE noted_at < clock_timestamp() - make_interval(secs => :seconds)
AND EXISTS (SELECT FROM heartguard_core.stream_batches o WHERE o.org_id = b.org_id AND o.id < b.id)
""")
_LISTEN = text("SELECT heartguard_core.listen_to(:org_id, :seconds)")
LOST_SECONDS = 5.0
SETTLE_SECONDS = 0.5
LATER_SECONDS = 0.005
"""How long after its commit the thread publishes a change: its answer is made first, and gets first to Redis's disk."""
PUBLISHED_LATER = 16
"""So many changes at most wait for the thread that publishes; whoever has another one waits with it."""
_log = logging.getLogger("heartguard.streams")
Number = tuple[int, str]


class Announcer:
    """Notes changes in PostgreSQL and publishes them after their commit.

    `lost_seconds`: a change that was noted so long ago and is not published counts as lost. `settles`: a thread
    publishes, in the order of the commits, while the request is answered, and the process runs `settle` in the
    background and `close` at its end; without it a change is published before the answer, and removed from the notes.
    """

    def __init__(
        self, database: Database, publisher: Publisher, *, lost_seconds: float = LOST_SECONDS, settles: bool = False
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._lost_seconds = lost_seconds
        self._thread = ThreadPoolExecutor(1, "publisher") if settles else None
        self._room = threading.BoundedSemaphore(PUBLISHED_LATER)
        self._published: list[Number] = []
        self._lock = threading.Lock()

    def announce(self, org_id: int, events: Callable[[], Sequence[Event]]) -> None:
        """Publish events after the commit of the surrounding transaction; `events` is called only if somebody listens.

        Without a surrounding transaction, at once.
        """
        with self._database.transaction() as connection:
            number = self.note(org_id)
            if number is not None:
                connection.after_commit(lambda: self.publish(org_id, number, events))

    def announce_each(self, events: Mapping[int, Callable[[], Sequence[Event]]]) -> None:
        """As `announce`, for the events of several organizations, in one statement."""
        with self._database.transaction() as connection:
            noted = connection.execute(_NOTE_EACH, {"orgs": list(events)}).all()
            for org_id, number in noted:
                if number is not None:
                    connection.after_commit(partial(self.publish, org_id, number, events[org_id]))

    def announce_removal(self, org_id: int) -> None:
        """After the commit, take all published events of an organization away and tell its listeners to query again."""
        with self._database.transaction() as connection:
            number = self.note(org_id, always=True)
            if number is not None:
                connection.after_commit(lambda: self._finish(org_id, number, self._remove))

    def note(self, org_id: int, *, always: bool = False) -> str | None:
        """Note a change in the current transaction; its number, or None where nobody listens."""
        number = self._database.run(_NOTE, {"org_id": org_id, "always": always}).scalar_one()
        return None if number is None else str(number)

    def publish(self, org_id: int, number: str, events: Callable[[], Sequence[Event]]) -> None:
        """Publish a change that is stored; where that fails, its note stays."""
        self._finish(org_id, number, lambda org: self._publisher.publish(org, events()))

    def withdraw(self, org_id: int, number: str) -> None:
        """Forget the note of a change that was not made."""
        self._forget([(org_id, number)])

    def listen(self, org_id: int) -> None:
        """From now on, and for ten minutes, each change of an organization is published. Raises GEN_503."""
        self._database.run(_LISTEN, {"org_id": org_id, "seconds": RESUME_SECONDS + 120})

    def settle(self) -> float:
        """Remove the notes of what is published, and say `reset` for what is lost; the seconds until the next call."""
        with self._lock:
            published, self._published = self._published, []
        try:
            self._forget(published)
        except ServiceError:
            with self._lock:
                self._published += published
            raise
        try:
            self._replace_lost()
        except REDIS_ERRORS:
            self._database.run(_COMPACT, {"seconds": self._lost_seconds})
        return SETTLE_SECONDS

    def _replace_lost(self) -> None:
        with self._database.transaction() as connection:
            lost = connection.execute(_OVERDUE, {"seconds": self._lost_seconds}).all()
            # A removal may be among them, so what was published before goes away too.
            for org_id in sorted({row.org_id for row in lost}):
                _log.warning(
                    "a change of organization %s was not published: its streams are told to query again", org_id
                )
                self._publisher.reset(org_id, LOST)
            self._forget([(row.org_id, str(row.id)) for row in lost])

    def _remove(self, org_id: int) -> None:
        self._publisher.reset(org_id, REMOVED)

    def close(self) -> None:
        """Publish what waits, and remove the notes of what is published, where that is possible: `settle` has ended.

        Otherwise the next process would take them for lost.
        """
        if self._thread is not None:
            self._thread.shutdown()
        with suppress(ServiceError):
            self._forget(self._published)

    def _finish(self, org_id: int, number: str, act: Callable[[int], object]) -> None:
        """Do what follows a commit, now or in the thread."""
        if self._thread is None:
            self._publish(org_id, number, act)
            return
        self._room.acquire()
        due = time.monotonic() + LATER_SECONDS
        try:
            published = self._thread.submit(self._publish, org_id, number, act, due)
            published.add_done_callback(lambda _: self._room.release())
        except RuntimeError as error:  # the process ends
            self._room.release()
            _log.warning("a change could not be published: %s", error)

    def _publish(self, org_id: int, number: str, act: Callable[[int], object], due: float = 0.0) -> None:
        """Publish when it is `due`. It must not raise: the change is made, whatever becomes of its publication."""
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            act(org_id)
            if self._thread is None:
                self._forget([(org_id, number)])
            else:
                with self._lock:
                    self._published.append((org_id, number))
        except (*REDIS_ERRORS, ServiceError) as error:
            _log.warning("a change could not be published: %s", error)
        except Exception:  # noqa: BLE001
            _log.exception("a change could not be published")

    def _forget(self, numbers: Sequence[Number]) -> None:
        if numbers:
            values = {"orgs": [org for org, _ in numbers], "numbers": [number for _, number in numbers]}
            self._database.run(_FORGET, values)
