"""The events of one organization: read once, and sent to all of its streams."""

import logging
import time
from collections.abc import Callable, Iterable

import gevent
from gevent.lock import Semaphore

from heartguard_common.messages import StreamReset
from heartguard_common.streams.events import RESET, Event
from heartguard_gateway.redis_client.commands import RedisUnavailable
from heartguard_gateway.streams import frames
from heartguard_gateway.streams.cursors import Cursors, Position
from heartguard_gateway.streams.frames import Rendering
from heartguard_gateway.streams.source import Entry, Source
from heartguard_gateway.streams.subscriber import Subscriber
from heartguard_gateway.streams.view import View, persons_of

_PAUSE_SECONDS = 0.5
_SENT_AT_ONCE = 200  # then other greenlets may run
log = logging.getLogger("heartguard.streams")


class Feed:
    """The reader of one organization, and its streams by their views.

    `may_deliver` says whether the revocations are known: until then events wait. `count` counts what happens.
    """

    def __init__(
        self,
        source: Source,
        cursors: Cursors,
        rendering: Rendering,
        *,
        may_deliver: Callable[[], bool],
        count: Callable[[str, int], object],
    ) -> None:
        self._source = source
        self._cursors = cursors
        self._rendering = rendering
        self._may_deliver = may_deliver
        self._count = count
        self._views: dict[View, dict[Subscriber, None]] = {}
        self._position: Position | None = None
        self._run_of_redis = ""
        self._lock = Semaphore()
        self._greenlet: gevent.Greenlet | None = None
        self._joining = 0
        self.kept_at = self.marked_at = time.monotonic()

    def __len__(self) -> int:
        """How many streams there are, or begin."""
        return self._joining + sum(len(streams) for streams in self._views.values())

    def subscribers(self) -> Iterable[Subscriber]:
        """All streams."""
        return [one for streams in self._views.values() for one in streams]

    def join(self, subscriber: Subscriber, last_event_id: str | None) -> None:
        """Send a stream what it missed, and from then on what comes. Raises `RedisUnavailable`."""
        self._joining += 1
        try:
            self._join(subscriber, last_event_id)
        finally:
            self._joining -= 1

    def _join(self, subscriber: Subscriber, last_event_id: str | None) -> None:
        with self._lock:
            if self._position is None:
                self._position, self._run_of_redis = self._source.tail()
            if self._greenlet is None:
                self._greenlet = gevent.spawn(self._run)
        binding = subscriber.view.binding
        since = None if not last_event_id else self._cursors.open(last_event_id, binding)
        subscriber.position = since
        if since is not None:
            self._send_all(subscriber, frames.opening(last_event_id or ""))
            since = self._catch_up(subscriber, since)  # most of it, while the others go on
        with self._lock:
            if since is not None:
                since = self._catch_up(subscriber, since)
            if since is None:
                subscriber.position = self._position
                self._send_all(subscriber, frames.opening(self._cursor(subscriber.view, self._position)))
                if last_event_id:
                    self._count("reset", 1)
                    self._send_all(subscriber, self._reset(subscriber.view, "not_resumable", self._position))
            elif last_event_id:
                self._count("resumed", 1)
            if not subscriber.closed:
                self._views.setdefault(subscriber.view, {})[subscriber] = None

    def leave(self, subscriber: Subscriber) -> None:
        """A stream has ended."""
        streams = self._views.get(subscriber.view)
        if streams is not None and streams.pop(subscriber, 0) is None and not streams:
            del self._views[subscriber.view]

    def close(self) -> None:
        """Stop reading."""
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
        self._source.close()

    def keep(self) -> None:
        """Have Redis keep the stream although nothing is published. Raises `RedisUnavailable`."""
        self._source.keep()

    def beat(self, subscriber: Subscriber) -> None:
        """Show a quiet client that the connection works, and from where it could resume."""
        position = self._position
        if not self._may_deliver():
            self._send_all(subscriber, frames.WAITING)
        elif position is None or subscriber.position == position:
            self._send_all(subscriber, frames.HEARTBEAT)
        else:
            subscriber.position = position
            self._send_all(subscriber, frames.position(self._cursor(subscriber.view, position)))

    def reset_all(self, reason: str) -> None:
        """Tell all streams that events are missing."""
        position = self._position
        if position is None:
            return
        for view, streams in list(self._views.items()):
            self._send_to(streams, self._reset(view, reason, position), position)
        self._count("reset", len(self))

    def _run(self) -> None:
        doubtful = False
        while True:
            try:
                if doubtful:
                    self._look_at_redis()
                    doubtful = False
                assert self._position is not None
                entries = self._source.wait(self._position)
                while not self._may_deliver():
                    gevent.sleep(_PAUSE_SECONDS / 5)
                with self._lock:
                    self._advance(entries)
            except RedisUnavailable as error:
                log.info("the events of an organization can't be read: %s", error)
                doubtful = True
                gevent.sleep(_PAUSE_SECONDS)
            except Exception:
                log.exception("an event could not be sent")
                gevent.sleep(_PAUSE_SECONDS)

    def _look_at_redis(self) -> None:
        """After an outage: a Redis that was started again may have lost what we have not read."""
        _, run = self._source.tail()
        if run != self._run_of_redis:
            self._run_of_redis = run
            with self._lock:
                self.reset_all("lost")

    def _advance(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            before, self._position = self._position, entry.position
            assert before is not None
            if entry.event is None:
                self.reset_all("removed" if entry.removed else "lost")
                continue
            if entry.position.number != before.number + 1:
                self.reset_all("lost")
            self._deliver(entry.event, entry.position)

    def _deliver(self, event: Event, position: Position) -> None:
        for view, streams in list(self._views.items()):
            shown = view.select(event)
            if shown is None or not streams:
                continue
            cursor = self._cursor(view, position)
            data = self._rendering.event(shown, view.media_type, cursor)
            self._disclose(streams, persons_of(shown))
            self._send_to(streams, data, position)
            self._count("delivered", len(streams))

    def _catch_up(self, subscriber: Subscriber, since: Position) -> Position | None:
        """Send what came after a position up to ours; the new position, or None where something is missing."""
        assert self._position is not None
        until = self._position
        if until.number < since.number:
            return None  # Redis has lost data
        while since.number < until.number:
            entries = self._source.between(since, until)
            for entry in entries:
                if entry.position.number != since.number + 1 or entry.event is None:
                    return None
                since = entry.position
                self._replay(subscriber, entry.event, since)
            if not entries:
                return None
        return since

    def _replay(self, subscriber: Subscriber, event: Event, position: Position) -> None:
        view = subscriber.view
        shown = view.select(event)
        if shown is not None:
            self._disclose((subscriber,), persons_of(shown))
            cursor = self._cursor(view, position)
            self._send_all(subscriber, self._rendering.event(shown, view.media_type, cursor))
            subscriber.position = position
            self._count("replayed", 1)

    def _send_to(self, streams: Iterable[Subscriber], data: bytes, position: Position) -> None:
        framed = frames.chunk(data)
        for place, subscriber in enumerate(list(streams), 1):
            subscriber.position = position
            subscriber.send(data, framed)
            if place % _SENT_AT_ONCE == 0:
                gevent.sleep(0)

    @staticmethod
    def _send_all(subscriber: Subscriber, data: bytes) -> None:
        subscriber.send(data, frames.chunk(data))

    def _reset(self, view: View, reason: str, position: Position) -> bytes:
        document: StreamReset = {"reason": reason}  # type: ignore[typeddict-item]
        data = self._rendering.document("StreamReset", document, view.media_type)
        return frames.event(RESET, data, self._cursor(view, position))

    def _cursor(self, view: View, position: Position) -> str:
        return self._cursors.seal(position, view.binding)

    @staticmethod
    def _disclose(streams: Iterable[Subscriber], persons: dict[int, int]) -> None:
        if not persons:
            return
        for subscriber in streams:
            own = subscriber.principal.user_id if subscriber.principal.api_key is None else None
            for person, count in persons.items():
                if person != own:
                    shown = subscriber.shown = {} if subscriber.shown is None else subscriber.shown
                    shown[person] = shown.get(person, 0) + count
