"""Adds each completed deletion to a list outside of the database when its event enters the trail."""

from collections.abc import Sequence

from heartguard_audit.ports import Deletions, Journal
from heartguard_common.audit.events import AuditEvent
from heartguard_common.jobs.deletion_list import Deletion

# Action, service and actor of the events that report a completed deletion. POST /audit/events sets the actor from the
# caller's credentials, so that no person and no other service can report one.
_DONE = {
    ("user.deleted", "user", "service:user"): "user",
    ("organization.deleted", "organization", "service:organization"): "organization",
}


class ListingJournal:
    """A journal that also keeps the list: the event of a deletion is finished when it is in both."""

    def __init__(self, journal: Journal, deletions: Deletions) -> None:
        self._journal = journal
        self._deletions = deletions

    def add(self, events: Sequence[AuditEvent]) -> int:
        """As the journal does. Raises OSError when the list can't be written: the events are then delivered again."""
        added = self._journal.add(events)
        self._deletions.append([it for event in events if (it := deletion_of(event)) is not None])
        return added


def deletion_of(event: AuditEvent) -> Deletion | None:
    """The deletion whose completion an event reports; None for any other event."""
    kind = _DONE.get((event.action, event.service, event.actor))
    if kind is None or event.kind != "change" or event.outcome != "success" or event.org_id is None:
        return None
    of, _, number = (event.resource or "").partition(":")
    if of != kind or not number.isascii() or not number.isdigit():
        return None
    if kind == "organization":
        return Deletion(event.id, event.time, event.org_id, None) if int(number) == event.org_id else None
    return Deletion(event.id, event.time, event.org_id, int(number))
