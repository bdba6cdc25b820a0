"""Modes of organizations: what their members may use, which each rule of the policy says in its key `modes`.

The operator, services, and callers without credentials belong to no organization, so no mode restricts them.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import get_args

from heartguard_common.core.errors import READ_ONLY, SUSPENDED, ServiceError
from heartguard_common.messages import Mode

ACTIVE: Mode = "active"
NAMES: tuple[Mode, ...] = get_args(Mode)
RESTRICTED = frozenset(NAMES) - {ACTIVE}
_OPEN_BY_METHOD: Mapping[str, frozenset[str]] = {
    "GET": frozenset({"read_only", "demo"}),
    "DELETE": frozenset({"read_only"}),
}


def require_open(modes: Collection[str], mode: Mode, *, by_key: bool) -> None:
    """Return if a rule that names `modes` may be used by a member of an organization in `mode`.

    In a demo the visitors, who have tokens, are restricted; API keys, which no visitor can create, are not: one of them
    writes the points that are shown. Raises GEN_403_READONLY, GEN_403_SUSPENDED.
    """
    if mode == ACTIVE or mode in modes or (mode == "demo" and by_key):
        return
    if mode == "suspended":
        raise ServiceError(SUSPENDED)
    raise ServiceError(READ_ONLY, "This is a demo, which can only be read" if mode == "demo" else None)


def problems(entry: Mapping[str, object]) -> Iterator[str]:
    """What is wrong with the key `modes` of a rule."""
    modes = entry.get("modes", [])
    if not isinstance(modes, list) or len(set(modes)) != len(modes) or not set(modes) <= RESTRICTED:
        yield f"modes must be a list of different modes, each one of {', '.join(sorted(RESTRICTED))}"


def read(entry: Mapping[str, object]) -> frozenset[str]:
    """The modes in which a rule may be used, besides active ones: those it names, or those of its method."""
    named = entry.get("modes")
    if isinstance(named, list):
        return frozenset(named)
    return _OPEN_BY_METHOD.get(str(entry["method"]), frozenset())
