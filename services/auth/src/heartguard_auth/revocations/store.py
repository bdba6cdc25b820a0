"""Revocations: in PostgreSQL, and copied to Redis for gateway and services."""

from collections.abc import Sequence

from heartguard_auth.shared.store.timestamps import timestamptz
from heartguard_common.core.background import BackgroundTask, BackgroundTasks
from heartguard_common.core.clock import Clock
from heartguard_common.core.errors import INVALID_TOKEN, ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_common.identity.modes import ACTIVE
from heartguard_common.identity.revocation import CallerState, CopyReader, Verdict, keys
from heartguard_common.identity.revocation_copy import RevocationCopy
from heartguard_common.messages import Mode
from heartguard_common.stores.database import Database, text
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient


class Revocations:
    """The table `revoked_tokens`, and its copy."""

    def __init__(self, database: Database, redis: RedisClient, clock: Clock) -> None:
        self._database = database
        self._redis = redis
        self._clock = clock
        self._seen = CopyReader()
        self._copy = RevocationCopy(database, redis, clock)
        self._copying: BackgroundTask | None = None

    def start(self, background: BackgroundTasks) -> "Revocations":
        """Keep the copy up to date from now on, in a thread of the process. Returns itself."""
        self._copying = background.start("revocations", self._copy.step)
        return self

    def add(self, kind: str, values: Sequence[str], reason: str, expires_at: int) -> None:
        """Revoke tokens (`jti`), sessions (`sid`) or keys (`kid`) until `expires_at`, in nanoseconds."""
        if not values:
            return
        rows = [
            {
                "kind": kind,
                "value": value,
                "reason": reason,
                "at": timestamptz(self._clock.now_ns()),
                "until": timestamptz(expires_at),
            }
            for value in values
        ]
        with self._database.transaction() as connection:
            connection.execute_for_each(text(_ADD), rows)

    def publish(self, kind: str, values: Sequence[str], expires_at: int) -> None:
        """Write a committed revocation to the copy; if that fails, the copy is no longer trusted, and is repaired."""
        if values and not self._copy.publish([(kind, value, expires_at) for value in values]) and self._copying:
            self._copying.wake()

    def purge(self) -> None:
        """Remove the revocations of tokens that have expired."""
        with self._database.transaction() as connection:
            connection.execute(text(_PURGE), {"now": timestamptz(self._clock.now_ns())})

    def holds(self, principal: Principal) -> bool:
        """Whether this token, its session or its key is revoked, or its person inactive or deleted.

        Also whether it was issued before the database was restored from a backup.
        """
        values = {
            "jti": principal.token_id,
            "sid": principal.session_id,
            "kid": principal.key_id,
            "user_id": principal.user_id,
            "issued_at": principal.issued_at,
        }
        with self._database.transaction() as connection:
            return bool(connection.execute(text(_HOLDS), values).scalar_one())

    def copy_all(self) -> bool:
        """Bring all revocations to the copy; False while Redis does not take them."""
        return self._copy.copy_all()

    def mode(self, org_id: int) -> Mode:
        """The mode of an organization according to PostgreSQL."""
        row = self._database.one(_MODE, {"org_id": org_id})
        return ACTIVE if row is None else row.mode

    def require_active(self, principal: Principal, _: str) -> Mode:
        """The mode of the person's organization, from the copy in Redis, or else PostgreSQL.

        Raises GEN_401_TOKEN for a revoked token.
        """
        state = self.state(principal)
        if state.verdict is Verdict.UNKNOWN:
            verdict = Verdict.REVOKED if self.holds(principal) else Verdict.ACTIVE
            state = CallerState(verdict, self.mode(principal.org_id or 0))
        if state.verdict is Verdict.REVOKED:
            raise ServiceError(INVALID_TOKEN)
        return state.mode

    def state(self, principal: Principal) -> CallerState:
        """What the copy says; the verdict is unknown where it can't be trusted."""
        try:
            return self._seen.state(principal, self._redis.mget(keys(principal)))
        except REDIS_ERRORS:
            return CallerState(Verdict.UNKNOWN)


_ADD = """
INSERT INTO heartguard_core.revoked_tokens (kind, value, reason, revoked_at, expires_at)
VALUES (:kind, :value, :reason, :at, :until)
ON CONFLICT (kind, value) DO UPDATE SET expires_at = greatest(revoked_tokens.expires_at, excluded.expires_at)
"""
_MODE = text("SELECT mode FROM heartguard_core.organization_states WHERE org_id = :org_id")
_PURGE = "DELETE FROM heartguard_core.revoked_tokens WHERE expires_at < :now"
_HOLDS = """
SELECT EXISTS (
    SELECT FROM heartguard_core.revoked_tokens
    WHERE (kind, value) IN (('jti', :jti), ('sid', :sid), ('kid', :kid))
) OR EXISTS (
    SELECT FROM heartguard_core.restores WHERE floor(extract(epoch FROM restored_at)) >= :issued_at
) OR NOT EXISTS (
    SELECT FROM heartguard_core.users WHERE id = :user_id AND active AND deleted_at IS NULL
)
"""
