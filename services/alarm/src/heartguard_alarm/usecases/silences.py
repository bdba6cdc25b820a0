"""Silences: making and ending them."""

from collections.abc import Iterator, Sequence

from heartguard_alarm.domain.silences import LONGEST_NS, Silence
from heartguard_alarm.errors import NO_SILENCE, UNSOUND
from heartguard_alarm.ports import Escalations, People, Rules, Silences
from heartguard_common.audit.events import AuditTrail
from heartguard_common.core.clock import Clock, parse_rfc3339
from heartguard_common.core.errors import FORBIDDEN, ServiceError, Violation
from heartguard_common.core.ids import uuid7
from heartguard_common.core.limits import Limits, require
from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.authority import Authority
from heartguard_common.messages import AlarmSilenceRequest, Payload

LIMIT = "alarm_silences"


class SilenceUseCases:
    """The silences of the organization of `principal`."""

    def __init__(
        self,
        silences: Silences,
        escalations: Escalations,
        rules: Rules,
        people: People,
        *,
        authority: Authority,
        limits: Limits,
        audit: AuditTrail,
        transaction: Transaction,
        clock: Clock,
    ) -> None:
        self._silences = silences
        self._escalations = escalations
        self._rules = rules
        self._people = people
        self._authority = authority
        self._limits = limits
        self._audit = audit
        self._transaction = transaction
        self._clock = clock

    def list(self, principal: Principal, before: str | None, limit: int) -> Sequence[Silence]:
        """Up to `limit` silences that have not ended, with an id below `before`, newest first."""
        return self._silences.list(_own(principal), self._clock.now_ns(), before, limit)

    def create(self, principal: Principal, asked: AlarmSilenceRequest) -> Silence:
        """A new silence. Raises ALARM_014, and GEN_409_LIMIT when the organization has no room for it."""
        org_id, now_ns, person = _own(principal), self._clock.now_ns(), asked.get("user_id")
        starts_ns = max(now_ns, parse_rfc3339(asked["starts_at"])) if "starts_at" in asked else now_ns
        ends_ns = parse_rfc3339(asked["ends_at"])
        rule_id = asked.get("rule_id")
        with self._transaction():
            self._authority.require_actor(principal, others=() if person is None else (person,))
            found = [*_impossible(starts_ns, ends_ns), *self._unknown(org_id, person, rule_id)]
            if found:
                raise ServiceError(UNSOUND, details=found)
            self._limits.lock(org_id, LIMIT)
            require(self._limits, org_id, LIMIT, self._silences.count(org_id, now_ns))
            known = (org_id, uuid7(self._clock), person, rule_id, asked["reason"])
            silence = Silence(*known, starts_ns, ends_ns, principal.actor, now_ns)
            self._silences.add(silence)
            self._record(principal, "alarm.create_silence", silence)
        return silence

    def end(self, principal: Principal, silence_id: str) -> None:
        """End a silence now: what it held back and is still active is notified. Raises ALARM_012."""
        now_ns = self._clock.now_ns()
        with self._transaction():
            self._authority.require_actor(principal)
            silence = self._silences.find(_own(principal), silence_id, lock=True)
            if silence is None or silence.ends_ns <= now_ns:
                raise ServiceError(NO_SILENCE)
            self._silences.end(silence, now_ns)
            self._escalations.wake(silence.org_id, silence.person, silence.rule_id, now_ns)
            self._record(principal, "alarm.end_silence", silence)

    def _unknown(self, org_id: int, person: int | None, rule_id: str | None) -> Iterator[Violation]:
        if person is not None and not self._people.is_member(org_id, person):
            yield Violation("/user_id", "is no member of the organization")
        if rule_id is not None and self._rules.find(org_id, rule_id) is None:
            yield Violation("/rule_id", "is no rule of the organization")

    def _record(self, principal: Principal, action: str, silence: Silence) -> None:
        payload: Payload = {}
        if silence.person is not None:
            payload["user"] = silence.person
        if silence.rule_id is not None:
            payload["rule"] = silence.rule_id
        self._audit.changed(principal, action, f"alarm_silence:{silence.id}", payload=payload)


def _impossible(starts_ns: int, ends_ns: int) -> Iterator[Violation]:
    if ends_ns <= starts_ns:
        yield Violation("/ends_at", "must be later than the begin, and than now")
    elif ends_ns - starts_ns > LONGEST_NS:
        yield Violation("/ends_at", "must be at most 30 days after the begin")


def _own(principal: Principal) -> int:
    if principal.org_id is None:
        raise ServiceError(FORBIDDEN)
    return principal.org_id
