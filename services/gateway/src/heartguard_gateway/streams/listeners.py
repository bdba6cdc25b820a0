"""Has the time-series service publish the points of an organization while somebody watches."""

import time
from collections.abc import Callable
from typing import NamedTuple

from gevent.lock import Semaphore

from heartguard_common.core.errors import ServiceError
from heartguard_common.messages import StreamLimits
from heartguard_common.stores.service_client import ServiceClient
from heartguard_common.streams.events import RESUME_SECONDS
from heartguard_gateway.errors import NO_STREAMS

RENEWED_SECONDS = 60.0
PATH = "/timeseries/listeners"


class StreamRoom(NamedTuple):
    """How many streams an organization may have, and each of its members."""

    organization: int
    member: int


class Listeners:
    """Asks the service, and remembers its answers for a minute."""

    def __init__(self, influx: ServiceClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._influx = influx
        self._monotonic = monotonic
        self._known: dict[int, tuple[float, StreamRoom]] = {}
        self._asking: dict[int, Semaphore] = {}

    def begin(self, org_id: int) -> StreamRoom:
        """From now on the points of an organization are published. Raises GW_030 where that can't be said."""
        # After a restart all clients of an organization come at once: one of them asks, the others wait for it.
        with self._asking.setdefault(org_id, Semaphore()):
            return self._begin(org_id)

    def _begin(self, org_id: int) -> StreamRoom:
        now = self._monotonic()
        asked, room = self._known.get(org_id, (now - RESUME_SECONDS, StreamRoom(0, 0)))
        if now - asked < RENEWED_SECONDS:
            return room
        try:
            return self._ask(org_id)
        except ServiceError as error:
            if now - asked < RESUME_SECONDS:
                return room  # they still are, from before
            raise ServiceError(NO_STREAMS, headers={"Retry-After": "5"}) from error

    def renew(self, org_id: int) -> bool:
        """Have them published for ten more minutes; whether they were not for a while. Raises `ServiceError`."""
        asked, _ = self._known.get(org_id, (0.0, None))
        self._ask(org_id)
        return self._monotonic() - asked > RESUME_SECONDS

    def _ask(self, org_id: int) -> StreamRoom:
        now = self._monotonic()
        answer = self._influx.post(PATH, {"org_id": org_id}, StreamLimits)
        room = StreamRoom(answer["streams"], answer["streams_per_member"])
        if len(self._known) >= 10_000:
            self._known = {org: known for org, known in self._known.items() if now - known[0] < RESUME_SECONDS}
            self._asking = {org: lock for org, lock in self._asking.items() if org in self._known or lock.locked()}
        self._known[org_id] = (now, room)
        return room
