"""Which rules of the policy API keys may reach: the key `keys` of a rule, and the table of groups, `[scopes]`."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

from heartguard_common.core.errors import FORBIDDEN, ServiceError
from heartguard_common.identity.api_key import DEVICE, INTEGRATION, ApiKey

KINDS = frozenset({DEVICE, INTEGRATION})
_NAME = re.compile(r"[a-z]+\.[a-z_]+|[a-z_]+", re.ASCII)


class Reachable(Protocol):
    """A rule, as far as it is about API keys."""

    @property
    def keys(self) -> frozenset[str]:
        """The kinds of keys that may call the route."""

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that give the rule to an integration key."""


def require_reachable(rule: Reachable, key: ApiKey, scope: str | None) -> None:
    """Return if an API key may call a route that gives its role the `scope`. Raises GEN_403.

    An integration key stands for the organization, so it has no rights that a person has for their own data only.
    """
    granted = key.kind == DEVICE or (scope != "self" and not rule.scopes.isdisjoint(key.scopes))
    if key.kind not in rule.keys or scope is None or not granted:
        raise ServiceError(FORBIDDEN, "This API key may not do that")


def kind_problems(entry: Mapping[str, object]) -> Iterator[str]:
    """What is wrong with the key `keys` of a rule."""
    kinds = entry.get("keys", ())
    if "keys" in entry and (not isinstance(kinds, list) or not kinds or not set(kinds) <= KINDS):
        yield f"keys must be a list of {' or '.join(sorted(KINDS))}"
    elif kinds and not isinstance(entry["who"], dict):
        yield "keys: only a route with roles can be reached by API keys"


def problems(groups: Any, rules: Mapping[str, Collection[str]]) -> Iterator[str]:
    """What is wrong with the groups; `rules` are the kinds of keys for each rule's id."""
    if not isinstance(groups, dict):
        yield "scopes must be a table"
        return
    for name, ids in groups.items():
        if not _NAME.fullmatch(name) or name in rules:
            yield f"scopes: {name} must be a name that no rule has"
        if not isinstance(ids, list) or not ids:
            yield f"scopes: {name} must be a list of rules"
            continue
        yield from (
            f"scopes: {name} names {rule_id}, which no integration key may reach"
            for rule_id in ids
            if INTEGRATION not in rules.get(rule_id, ())
        )


def of(rule_id: str, kinds: Collection[str], groups: Mapping[str, Collection[str]]) -> frozenset[str]:
    """The scopes that give a rule to an integration key: its id, and the names of its groups."""
    if INTEGRATION not in kinds:
        return frozenset()
    return frozenset({rule_id, *(name for name, ids in groups.items() if rule_id in ids)})
