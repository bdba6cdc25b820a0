"""Recording and reading events, one method for each operation."""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from heartguard_audit.domain.events import Mask, Recorded, Search, within_range
from heartguard_audit.errors import UNKNOWN_EVENT
from heartguard_audit.ports import Events, Trail
from heartguard_common.audit.events import DISCLOSED, AuditEvent
from heartguard_common.core.clock import Clock, parse_rfc3339, rfc3339
from heartguard_common.core.errors import UNAVAILABLE, UNPROCESSABLE, ServiceError, Violation
from heartguard_common.core.ids import uuid7
from heartguard_common.core.trace import GATEWAY_REQUEST_ID, REQUEST_ID
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.messages import AuditEventRequest, AuditListQuery

Filter: TypeAlias = Literal["kind", "actor", "action", "service", "resource", "outcome"]
EQUALS: tuple[Filter, ...] = ("kind", "actor", "action", "service", "resource", "outcome")
EXPORT_PAGE = 1000


class AuditUseCases:
    """Recording and reading. A caller reads the trail of their organization, the operator that of no organization."""

    def __init__(
        self,
        trail: Trail,
        events: Events,
        mask: Mask,
        clock: Clock,
        authority: Authority,
        transaction: Transaction,
    ) -> None:
        self._trail = trail
        self._events = events
        self._mask = mask
        self._clock = clock
        self._authority = authority
        self._transaction = transaction

    def record(self, caller: Principal, request: AuditEventRequest) -> AuditEvent:
        """Record an event that a caller reports; it is stored durably when this returns.

        A service names the actor, and is itself the service of its events. A person is the actor of their own events,
        which are of the kind `reported`: only services record changes and disclosures. Addresses are masked.
        Raises GEN_422 for a person's disclosure, GEN_401_TOKEN for a person whose role, organization or session is no
        longer that of the token, GEN_503 when the event can't be stored anywhere.
        """
        by_service = caller.kind == "service"
        if not by_service and request["action"].endswith(DISCLOSED):
            raise ServiceError(UNPROCESSABLE, details=(Violation("/action", "only services record disclosures"),))
        actor = request["actor"] if by_service else caller.actor
        resource = request.get("resource")
        mask = self._mask
        event = AuditEvent(
            id=uuid7(self._clock),
            time=rfc3339(self._clock.now_ns()),
            kind="change" if by_service else "reported",
            request_id=REQUEST_ID.get() or "",
            gateway_request_id=GATEWAY_REQUEST_ID.get(),
            org_id=caller.org_id,
            actor=mask.text(actor, 320),
            actor_hash=mask.hash(actor),
            action=mask.text(request["action"], 128),
            service=(caller.name or "") if by_service else mask.text(request["service"], 64),
            resource=None if resource is None else mask.text(resource, 512),
            outcome="success",
            payload={
                mask.text(name, 128): mask.text(value) if isinstance(value, str) else value
                for name, value in request.get("payload", {}).items()
            },
        )
        try:
            if by_service:
                # Without a transaction, so that services can record events while PostgreSQL is unavailable.
                self._trail.record(event)
            else:
                with self._transaction():
                    self._authority.require_actor(caller)
                    self._trail.record(event)
        except OSError as error:
            raise ServiceError(UNAVAILABLE, "The event can't be stored now") from error
        return event

    def find(self, caller: Principal, event_id: str) -> Recorded:
        """One event. Raises AUDIT_001 also for another organization's."""
        found = self._events.find(caller.org_id, event_id)
        if found is None:
            raise ServiceError(UNKNOWN_EVENT)
        return found

    def page(self, caller: Principal, asked: AuditListQuery, before: int | None, limit: int) -> list[Recorded]:
        """At most `limit` events older than the sequence `before`, newest first."""
        return self._events.page(self._search(caller, asked, before), limit)

    def about(self, org_id: int, user_id: int) -> Iterator[Recorded]:
        """Every event of a person: first those with the person as actor, then others with the person as resource."""
        me = f"user:{user_id}"
        for equals in ({"actor": me}, {"resource": me}):
            before = None
            while rows := self._events.page(Search(org_id, equals, before=before), EXPORT_PAGE):
                yield from (row for row in rows if "actor" in equals or row.event.actor != me)
                before = rows[-1].sequence

    def readings(self, caller: Principal, before: int | None, limit: int) -> list[Recorded]:
        """At most `limit` events in which somebody else read data of the caller, newest first."""
        return self._events.readings(caller.org_id or 0, caller.actor, before, limit)

    def export(
        self, caller: Principal, asked: AuditListQuery, before: int | None, limit: int | None
    ) -> Iterator[Sequence[Recorded]]:
        """All requested events, or the newest `limit` of them, newest first, in blocks.

        The first block is read before this returns, so that an unavailable store gives an error response and not a
        truncated file. Events that are recorded meanwhile are left out.
        """
        first = self._events.page(self._search(caller, asked, before), min(limit or EXPORT_PAGE, EXPORT_PAGE))

        def blocks() -> Iterator[Sequence[Recorded]]:
            block, left = first, limit
            while block:
                yield block
                left = None if left is None else left - len(block)
                if left == 0:
                    return
                search = self._search(caller, asked, block[-1].sequence)
                block = self._events.page(search, min(left or EXPORT_PAGE, EXPORT_PAGE))

        return blocks()

    def _search(self, caller: Principal, asked: AuditListQuery, before: int | None) -> Search:
        equals: dict[str, str] = {name: asked[name] for name in EQUALS if name in asked}
        for name in ("action", "service", "resource"):
            if name in equals:
                equals[name] = self._mask.text(equals[name])
        address = self._mask.hash(equals["actor"]) if "actor" in equals else None
        if address is not None:
            del equals["actor"]
            equals["actor_hash"] = address
        return Search(
            org_id=caller.org_id,
            equals=equals,
            since_ns=_time(asked, "since"),
            until_ns=_time(asked, "until"),
            before=before,
        )


def _time(asked: AuditListQuery, name: Literal["since", "until"]) -> int | None:
    if name not in asked:
        return None
    try:
        return within_range(parse_rfc3339(asked[name]))
    except ValueError as error:
        raise ServiceError(UNPROCESSABLE, details=(Violation(f"/{name}", "is not a time that exists"),)) from error
