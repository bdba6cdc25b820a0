"""The health of the gateway and of the services behind it: asked now for the operator, cached for all others."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import gevent
from gevent.lock import Semaphore

from heartguard_common import __version__, messages
from heartguard_common.core.clock import Clock, rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_gateway.ports import Outbound, Service
from heartguard_gateway.settings import NAME

REMEMBERED_SECONDS = 5.0
PROBE_SECONDS = 2.0
PASS: Final = "pass"  # noqa: S105  a state of health
WARN: Final = "warn"
FAIL: Final = "fail"
_NAME = "heartguard"


@dataclass(frozen=True)
class Check:
    """Whether one service was ready when it was asked, and how many milliseconds that took."""

    name: str
    ok: bool
    latency_ms: float


@dataclass(frozen=True)
class Report:
    """The checks of all services and when they were made, in RFC 3339."""

    checks: Sequence[Check]
    time: str

    @property
    def status(self) -> messages.HealthStatus:
        """`pass` where all are ready, `fail` where none of the services behind the gateway is, otherwise `warn`."""
        if all(check.ok for check in self.checks):
            return PASS
        return WARN if any(check.ok for check in self.checks if check.name != NAME) else FAIL

    @property
    def message(self) -> str:
        """The same in words."""
        failing = ", ".join(check.name for check in self.checks if not check.ok)
        return f"not ready: {failing}" if failing else "all services are ready"

    def document(self) -> messages.SystemHealth:
        """The `SystemHealth` message: the draft's words, in the form that InfluxDB 2 gives them."""
        return {
            "name": _NAME,
            "status": self.status,
            "message": self.message,
            "version": __version__,
            "time": self.time,
            "checks": [{"name": check.name, "status": _word(ok=check.ok)} for check in self.checks],
        }

    def draft(self) -> dict[str, object]:
        """As application/health+json (draft-inadarei-api-health-check-06, sections 3 and 4)."""
        return {
            "status": self.status,
            "version": "1",
            "releaseId": __version__,
            "description": "HeartGuard",
            "output": "" if self.status == PASS else self.message,
            "checks": {
                f"{check.name}:ready": [
                    {
                        "componentType": "component",
                        "observedValue": check.ok,
                        "status": _word(ok=check.ok),
                        "time": self.time,
                    }
                ]
                for check in self.checks
            },
        }


class SystemHealth:
    """Asks all services at once. `ready` says whether the gateway itself is; `paths` are where the others say it."""

    def __init__(
        self,
        ready: Callable[[], bool],
        services: Mapping[str, Service],
        paths: Mapping[str, str],
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ready = ready
        self._services = services
        self._paths = paths
        self._clock = clock
        self._monotonic = monotonic
        self._asking = Semaphore()
        self._kept: Report | None = None
        self._kept_at = 0.0

    def ask(self) -> Sequence[Check]:
        """The checks now."""
        probes = [gevent.spawn(self._timed, NAME, self._ready)]
        probes += [gevent.spawn(self._timed, name, partial(self._answers, name)) for name in self._services]
        gevent.joinall(probes)
        return tuple(probe.value for probe in probes)

    def report(self) -> Report:
        """The checks of the last five seconds: however many ask, the services are asked once in that time.

        A request that arrives while they are being asked gets the previous report; the first ones wait.
        """
        kept = self._kept
        if kept is not None and (self._monotonic() - self._kept_at < REMEMBERED_SECONDS or self._asking.locked()):
            return kept
        with self._asking:
            if self._kept is None or self._monotonic() - self._kept_at >= REMEMBERED_SECONDS:
                self._kept = Report(self.ask(), rfc3339(self._clock.now_ns()))
                self._kept_at = self._monotonic()
            return self._kept

    def _timed(self, name: str, well: Callable[[], bool]) -> Check:
        started = self._monotonic()
        ok = False
        with gevent.Timeout(PROBE_SECONDS, exception=False):
            ok = well()
        return Check(name, ok, round((self._monotonic() - started) * 1000, 2))

    def _answers(self, name: str) -> bool:
        try:
            inbound = self._services[name].send(Outbound("GET", self._paths[name], [("accept", "application/json")]))
        except ServiceError:
            return False
        return inbound.reply.status == 200


def _word(*, ok: bool) -> messages.HealthStatus:
    return PASS if ok else FAIL
