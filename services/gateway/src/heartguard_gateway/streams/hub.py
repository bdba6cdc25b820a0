"""All streams of the process: their limits, heartbeats, the end of those whose caller may no longer watch."""

import logging
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain, islice

import gevent

from heartguard_common.audit.events import DISCLOSED, AuditEvent
from heartguard_common.core.clock import Clock, rfc3339, seconds
from heartguard_common.core.errors import ServiceError
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limits import LimitError
from heartguard_common.identity import revocation
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.modes import require_open
from heartguard_common.identity.revocation import CallerState, CopyReader, Verdict
from heartguard_common.messages import StreamBye
from heartguard_gateway.errors import STREAMS_FULL
from heartguard_gateway.ports import Trail
from heartguard_gateway.redis_client.commands import RedisUnavailable
from heartguard_gateway.redis_client.connection import RedisConnection
from heartguard_gateway.streams import frames
from heartguard_gateway.streams.feed import Feed
from heartguard_gateway.streams.frames import Rendering
from heartguard_gateway.streams.listeners import Listeners, StreamRoom
from heartguard_gateway.streams.subscriber import Subscriber

HEARTBEAT_SECONDS = 15.0
CHECK_SECONDS = 2.5
TRUSTED_SECONDS = 4.0
"""Events are delivered only if the revocations were known so many seconds ago."""
KEEP_SECONDS = 60.0
DISCLOSED_SECONDS = 600.0
DISCLOSE_LOOK_SECONDS = 10.0
OTHER_FILES = 512
FULL_SECONDS = 5
EVENTS = (
    *("delivered", "replayed", "resumed", "reset"),
    *("ended_gone", "ended_slow", "ended_revoked", "ended_expired", "ended_shutdown"),
)
"""What is counted."""
_CHECKED_AT_ONCE = 400
log = logging.getLogger("heartguard.streams")


