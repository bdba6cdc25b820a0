"""What the use cases of the alarm service need from outside."""

from collections.abc import Sequence
from typing import Protocol

from heartguard_alarm.domain.rules import Rule, Version


class Rules(Protocol):
    """The store of rules."""

    def find(self, org_id: int, rule_id: str, *, lock: bool = False) -> Rule | None:
        """A rule, None for one that was deleted. `lock`: nobody else changes it until the transaction ends."""

    def list(self, org_id: int, after: str | None, limit: int) -> Sequence[Rule]:
        """Up to `limit` rules with an id above `after`, by id, which is the order in which they were made."""

    def count(self, org_id: int) -> int:
        """How many rules an organization has."""

    def made_from(self, org_id: int) -> frozenset[str]:
        """The default rules that the organization has."""

    def add(self, org_id: int, rule_id: str, first: Version, made_from: str | None = None) -> Rule:
        """Store a new rule."""

    def add_version(self, rule: Rule, version: Version) -> Rule:
        """Store a new version of a rule; returns the rule with it."""

    def delete(self, rule: Rule, time_ns: int) -> None:
        """Mark a rule as deleted."""

    def forget(self, org_id: int, user_id: int) -> int:
        """Remove a person from all versions of all rules; returns how many versions named them."""

    def erase(self, org_id: int) -> int:
        """Remove all rules of an organization, also deleted ones; returns how many."""
