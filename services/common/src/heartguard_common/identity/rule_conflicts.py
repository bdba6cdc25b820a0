"""Rules of the policy that exclude each other."""

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heartguard_common.identity.policy import RouteRule, Segment


def problems(rules: "Sequence[RouteRule]") -> Iterator[str]:
    """Each id that stands twice, and each pair of rules that can match one request."""
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            yield f"{rule.id} stands twice"
        seen.add(rule.id)
    for one, other in itertools.combinations(rules, 2):
        if one.method == other.method and _overlap(one.segments, other.segments):
            yield f"{one.id} and {other.id} can match one request"


def _overlap(one: "tuple[Segment, ...]", other: "tuple[Segment, ...]") -> bool:
    return len(one) == len(other) and all(map(_can_match_both, one, other))


def _can_match_both(one: "Segment", other: "Segment") -> bool:
    if one.kind is None:
        return other.matches(one.text)
    if other.kind is None:
        return one.matches(other.text)
    return one.kind == other.kind or "text" in (one.kind, other.kind)
