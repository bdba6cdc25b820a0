"""Notification policies in PostgreSQL."""

import json
from collections.abc import Sequence

from heartguard_alarm.domain.policies import Policy
from heartguard_alarm.store.columns import nanoseconds
from heartguard_common.core.clock import rfc3339
from heartguard_common.stores.database import Database, Row, Statement, prepared, text

_COLUMNS = f"""
p.org_id, p.id, p.settings || jsonb_build_object('default', p.is_default) AS settings,
{nanoseconds("p.created_at")} AS created_ns, {nanoseconds("p.changed_at")} AS changed_ns
"""
_FIND = f"SELECT {_COLUMNS} FROM heartguard_core.alarm_policies AS p WHERE p.org_id = :org_id AND p.id = :id"  # noqa: S608
_DEFAULT = prepared(
    f"SELECT {_COLUMNS} FROM heartguard_core.alarm_policies AS p WHERE p.org_id = :org_id AND p.is_default",  # noqa: S608
    org_id="integer",
)
_LIST = f"""
SELECT {_COLUMNS} FROM heartguard_core.alarm_policies AS p
WHERE p.org_id = :org_id AND (cast(:after AS uuid) IS NULL OR p.id > cast(:after AS uuid)) ORDER BY p.id LIMIT :limit
"""  # noqa: S608
_COUNT = "SELECT count(*) AS policies FROM heartguard_core.alarm_policies WHERE org_id = :org_id"
_NO_DEFAULT = """
UPDATE heartguard_core.alarm_policies SET is_default = false, changed_at = cast(:changed AS timestamptz)
WHERE org_id = :org_id AND is_default AND id <> :id
"""
_STORE = """
INSERT INTO heartguard_core.alarm_policies (org_id, id, is_default, settings, created_at, changed_at)
VALUES (:org_id, :id, :is_default, cast(:settings AS jsonb), cast(:created AS timestamptz),
    cast(:changed AS timestamptz))
ON CONFLICT (org_id, id) DO UPDATE SET is_default = excluded.is_default, settings = excluded.settings,
    changed_at = excluded.changed_at
"""
_USING = """
SELECT EXISTS (SELECT FROM heartguard_core.alarm_policies AS p, jsonb_array_elements(p.settings -> 'steps') AS step
    WHERE p.org_id = :org_id AND step -> 'channels' ? :channel_id) AS found
"""
_USED = """
SELECT EXISTS (
    SELECT FROM heartguard_core.alarm_rules AS r
    JOIN LATERAL (SELECT v.settings FROM heartguard_core.alarm_rule_versions AS v
        WHERE v.org_id = r.org_id AND v.rule_id = r.id ORDER BY v.version DESC LIMIT 1) AS newest ON true
    WHERE r.org_id = :org_id AND r.deleted_ns IS NULL AND newest.settings ->> 'policy_id' = :id) AS found
"""
_DELETE = "DELETE FROM heartguard_core.alarm_policies WHERE org_id = :org_id AND id = :id"
_CHANNELS_OF = "SELECT id FROM heartguard_core.alarm_channels WHERE org_id = :org_id AND user_id = :person"
_LOCK = "SELECT id FROM heartguard_core.alarm_policies WHERE org_id = :org_id ORDER BY id FOR UPDATE"
_ERASE = "DELETE FROM heartguard_core.alarm_policies WHERE org_id = :org_id"


class PostgresPolicies:
    """The table `alarm_policies`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, org_id: int, policy_id: str, *, lock: bool = False) -> Policy | None:
        """A policy. `lock`: nobody else changes it until the transaction ends."""
        return self._one(text(f"{_FIND} FOR UPDATE OF p" if lock else _FIND), org_id=org_id, id=policy_id)

    def applying(self, org_id: int, policy_id: str | None) -> Policy | None:
        """The policy of a rule that names this one, or with None the default policy, if there is one."""
        if policy_id is None:
            return self._one(_DEFAULT, org_id=org_id)
        return self.find(org_id, policy_id)

    def list(self, org_id: int, after: str | None, limit: int) -> Sequence[Policy]:
        """Up to `limit` policies with an id above `after`, by id."""
        values = {"org_id": org_id, "after": after, "limit": limit}
        with self._database.transaction() as connection:
            return [_policy(row) for row in connection.execute(text(_LIST), values)]

    def count(self, org_id: int) -> int:
        """How many policies an organization has."""
        return int(self._database.one(text(_COUNT), {"org_id": org_id}).policies)

    def store(self, policy: Policy) -> None:
        """Store a new policy, or the new settings of one. If it is the default, the former default is none any more."""
        values = {
            "org_id": policy.org_id,
            "id": policy.id,
            "is_default": policy.is_default,
            "settings": json.dumps({name: it for name, it in policy.settings.items() if name != "default"}),
            "created": rfc3339(policy.created_ns),
            "changed": rfc3339(policy.changed_ns),
        }
        with self._database.transaction() as connection:
            if policy.is_default:
                connection.execute(text(_NO_DEFAULT), values)
            connection.execute(text(_STORE), values)

    def using(self, org_id: int, channel_id: str) -> bool:
        """Whether a policy has a step with this channel."""
        return bool(self._database.one(text(_USING), {"org_id": org_id, "channel_id": channel_id}).found)

    def used(self, policy: Policy) -> bool:
        """Whether a rule names the policy."""
        return bool(self._database.one(text(_USED), {"org_id": policy.org_id, "id": policy.id}).found)

    def delete(self, policy: Policy) -> None:
        """Remove a policy."""
        with self._database.transaction() as connection:
            connection.execute(text(_DELETE), {"org_id": policy.org_id, "id": policy.id})

    def forget_channels(self, org_id: int, person: int) -> None:
        """Take the channels that lead to a person out of all steps; steps without any channel go too.

        The last step of a policy stays as it is: its channel is gone, and nothing is sent.
        """
        with self._database.transaction() as connection:
            gone = {str(it.id) for it in connection.execute(text(_CHANNELS_OF), {"org_id": org_id, "person": person})}
            ids = [str(it.id) for it in connection.execute(text(_LOCK), {"org_id": org_id})] if gone else ()
            for policy in filter(None, (self.find(org_id, it) for it in ids)):
                kept = [
                    {**it, "channels": [c for c in it["channels"] if c not in gone]} for it in policy.settings["steps"]
                ]
                steps = [it for it in kept if it["channels"]]
                if steps and steps != policy.settings["steps"]:
                    changed = {**policy.settings, "steps": steps}
                    self.store(Policy(org_id, policy.id, changed, policy.created_ns, policy.changed_ns))  # type: ignore[arg-type]

    def erase(self, org_id: int) -> int:
        """Remove the policies of an organization; returns how many."""
        with self._database.transaction() as connection:
            return connection.execute(text(_ERASE), {"org_id": org_id}).rowcount

    def _one(self, statement: Statement, **values: object) -> Policy | None:
        with self._database.transaction() as connection:
            row = connection.execute(statement, values).first()
        return None if row is None else _policy(row)


def _policy(row: Row) -> Policy:
    return Policy(row.org_id, str(row.id), row.settings, row.created_ns, row.changed_ns)
