"""Refusals that repeat make one event a minute, not one each, so that they can't fill the trail.

The first refusal of a caller at a route with a code is an event as any other. Those that follow within `WINDOW_SECONDS`
are counted, and at the end of that time one event says how many they were. So the single events and the counts of
the others add up to the number of refusals. A process that is killed loses the counts of its last minute at most;
one that ends in order writes them.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import gevent

from heartguard_common.audit.events import AuditEvent
from heartguard_common.core.clock import Clock
from heartguard_common.core.ids import uuid7
from heartguard_common.core.network import bucket_address
from heartguard_gateway.ports import Trail

WINDOW_SECONDS = 60.0
MOST_CALLERS = 5_000
_ANYBODY = "anonymous"
_REFUSED = range(400, 500)
_TOO_MANY = 429
_Key = tuple[str, str, int | None, str, str | None, str | None]


@dataclass
class _Counted:
    """What was counted since the first refusal of a window: `event` is the newest of them."""

    ends_at: float
    event: AuditEvent
    first: str
    count: int = 0

    def add(self, event: AuditEvent) -> None:
        if not self.count:
            self.first = event.time
        self.count += 1
        self.event = event


class CountedRefusals:
    """A trail that counts what repeats; all other events go to the next trail at once."""

    def __init__(
        self,
        trail: Trail,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        most_callers: int = MOST_CALLERS,
    ) -> None:
        self._trail = trail
        self._clock = clock
        self._monotonic = monotonic
        self._most = most_callers
        self._windows: dict[_Key, _Counted] = {}

    def record(self, event: AuditEvent, address: str = "") -> None:
        """Store an event, or count it; `address` is the client's. Raises OSError as the trail does."""
        if not _repeats_cheaply(event):
            self._trail.record(event)
            return
        key = self._key(event, address)
        window = self._windows.get(key)
        if window is not None:
            window.add(event)
            return
        self._windows[key] = _Counted(self._monotonic() + WINDOW_SECONDS, event, event.time)
        self._trail.record(event)

    def _key(self, event: AuditEvent, address: str) -> _Key:
        # For a known caller each resource is counted apart; a flood must not escape by varying the resource.
        flood = event.actor == _ANYBODY or event.payload["status"] == _TOO_MANY
        resource = None if flood else event.resource
        key = (bucket_address(address), event.actor, event.org_id, event.action, event.reason, resource)
        if key not in self._windows and len(self._windows) >= self._most:
            # So many callers at once are counted together, by route and code, of which there are few.
            return ("", _ANYBODY, None, event.action, event.reason, None)
        return key

    def write_ended(self, *, all_of_them: bool = False) -> None:
        """Write what was counted in windows that are over. Raises OSError; what was not written is kept."""
        now = self._monotonic()
        for key in [key for key, window in self._windows.items() if all_of_them or window.ends_at <= now]:
            window = self._windows.pop(key)
            if not window.count:
                continue
            try:
                self._trail.record(self._sum(key, window))
            except OSError:
                self._keep(key, window)
                raise

    def _sum(self, key: _Key, window: _Counted) -> AuditEvent:
        payload = {**window.event.payload, "count": window.count, "first": window.first, "last": window.event.time}
        _, actor, org_id, _, _, resource = key
        return replace(
            window.event, id=uuid7(self._clock), actor=actor, org_id=org_id, resource=resource, payload=payload
        )

    def _keep(self, key: _Key, window: _Counted) -> None:
        begun = self._windows.setdefault(key, window)  # another window may have begun meanwhile
        if begun is not window:
            begun.first, begun.count = window.first, begun.count + window.count

    def close(self) -> None:
        """Write everything that was counted, where that can be kept."""
        with contextlib.suppress(OSError):
            self.write_ended(all_of_them=True)

    def write_forever(self, every: float = 1.0) -> None:
        """Write what is over; the body of a background greenlet."""
        while True:
            gevent.sleep(every)
            try:
                self.write_ended()
            except OSError:
                continue  # it stays counted, and the next round tries again


def _repeats_cheaply(event: AuditEvent) -> bool:
    """Whether the refusal costs the client nothing: each one of an anonymous client, and each 403."""
    refused = event.payload["status"] in _REFUSED
    return event.outcome == "denied" or (refused and event.actor == _ANYBODY)
