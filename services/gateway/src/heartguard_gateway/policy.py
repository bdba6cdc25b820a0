"""The policy as the gateway needs it: compiled once, so that a request costs two dictionary look-ups."""

from collections.abc import Mapping
from dataclasses import dataclass

from heartguard_common.identity.policy import VERSION, Policy, RouteRule, Segment
from heartguard_gateway.domain import Limit

VERSION_PREFIX = "/" + "/".join(VERSION)
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Match:
    """What a path leads to: rows by method, the path's parameters, and its segments as services know them."""

    rows: Mapping[str, RouteRule]
    params: Mapping[str, str]
    segments: tuple[str, ...]

    @property
    def allow(self) -> str:
        """The value of an Allow header (RFC 9110 section 10.2.1)."""
        return ", ".join(sorted({*self.rows, "OPTIONS"}))

    @property
    def errors(self) -> str | None:
        """The dialect of errors that all rows of the path name, for a method that none of them has."""
        named = {row.errors for row in self.rows.values()}
        return next(iter(named)) if len(named) == 1 else None


_NO_PARAMS: Mapping[str, str] = {}


class Matcher:
    """Finds the rows of a path; the policy has made sure that one method has one row at most."""

    def __init__(self, policy: Policy) -> None:
        self._fixed: dict[tuple[str, ...], dict[str, RouteRule]] = {}
        self._variable: dict[int, dict[tuple[Segment, ...], dict[str, RouteRule]]] = {}
        self.redact = policy.redact
        for row in policy.rows:
            if any(segment.kind for segment in row.segments):
                place = self._variable.setdefault(len(row.segments), {}).setdefault(row.segments, {})
            else:
                place = self._fixed.setdefault(tuple(segment.text for segment in row.segments), {})
            place.update(dict.fromkeys(row.methods, row))

    def find(self, segments: tuple[str, ...]) -> Match | None:
        """The rows a path leads to, of all methods; None where no row knows it.

        `/api/v1` before a path leads to the same rows, but to none that is not `versioned`. It counts once.
        """
        if segments[:2] != VERSION:
            return self._find(segments)
        match = self._find(segments[2:])
        if match is None or all(row.versioned for row in match.rows.values()):
            return match
        rows = {method: row for method, row in match.rows.items() if row.versioned}
        return Match(rows, match.params, match.segments) if rows else None

    def _find(self, segments: tuple[str, ...]) -> Match | None:
        fixed = self._fixed.get(segments)
        rows: dict[str, RouteRule] = {}
        params: dict[str, str] = {}
        for pattern, candidates in self._variable.get(len(segments), {}).items():
            if all(map(Segment.matches, pattern, segments)):
                rows.update(candidates)
                params.update(
                    (segment.text, value)
                    for segment, value in zip(pattern, segments, strict=True)
                    if segment.kind is not None
                )
        if not rows:
            return Match(fixed, _NO_PARAMS, segments) if fixed else None
        return Match({**rows, **(fixed or {})}, params, segments)


def compile_limits(policy: Policy, count: int, seconds: int) -> Mapping[str, Limit]:
    """The buckets of the policy's classes, as multiples of `count` tokens in `seconds`; none is smaller than one."""
    limits = {}
    for name, multiple in policy.classes.items():
        tokens = count * multiple
        limits[name] = Limit(name, max(1, int(tokens)), max(1, round(seconds * _MICROSECONDS / tokens)))
    return limits
