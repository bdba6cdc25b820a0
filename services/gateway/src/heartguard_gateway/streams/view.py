"""What one stream shows: the filter of its client and the permission of its caller, applied to every event."""

from collections import Counter
from dataclasses import dataclass

from heartguard_common.identity.authentication import Principal
from heartguard_common.streams.events import POINTS, Event, PointsEvent, Run

_PERSON_TAG = "user_id"


@dataclass(frozen=True, slots=True)
class View:
    """Streams with equal views get the same bytes.

    `asked` is the person whom the client asks for, `person` the only one whose data the caller may see; `buckets` are
    those of an API key, none for all.
    """

    org_id: int
    topics: frozenset[str]
    measurement: str | None = None
    asked: int | None = None
    person: int | None = None
    buckets: frozenset[str] = frozenset()
    media_type: str = "application/json"

    @property
    def binding(self) -> bytes:
        """What the ids of its events are valid for: another filter, person or organization can't use them."""
        parts = (self.org_id, sorted(self.topics), self.measurement, self.asked, self.person, sorted(self.buckets))
        return repr(parts).encode()

    def select(self, event: Event) -> Event | None:
        """The part of an event that is shown, None for nothing."""
        if event.topic not in self.topics:
            return None
        if isinstance(event, PointsEvent):
            return self._points(event)
        wanted = {it for it in (self.asked, self.person) if it is not None}
        return event if wanted <= {event.person} else None

    def _points(self, event: PointsEvent) -> PointsEvent | None:
        if self.buckets and event.bucket not in self.buckets:
            return None
        shown = [run for run in event.runs if self._shows(run)]
        if len(shown) == len(event.runs):
            return event  # with its documents, which other views may have made
        return PointsEvent(event.bucket, shown) if shown else None

    def _shows(self, run: Run) -> bool:
        if self.measurement is not None and run.measurement != self.measurement:
            return False
        owner = run.tags.get(_PERSON_TAG)
        return all(owner == str(it) for it in (self.asked, self.person) if it is not None)


def view_of(
    principal: Principal, topics: frozenset[str], measurement: str | None, asked: int | None, media_type: str
) -> View:
    """The view of a caller, whose role says whose data it is: all of the organization, or only their own.

    An API key stands for an organization's program that reads points: it is shown no jobs.
    """
    key = principal.api_key
    return View(
        org_id=principal.org_id or 0,
        topics=topics if key is None else topics & {POINTS},
        measurement=measurement,
        asked=asked,
        person=principal.user_id if principal.role == "user" else None,
        buckets=frozenset() if key is None else key.buckets,
        media_type=media_type,
    )


def persons_of(event: Event) -> Counter[int]:
    """How many points of each person an event has."""
    if not isinstance(event, PointsEvent):
        return Counter() if event.person is None else Counter({event.person: 1})
    found: Counter[int] = Counter()
    for run in event.runs:
        owner = run.tags.get(_PERSON_TAG, "")
        if owner.isascii() and owner.isdigit():
            found[int(owner)] += len(run.times_ns)
    return found
