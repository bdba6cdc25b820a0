"""The policy as the gateway needs it: compiled once, so that a request costs two dictionary look-ups."""

from collections.abc import Mapping
from dataclasses import dataclass

from heartguard_common.identity.policy import VERSION, Policy, RouteRule, Segment
from heartguard_gateway.domain import Limit
from heartguard_gateway.settings import NAME

VERSION_PREFIX = "/" + "/".join(VERSION)
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Match:
    """What a path leads to: rules by method, the path's parameters, and its segments as services know them."""

    rules: Mapping[str, RouteRule]
    params: Mapping[str, str]
    segments: tuple[str, ...]

    @property
    def allow(self) -> str:
        """The value of an Allow header (RFC 9110 section 10.2.1)."""
        return ", ".join(sorted({*self.rules, "OPTIONS"}))

    @property
    def errors(self) -> str | None:
        """The dialect of errors that all rules of the path name, for a method that none of them has."""
        named = {rule.errors for rule in self.rules.values()}
        return next(iter(named)) if len(named) == 1 else None


_NO_PARAMS: Mapping[str, str] = {}


class Matcher:
    """Finds the rules of a path; the policy has made sure that one method has one rule at most."""

    def __init__(self, policy: Policy) -> None:
        self._fixed: dict[tuple[str, ...], dict[str, RouteRule]] = {}
        self._variable: dict[int, dict[tuple[Segment, ...], dict[str, RouteRule]]] = {}
        self.redact = policy.redact
        for rule in policy.rules:
            if any(segment.kind for segment in rule.segments):
                place = self._variable.setdefault(len(rule.segments), {}).setdefault(rule.segments, {})
            else:
                place = self._fixed.setdefault(tuple(segment.text for segment in rule.segments), {})
            place.update(dict.fromkeys(rule.methods, rule))

    def find(self, segments: tuple[str, ...]) -> Match | None:
        """The rules a path leads to, of all methods; None where no rule knows it.

        `/api/v1` before a path leads to the same rules, but to none that is not `versioned`. It counts once.
        """
        if segments[:2] != VERSION:
            return self._find(segments) or self._find_page(segments)
        match = self._find(segments[2:])
        if match is None or all(rule.versioned for rule in match.rules.values()):
            return match
        rules = {method: rule for method, rule in match.rules.items() if rule.versioned}
        return Match(rules, match.params, match.segments) if rules else None

    def _find_page(self, segments: tuple[str, ...]) -> Match | None:
        """A page of the gateway's own under its path with a slash behind it, as people type it; None for all others.

        A file, whose name has a dot, is no page.
        """
        if len(segments) < 2 or segments[-1] or "." in segments[-2]:
            return None
        rules = self._fixed.get(segments[:-1], {}) if segments[-2] else {}
        if not rules or any(rule.upstream != NAME or rule.versioned for rule in rules.values()):
            return None
        return Match(rules, _NO_PARAMS, segments[:-1])

    def _find(self, segments: tuple[str, ...]) -> Match | None:
        fixed = self._fixed.get(segments)
        rules: dict[str, RouteRule] = {}
        params: dict[str, str] = {}
        for pattern, candidates in self._variable.get(len(segments), {}).items():
            if all(map(Segment.matches, pattern, segments)):
                rules.update(candidates)
                params.update(
                    (segment.text, value)
                    for segment, value in zip(pattern, segments, strict=True)
                    if segment.kind is not None
                )
        if not rules:
            return Match(fixed, _NO_PARAMS, segments) if fixed else None
        return Match({**rules, **(fixed or {})}, params, segments)


def compile_limits(policy: Policy, count: int, seconds: int) -> Mapping[str, Limit]:
    """The buckets of the policy's classes, as multiples of `count` tokens in `seconds`; none is smaller than one."""
    limits = {}
    for name, multiple in policy.classes.items():
        tokens = count * multiple
        limits[name] = Limit(name, max(1, int(tokens)), max(1, round(seconds * _MICROSECONDS / tokens)))
    return limits
