"""The endpoint by which the stream process says that an organization is listened to."""

from typing import Protocol

from heartguard_common.core.errors import UNAVAILABLE, ServiceError
from heartguard_common.http.routing import Answer, Call, NoQuery, Route
from heartguard_common.messages import StreamLimits, StreamListener
from heartguard_influx.listeners.usecases import Listening


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def listening(self) -> Listening | None:
        """Marks organizations as listened to; None where points are not published."""


def announce_listener(usecases: UseCases, call: Call[StreamListener, NoQuery]) -> Answer[StreamLimits]:
    """Publish the points of an organization for ten minutes.

    The answer says how many streams it may have.
    """
    if usecases.listening is None:
        raise ServiceError(UNAVAILABLE)
    streams, of_member = usecases.listening.begin(call.document["org_id"])
    return Answer({"streams": streams, "streams_per_member": of_member})


ROUTES = (Route("POST", "/timeseries/listeners", announce_listener),)