class Hub:
    """The streams of this process."""

    def __init__(
        self,
        redis: RedisConnection,
        listeners: Listeners,
        rendering: Rendering,
        trail: Trail,
        clock: Clock,
        *,
        open_feed: Callable[[int, "Hub"], Feed],
        count: Callable[[str, int], object],
    ) -> None:
        self._redis = redis
        self._listeners = listeners
        self._rendering = rendering
        self._trail = trail
        self._clock = clock
        self._open_feed = open_feed
        self._count = count
        self._copy = CopyReader()
        self._feeds: dict[int, Feed] = {}
        self._held: Counter[tuple[int, str]] = Counter()
        self._all = 0
        self._known_at = 0.0
        self.closing = False

    def __len__(self) -> int:
        """How many streams are open or about to be."""
        return self._all

    @property
    def organizations(self) -> int:
        """How many organizations are read."""
        return len(self._feeds)

    def admit(self, principal: Principal) -> None:
        """Reserve a stream for a caller. Raises GEN_429_LIMIT, GW_031, GW_030."""
        org_id = principal.org_id or 0
        room = self._listeners.begin(org_id)
        if self.closing or self._all >= capacity():
            raise ServiceError(STREAMS_FULL, headers={"Retry-After": str(FULL_SECONDS)})
        self._require_room(principal, room)
        self._held[org_id, principal.actor] += 1
        self._held[org_id, ""] += 1
        self._all += 1

    def release(self, principal: Principal) -> None:
        """Give a reserved stream back."""
        self._all -= 1
        for key in ((principal.org_id or 0, principal.actor), (principal.org_id or 0, "")):
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    def join(self, subscriber: Subscriber, last_event_id: str | None) -> None:
        """Begin a stream whose place is reserved; where Redis is away it ends at once, and the client comes again."""
        org_id = subscriber.view.org_id
        feed = self._feeds.get(org_id)
        if feed is None:
            feed = self._feeds[org_id] = self._open_feed(org_id, self)
        try:
            feed.join(subscriber, last_event_id)
        except RedisUnavailable:
            self.end(subscriber, "shutdown")
        except BaseException:
            subscriber.close("gone")
            raise

    def ended(self, subscriber: Subscriber, reason: str) -> None:
        """A stream has ended; its feed ends with its last one. Called in the event loop, so that nothing waits."""
        self._count(f"ended_{reason}", 1)
        self.release(subscriber.principal)
        feed = self._feeds.get(subscriber.view.org_id)
        if feed is not None:
            feed.leave(subscriber)
        if subscriber.shown:
            gevent.spawn(self._disclose, subscriber)

    def may_deliver(self) -> bool:
        """Whether the revocations are known."""
        return time.monotonic() - self._known_at < TRUSTED_SECONDS

    def end(self, subscriber: Subscriber, reason: str) -> None:
        """Say bye to a stream. `revoked`, `expired` or `shutdown`."""
        document: StreamBye = {"reason": reason}  # type: ignore[typeddict-item]
        data = self._rendering.document("StreamBye", document, subscriber.view.media_type)
        # After a restart the clients come back one after the other, and not all at once.
        later = frames.retry(random.randrange(1000, 6000)) if reason == "shutdown" else b""  # noqa: S311
        subscriber.say_bye(later + frames.event("bye", data), reason)

    def close(self) -> None:
        """End all streams."""
        self.closing = True
        for subscriber in self._subscribers():
            self.end(subscriber, "shutdown")
        for feed in self._feeds.values():
            feed.close()

    def keep_time(self) -> None:
        """Heartbeats, expired tokens and slow clients, once a second; the body of a background greenlet."""
        while True:
            gevent.sleep(1.0)
            now, today = time.monotonic(), seconds(self._clock)
            for org_id, feed in list(self._feeds.items()):
                for subscriber in feed.subscribers():
                    self._look_at(feed, subscriber, now, today)
                if not len(feed) and now - feed.kept_at > HEARTBEAT_SECONDS:
                    del self._feeds[org_id]
                    feed.close()
                elif len(feed):
                    feed.kept_at = now
                gevent.sleep(0)

    def keep_listening(self) -> None:
        """Renew, for each organization, what makes its events be published; the body of a background greenlet."""
        while True:
            gevent.sleep(KEEP_SECONDS / 4)
            for org_id, feed in list(self._feeds.items()):
                if time.monotonic() - feed.marked_at < KEEP_SECONDS:
                    continue
                try:
                    lapsed = self._listeners.renew(org_id)
                    feed.keep()
                except (ServiceError, RedisUnavailable) as error:
                    log.warning("an organization could not be marked as listened to: %s", error)
                    continue
                feed.marked_at = time.monotonic()
                if lapsed:
                    feed.reset_all("lost")

    def check_revocations(self) -> None:
        """End the streams of revoked tokens and keys, and of suspended organizations; a background greenlet's body."""
        while True:
            began = time.monotonic()
            try:
                if self._check(self._subscribers()):
                    self._known_at = began
            except RedisUnavailable:
                pass  # no events come from there either; those that come later wait for this check
            gevent.sleep(CHECK_SECONDS if self.may_deliver() else CHECK_SECONDS / 5)

    def disclose_forever(self) -> None:
        """Record whose data the open streams have shown; the body of a background greenlet."""
        while True:
            gevent.sleep(DISCLOSE_LOOK_SECONDS)
            before = time.monotonic() - DISCLOSED_SECONDS
            for subscriber in self._subscribers():
                if subscriber.shown and (not subscriber.published or subscriber.published < before):
                    self._disclose(subscriber)

    def _look_at(self, feed: Feed, subscriber: Subscriber, now: float, today: int) -> None:
        if subscriber.principal.expires_at and subscriber.principal.expires_at <= today:
            self.end(subscriber, "expired")
        elif subscriber.stalled(now):
            subscriber.close("slow")
        elif now - subscriber.last_sent >= HEARTBEAT_SECONDS - 1.0:
            feed.beat(subscriber)

    def _check(self, subscribers: Iterable[Subscriber]) -> bool:
        """End the streams of revoked credentials and suspended organizations; whether all is known."""
        known = True
        waiting = iter(list(subscribers))
        while part := list(islice(waiting, _CHECKED_AT_ONCE)):
            marks = [revocation.keys(it.principal)[1:] for it in part]
            ((ready, *values),) = self._redis.call([("MGET", revocation.READY, *chain.from_iterable(marks))])
            found = iter(values)
            for subscriber, keys in zip(part, marks, strict=True):
                state = self._copy.state(subscriber.principal, [ready, *islice(found, len(keys))])
                known = known and state.verdict is not Verdict.UNKNOWN
                if state.verdict is Verdict.REVOKED or not _open_in(state, subscriber):
                    self.end(subscriber, "revoked")
            gevent.sleep(0)
        return known

    def _require_room(self, principal: Principal, room: StreamRoom) -> None:
        org_id = principal.org_id or 0
        if self._held[org_id, ""] >= room.organization:
            raise LimitError("streams", room.organization, wait_seconds=FULL_SECONDS)
        if self._held[org_id, principal.actor] >= room.member:
            raise LimitError("streams_per_member", room.member, wait_seconds=FULL_SECONDS)

    def _subscribers(self) -> Iterable[Subscriber]:
        return [one for feed in list(self._feeds.values()) for one in feed.subscribers()]

    def _disclose(self, subscriber: Subscriber) -> None:
        shown, subscriber.shown, subscriber.published = subscriber.shown, None, time.monotonic()
        for person, count in sorted((shown or {}).items()):
            event = AuditEvent(
                id=uuid7(self._clock),
                time=rfc3339(self._clock.now_ns()),
                kind="access",
                request_id=subscriber.request_id,
                org_id=subscriber.view.org_id,
                actor=subscriber.principal.actor,
                action=f"stream.open{DISCLOSED}",
                service="gateway",
                resource=f"user:{person}",
                outcome="success",
                payload={"shown": count, **subscriber.principal.attribution},
            )
            try:
                self._trail.record(event)
            except OSError:
                log.exception("neither Redis nor the spool took an audit event")


def _open_in(state: CallerState, subscriber: Subscriber) -> bool:
    """Whether the mode of the organization lets the stream go on; unknown without a ready mark, then it does."""
    if state.verdict is Verdict.UNKNOWN:
        return True
    try:
        require_open(subscriber.modes, state.mode, by_key=subscriber.principal.api_key is not None)
    except ServiceError:
        return False
    return True


def capacity() -> int:
    """How many streams the process may hold: each takes a file, and organizations and stores take some."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, (sys.maxsize if soft == resource.RLIM_INFINITY else soft) - OTHER_FILES)
