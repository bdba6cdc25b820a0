"""Revocation of sessions: in PostgreSQL with the change that causes it, in the copy in Redis after the commit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from heartguard_auth.revocations.ports import RevocationList
from heartguard_auth.sessions.ports import Sessions
from heartguard_auth.shared.ports import CommonPorts, Rules
from heartguard_common.core.clock import NANOSECONDS


class EndSessions:
    """Ends sessions inside a transaction; may be called several times in it."""

    def __init__(self, rules: Rules, common: CommonPorts, sessions: Sessions, revocations: RevocationList) -> None:
        self._rules = rules
        self._common = common
        self._sessions = sessions
        self._revocations = revocations
        self._ended: list[str] = []
        self._until = 0

    def __call__(self, session_ids: Sequence[str], reason: str) -> None:
        """End these sessions with their refresh tokens, and revoke their access tokens until the last one expires."""
        now = self._common.clock.now_ns()
        self._until = now + (self._rules.access_seconds + 60) * NANOSECONDS
        self._sessions.end(session_ids, now)
        self._revocations.add("sid", session_ids, reason, self._until)
        self._ended.extend(session_ids)

    def publish(self) -> None:
        """Bring the revocations to the copy that gateway and services read; after the commit."""
        if self._ended:
            self._revocations.publish("sid", self._ended, self._until)


class SessionRevocation:
    """Transactions that may end sessions."""

    def __init__(self, rules: Rules, common: CommonPorts, sessions: Sessions, revocations: RevocationList) -> None:
        self._rules = rules
        self._common = common
        self._sessions = sessions
        self._revocations = revocations

    @contextmanager
    def transaction(self) -> Iterator[EndSessions]:
        """A transaction that may end sessions, by calling what it yields with their ids and the reason."""
        end = EndSessions(self._rules, self._common, self._sessions, self._revocations)
        with self._common.transactions.transaction():
            yield end
        end.publish()
