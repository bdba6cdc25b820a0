"""Trying a rule over stored points before it is made."""

from collections.abc import Sequence
from typing import NamedTuple

from heartguard_alarm.domain.criteria import Era
from heartguard_alarm.domain.episodes import Interval
from heartguard_alarm.domain.evaluation import Evaluator
from heartguard_alarm.domain.no_data import NoDataEra, Receipt, follow
from heartguard_alarm.domain.rules import STEPS, criteria_of, no_data_criteria_of, violations
from heartguard_alarm.domain.samples import MINUTE_NS, Reading, Sample, samples_of
from heartguard_alarm.errors import CONTRADICTORY, TOO_MANY
from heartguard_alarm.ports import Changes
from heartguard_common.audit.events import AuditTrail, disclosed
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import FORBIDDEN, UNPROCESSABLE, ServiceError, Violation
from heartguard_common.identity.authentication import Principal
from heartguard_common.messages import AlarmRuleRequest, Payload

LONGEST_NS = 31 * 86_400 * 1_000_000_000
MOST_SAMPLES = 500_000
ENOUGH_SAMPLES = 1_000


class Rehearsed(NamedTuple):
    """What a rule would have done: how many samples, which intervals, and a threshold of the person's own."""

    samples: int
    intervals: Sequence[Interval]
    proposed: float | None


class Rehearsal:
    """Evaluates a rule over stored points; stores nothing."""

    def __init__(self, points: Changes, audit: AuditTrail, clock: Clock) -> None:
        self._points = points
        self._audit = audit
        self._clock = clock

    def run(
        self, principal: Principal, settings: AlarmRuleRequest, person: int, start_ns: int, stop_ns: int
    ) -> Rehearsed:
        """Evaluate the rule for a person in `[start, stop)`, as if it had been made then. The disclosure is recorded.

        Raises ALARM_002 for a contradiction, GEN_422 for a range that is none or longer than 31 days, ALARM_005 for one
        with more than 500,000 samples.
        """
        if wrong := violations(settings):
            raise ServiceError(CONTRADICTORY, details=wrong)
        if not start_ns < stop_ns <= start_ns + LONGEST_NS:
            message = "must be after range_start, by 31 days at most"
            raise ServiceError(UNPROCESSABLE, details=(Violation("/range_stop", message),))
        if principal.org_id is None:
            raise ServiceError(FORBIDDEN)
        whose = principal.org_id, person
        if settings["condition"] == "no_data":
            found = self._missing(whose, settings, start_ns, stop_ns)
        else:
            found = self._violated(whose, settings, start_ns, stop_ns)
        payload: Payload = {"measurement": settings["measurement"], "points": found.samples}
        disclosed(self._audit, principal, "alarm.rehearse_rule", person, payload)
        return found

    def _missing(self, whose: tuple[int, int], settings: AlarmRuleRequest, start_ns: int, stop_ns: int) -> Rehearsed:
        """What a rule about missing data would have done if each sample had been received at its time."""
        name, samples, receipts = settings["field"], 0, list[Receipt]()
        for page in self._points.readings(*whose, settings["measurement"], start_ns, stop_ns):
            times = sorted({it.time_ns for it in page if name in it.values})
            receipts += [Receipt(it, it) for it in times]
            samples += len(times)
            if samples > MOST_SAMPLES:
                raise ServiceError(TOO_MANY)
        eras = (NoDataEra(start_ns, no_data_criteria_of(settings, whose[1])),)
        until_ns = min(stop_ns, self._clock.now_ns()) - 1
        found = follow(eras, None, [it for it in receipts if it.received_ns <= until_ns], (), until_ns)
        return Rehearsed(samples, [it.interval for it in found.current], None)

    def _violated(self, whose: tuple[int, int], settings: AlarmRuleRequest, start_ns: int, stop_ns: int) -> Rehearsed:
        """What a rule about values would have done."""
        criteria = criteria_of(settings, whose[1])
        evaluator = Evaluator((Era(start_ns, criteria),))
        values, intervals = list[float](), list[Interval]()
        for page in self._points.readings(*whose, settings["measurement"], start_ns, stop_ns):
            name = settings["field"]
            readings = [Reading(it.time_ns, it.values[name], it.active) for it in page if name in it.values]
            samples: Sequence[Sample] = ()
            if criteria is not None:
                samples = samples_of(criteria, readings, self._steps(whose, readings) if criteria.resting else ())
            intervals += evaluator.take(samples, 0)
            values += [it.value for it in samples]
            if len(values) > MOST_SAMPLES:
                raise ServiceError(TOO_MANY)
        if evaluator.visible is not None:
            intervals.append(evaluator.visible)
        return Rehearsed(len(values), intervals, _proposed(values, above=settings["condition"] == "above"))

    def _steps(self, whose: tuple[int, int], readings: Sequence[Reading]) -> list[int]:
        """The times of steps in the minutes of readings that are not marked."""
        if all(it.active is not None for it in readings):
            return []
        first_ns = readings[0].time_ns // MINUTE_NS * MINUTE_NS
        last_ns = readings[-1].time_ns // MINUTE_NS * MINUTE_NS + MINUTE_NS
        pages = self._points.readings(*whose, STEPS, first_ns, last_ns)
        return [it.time_ns for page in pages for it in page if any(value > 0 for value in it.values.values())]


def _proposed(values: Sequence[float], *, above: bool) -> float | None:
    """The value that 99.5 % of the values are not beyond."""
    if len(values) < ENOUGH_SAMPLES:
        return None
    rest = len(values) // 200
    return sorted(values)[-1 - rest if above else rest]
