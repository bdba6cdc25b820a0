"""The points, which the time-series service has."""

from collections.abc import Iterator, Sequence

from heartguard_alarm.domain.changes import Change, Stored
from heartguard_common.core.clock import parse_rfc3339, rfc3339
from heartguard_common.messages import ChangeList, ReadingList
from heartguard_common.messages.timeseries import ReadingDocument
from heartguard_common.stores.service_client import ServiceClient


class ServiceChanges:
    """Changed ranges and readings, by HTTP."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    def claim(self, limit: int) -> Sequence[Change]:
        """Up to `limit` changed ranges, which nobody else gets for a minute. Raises `ServiceCallError`."""
        answer = self._client.post("/timeseries/changes", {"limit": limit}, ChangeList)
        return [
            Change(
                it["id"],
                it["org_id"],
                it["user_id"],
                it["measurement"],
                parse_rfc3339(it["first"]),
                parse_rfc3339(it["last"]),
                [_stored(reading) for reading in it["readings"]] if "readings" in it else None,
                parse_rfc3339(it["received"]),
                [parse_rfc3339(time) for time in it["step_times"]] if "step_times" in it else None,
            )
            for it in answer["items"]
        ]

    def readings(
        self, org_id: int, person: int, measurement: str, start_ns: int, stop_ns: int
    ) -> Iterator[Sequence[Stored]]:
        """All readings of a person in `[start, stop)`, in order of time, in pages. Raises `ServiceCallError`."""
        whose = {"org_id": org_id, "user_id": person, "measurement": measurement, "range_stop": rfc3339(stop_ns)}
        following: str | None = rfc3339(start_ns)
        while following is not None:
            document = {**whose, "range_start": following}
            answer = self._client.post("/timeseries/readings", document, ReadingList)
            yield [_stored(it) for it in answer["readings"]]
            following = answer.get("next_start")


def _stored(document: ReadingDocument) -> Stored:
    return Stored(parse_rfc3339(document["time"]), document["values"], document.get("active"))
