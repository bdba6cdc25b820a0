"""What is done when a request to a service fails: whether the breaker counts it, and the error that the client gets."""

import math
from collections.abc import Callable

from heartguard_common.core.errors import ServiceError
from heartguard_gateway.errors import UPSTREAM_FAILED, UPSTREAM_TIMEOUT, UPSTREAM_UNAVAILABLE
from heartguard_gateway.upstream.breaker import Breaker
from heartguard_gateway.upstream.connection import Connection


class Failures:
    """The failures of one service. `is_healthy` asks it its simplest question; `count` gets the name of each event."""

    def __init__(self, breaker: Breaker, is_healthy: Callable[[], bool], count: Callable[[str], object]) -> None:
        self._breaker = breaker
        self._is_healthy = is_healthy
        self._count = count

    def unreachable(self, error: OSError) -> ServiceError:
        """No connection could be made."""
        self._breaker.failed()
        return self._as_service_error(error)

    def broken(self, connection: Connection, error: Exception) -> ServiceError:
        """A request got no answer.

        The breaker counts it if it is the service's fault: not where one route was slow while the service is healthy,
        and not where a connection was kept so long that the service closed it.
        """
        if isinstance(error, TimeoutError):
            if self._is_healthy():
                self._breaker.succeeded()
            else:
                self._breaker.failed()
        elif not (connection.reused and connection.silent):  # a service that is down fails the next connection
            self._breaker.failed()
        return self._as_service_error(error)

    def no_connection_free(self) -> ServiceError:
        """All connections of the pool are in use."""
        self._count("exhausted")
        return unavailable(1.0)

    def _as_service_error(self, error: Exception) -> ServiceError:
        if isinstance(error, TimeoutError):
            self._count("timeout")
            return ServiceError(UPSTREAM_TIMEOUT)
        self._count("failure")
        return ServiceError(UPSTREAM_FAILED)


def unavailable(wait: float) -> ServiceError:
    """GW_011, to be tried again after so many seconds."""
    return ServiceError(UPSTREAM_UNAVAILABLE, headers={"Retry-After": str(max(1, math.ceil(wait)))})
