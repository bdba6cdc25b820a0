"""The end of sessions: in the truth with the change that causes it, in the fast copy after the commit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from heartguard_auth.usecases.dependencies import Rules, Stores
from heartguard_common.core.clock import NANOSECONDS


class SessionRevoker:
    """Collects the sessions that a transaction ends; `__call__` may be used more than once in it."""

    def __init__(self, rules: Rules, stores: Stores) -> None:
        self._rules = rules
        self._s = stores
        self._ended: list[str] = []
        self._until = 0

    def __call__(self, session_ids: Sequence[str], reason: str) -> None:
        """End these sessions: their refresh tokens at once, their access tokens until the last could expire."""
        now = self._s.clock.now_ns()
        self._until = now + (self._rules.access_seconds + 60) * NANOSECONDS
        self._s.sessions.end(session_ids, now)
        self._s.revocations.add("sid", session_ids, reason, self._until)
        self._ended.extend(session_ids)

    def publish(self) -> None:
        """Bring what was ended to the copy that gateway and services ask."""
        if self._ended:
            self._s.revocations.publish("sid", self._ended, self._until)


@contextmanager
def revoking_sessions(rules: Rules, stores: Stores) -> Iterator[SessionRevoker]:
    """A transaction that may end sessions, by calling what it yields with their ids and the reason."""
    revoker = SessionRevoker(rules, stores)
    with stores.transactions.transaction():
        yield revoker
    revoker.publish()
