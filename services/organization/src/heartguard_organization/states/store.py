"""The table `organization_states`, and its copy in Redis."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress

from heartguard_common.core.clock import from_datetime, parse_rfc3339, rfc3339
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.organization_state import bucket
from heartguard_common.identity.revocation_copy import RevocationCopy
from heartguard_common.stores.database import Database, Row, text
from heartguard_common.stores.redis_client import REDIS_ERRORS, RedisClient
from heartguard_organization.states.domain import PlanTerm, State

STATE_COLUMNS = "mode, mode_chosen, plan, plan_until, grace_days, plan_stage, levels, near"
_LOCK = text(f"""
INSERT INTO heartguard_core.organization_states (org_id) VALUES (:org_id)
ON CONFLICT (org_id) DO UPDATE SET org_id = excluded.org_id
RETURNING {STATE_COLUMNS}
""")  # noqa: S608
# What is copied is the mode and the header; the limit of requests changes with a plan.
_SAVE = text("""
UPDATE heartguard_core.organization_states SET mode = :mode, mode_chosen = :mode_chosen, plan = :plan,
    plan_until = cast(:plan_until AS timestamptz), grace_days = :grace_days, plan_stage = :plan_stage,
    levels = cast(:levels AS jsonb), near = :near,
    changed_at = CASE WHEN (mode, near, plan) IS DISTINCT FROM (:mode, :near, :plan) THEN now() ELSE changed_at END
WHERE org_id = :org_id
""")
_TOUCH = text("""
INSERT INTO heartguard_core.organization_states (org_id, changed_at) VALUES (:org_id, now())
ON CONFLICT (org_id) DO UPDATE SET changed_at = now()
""")
_ENDED = text("""
SELECT org_id FROM heartguard_core.organization_states
WHERE plan_until IS NOT NULL AND plan_stage <> 'ended' AND CASE plan_stage WHEN 'running' THEN plan_until
    ELSE plan_until + make_interval(days => grace_days) END <= cast(:now AS timestamptz)
ORDER BY plan_until LIMIT :limit
""")
_TO_CHECK = text("""
SELECT o.id FROM heartguard_core.organizations AS o
LEFT JOIN heartguard_core.organization_states AS s ON s.org_id = o.id
WHERE o.deleted_at IS NULL AND (s.usage_checked_at IS NULL OR s.usage_checked_at < cast(:before AS timestamptz))
ORDER BY s.usage_checked_at NULLS FIRST, o.id LIMIT :limit
""")
_CHECKED = text("""
INSERT INTO heartguard_core.organization_states (org_id, usage_checked_at) VALUES (:org_id, cast(:now AS timestamptz))
ON CONFLICT (org_id) DO UPDATE SET usage_checked_at = excluded.usage_checked_at
""")
_MINUTE_US = 60_000_000


class PostgresStates:
    """States in PostgreSQL; `copy` brings them to Redis."""

    def __init__(self, database: Database, redis: RedisClient, copy: RevocationCopy) -> None:
        self._database = database
        self._redis = redis
        self._copy = copy

    def lock(self, org_id: int) -> State:
        """The state, whose row is locked until the transaction ends."""
        row = self._database.one(_LOCK, {"org_id": org_id})
        return State(row.mode, row.mode_chosen, plan_term(row), row.levels, row.near)

    def save(self, org_id: int, state: State) -> None:
        """Store a state."""
        plan = state.plan
        values = {
            "org_id": org_id,
            "mode": state.mode,
            "mode_chosen": state.mode_chosen,
            "plan": plan.name if plan else None,
            "plan_until": rfc3339(plan.until) if plan and plan.until is not None else None,
            "grace_days": plan.grace_days if plan else 0,
            "plan_stage": plan.stage if plan else None,
            "levels": json.dumps(dict(state.levels)),
            "near": state.near,
        }
        self._database.run(_SAVE, values)

    def touch(self, org_id: int) -> None:
        """Note that the limit of requests changed, so that it is copied."""
        self._database.run(_TOUCH, {"org_id": org_id})

    def publish(self, org_id: int) -> None:
        """Bring the committed state to the copy, now or within a second."""
        with suppress(ServiceError):  # without PostgreSQL nothing can be copied; the next renewal does it
            self._copy.publish_state(org_id)

    def with_ended_plan(self, now: int, limit: int) -> Sequence[int]:
        """Up to `limit` organizations whose plan is at its end, or the grace after it, at `now` in nanoseconds."""
        rows = self._database.run(_ENDED, {"now": rfc3339(now), "limit": limit}).all()
        return [row.org_id for row in rows]

    def to_check(self, before: int, limit: int) -> Sequence[int]:
        """Up to `limit` organizations of which use was not looked at since `before`, longest ago first."""
        rows = self._database.run(_TO_CHECK, {"before": rfc3339(before), "limit": limit}).all()
        return [row.id for row in rows]

    def checked(self, org_id: int, now: int) -> None:
        """Note when use was looked at."""
        self._database.run(_CHECKED, {"org_id": org_id, "now": rfc3339(now)})

    def requests(self, org_id: int, share: int) -> int:
        """How many of the `share` requests of a minute the organization has used now; 0 without Redis."""
        try:
            full_at = self._redis.get(bucket(org_id))
        except REDIS_ERRORS:
            return 0
        missing_us = int(full_at or 0) - time.time_ns() // 1000
        return -(-max(0, missing_us) * share // _MINUTE_US)


def plan_term(row: Row) -> PlanTerm | None:
    """The plan of a row with the columns of a state."""
    if row.plan is None:
        return None
    until = None if row.plan_until is None else parse_rfc3339(from_datetime(row.plan_until))
    return PlanTerm(row.plan, until, row.grace_days, row.plan_stage)
