"""The points, which the time-series service has."""

from collections.abc import Iterator, Sequence

from heartguard_alarm.domain.changes import Change, PersonRange, Stored
from heartguard_common.core.clock import parse_rfc3339, rfc3339
from heartguard_common.messages import ChangeList, ReadingList
from heartguard_common.messages.timeseries import OtherRangeDocument, ReadingDocument
from heartguard_common.stores.service_client import ServiceClient

SHORT_AT_ONCE = 81
"""Ranges of a request: one, and as many others as the contract allows."""


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
        following: int | None = start_ns
        while following is not None:
            document = {"org_id": org_id, **_range(PersonRange(person, measurement, following, stop_ns))}
            answer = self._client.post("/timeseries/readings", document, ReadingList)
            yield [_stored(it) for it in answer["readings"]]
            following = parse_rfc3339(answer["next_start"]) if "next_start" in answer else None

    def short(self, org_id: int, ranges: Sequence[PersonRange]) -> Sequence[Sequence[Stored] | None]:
        """All readings of each range; None for a range that has too many. Raises `ServiceCallError`."""
        found: list[Sequence[ReadingDocument] | None] = []
        for place in range(0, len(ranges), SHORT_AT_ONCE):
            first, *others = [_range(it) for it in ranges[place : place + SHORT_AT_ONCE]]
            document = {"org_id": org_id, **first, "others": others}
            answer = self._client.post("/timeseries/readings", document, ReadingList)
            found.append(None if "next_start" in answer else answer["readings"])
            found += [it.get("readings") for it in answer.get("others", ())]
        return [None if it is None else [_stored(reading) for reading in it] for it in found]


def _range(asked: PersonRange) -> OtherRangeDocument:
    return {
        "user_id": asked.person,
        "measurement": asked.measurement,
        "range_start": rfc3339(asked.start_ns),
        "range_stop": rfc3339(asked.stop_ns),
    }


def _stored(document: ReadingDocument) -> Stored:
    return Stored(parse_rfc3339(document["time"]), document["values"], document.get("active"))
