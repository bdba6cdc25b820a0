"""The endpoints of the feed, for the alarm service."""

from collections.abc import Iterable
from typing import Protocol

from heartguard_common.core.clock import parse_rfc3339, rfc3339
from heartguard_common.http.routing import Answer, Call, NoQuery, Route
from heartguard_common.messages import ChangeClaim, ChangeList, ReadingList, ReadingsRequest
from heartguard_common.messages.timeseries import ChangeDocument, OtherRangeDocument, ReadingDocument
from heartguard_influx.feed.domain import Change, PersonRange, Reading
from heartguard_influx.feed.usecases import Feed

PAGE = 5000
NO_STORE = {"Cache-Control": "no-store"}


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def feed(self) -> Feed:
        """Hands out changed points."""


def list_changes(usecases: UseCases, call: Call[ChangeClaim, NoQuery]) -> Answer[ChangeList]:
    """Take ranges of changed points, each with its readings.

    Nobody else gets them for 15 seconds. Whoever has evaluated them removes their rows.
    """
    claimed = usecases.feed.claim(call.document.get("limit", 500))
    return Answer({"items": [_change(it) for it in claimed]}, headers=NO_STORE)


def read_readings(usecases: UseCases, call: Call[ReadingsRequest, NoQuery]) -> Answer[ReadingList]:
    """Read the numbers of one person's points in a range, in pages.

    Those of further ranges of the organization are read with it, where they are short.
    """
    asked = call.document
    start_ns, stop_ns = parse_rfc3339(asked["range_start"]), parse_rfc3339(asked["range_stop"])
    person = asked["org_id"], asked["user_id"], asked["measurement"]
    page = usecases.feed.read(*person, start_ns, stop_ns, limit=PAGE)
    document: ReadingList = {"readings": _readings(page.readings)}
    if page.next_ns is not None:
        document["next_start"] = rfc3339(page.next_ns)
    if "others" in asked:
        found = usecases.feed.read_short([_range(asked["org_id"], it) for it in asked["others"]])
        document["others"] = [{} if it is None else {"readings": _readings(it)} for it in found]
    return Answer(document, headers=NO_STORE)


def _range(org_id: int, asked: OtherRangeDocument) -> PersonRange:
    bounds = parse_rfc3339(asked["range_start"]), parse_rfc3339(asked["range_stop"])
    return PersonRange(org_id, asked["user_id"], asked["measurement"], *bounds)


def _change(change: Change) -> ChangeDocument:
    claimed, changed = change.claimed, change.claimed.range
    document: ChangeDocument = {
        "id": claimed.id,
        "org_id": claimed.org_id,
        "user_id": changed.person,
        "measurement": changed.measurement,
        "first": rfc3339(changed.first_ns),
        "last": rfc3339(changed.last_ns),
        "received": rfc3339(claimed.received_ns),
    }
    if change.readings is not None:
        document["readings"] = _readings(change.readings)
    if change.steps is not None:
        document["step_times"] = [rfc3339(it) for it in change.steps]
    return document


def _readings(found: Iterable[Reading]) -> list[ReadingDocument]:
    documents = []
    for time_ns, values, motion in found:
        document: ReadingDocument = {"time": rfc3339(time_ns), "values": dict(values)}
        if motion in ("active", "sedentary"):
            document["active"] = motion == "active"
        documents.append(document)
    return documents


ROUTES = (
    Route("POST", "/timeseries/changes", list_changes, expensive=True),
    Route("POST", "/timeseries/readings", read_readings, expensive=True),
)
