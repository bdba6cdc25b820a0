"""The errors that an operation can return: those of its kind, of its route, and of its whole service."""

from collections.abc import Collection, Mapping, Sequence

from heartguard_common.core.errors import ErrorCode
from heartguard_common.http.routing import AnyRoute
from heartguard_common.identity.authentication import ROLES
from heartguard_common.identity.policy import ANYONE, SERVICES, UNLIMITED, RouteRule

_PLAIN = ("health", "ready", "metrics")  # the same in every service, without errors of the service's own
_OF_ANY = ("GEN_400", "GEN_406", "GEN_422", "GEN_500", "GW_001", "GW_002", "GW_003", "GW_006", "GW_007", "GW_008")
_OF_A_BODY = ("GEN_413", "GEN_415", "GW_004", "GW_005", "GW_009", "GW_015")


def codes_of(
    rule: RouteRule, route: AnyRoute, catalogue: Mapping[str, Sequence[ErrorCode]], named: Collection[str]
) -> list[ErrorCode]:
    """All errors that an operation can return, sorted by code.

    `catalogue` has the error codes by service, the shared ones under ''. `named` are the codes that routes declare; all
    routes of a service can return its other codes.
    """
    codes = {*_OF_ANY, *_shared(rule, route), *(entry.code for entry in route.raises)}
    if rule.upstream != "gateway" and rule.path.rpartition("/")[2] not in _PLAIN:
        codes |= {entry.code for entry in catalogue[rule.upstream]} - set(named)
    known = {entry.code: entry for name in ("", "gateway", *SERVICES) for entry in catalogue[name]}
    return [known[code] for code in sorted(codes)]


def _shared(rule: RouteRule, route: AnyRoute) -> set[str]:
    known = rule.who != ANYONE or rule.credentials == "optional"
    forwarded = rule.upstream != "gateway"
    conditions: tuple[tuple[bool, tuple[str, ...]], ...] = (
        (route.takes is not None or route.body == "stream", _OF_A_BODY),
        (known, ("GEN_401", "GEN_401_TOKEN", "GEN_503", "GW_020")),
        (rule.who != ANYONE, ("GEN_403",)),
        (of_members(rule) and not {"read_only", "demo"} <= rule.modes, ("GEN_403_READONLY",)),
        (of_members(rule) and "suspended" not in rule.modes, ("GEN_403_SUSPENDED",)),
        (rule.limit != UNLIMITED, ("GEN_429",)),
        ("{" in rule.path, ("GEN_404",)),
        (if_match(route), ("GEN_412",)),
        (route.idempotent, ("GEN_422_KEY", "GEN_429_LIMIT")),
        (bool(route.expensive), ("GEN_503_BUSY",)),
        (route.seconds is not None, ("GEN_422_TIME",)),
        (forwarded, ("GEN_502", "GEN_503", "GW_010", "GW_011", "GW_012", "GW_016")),
        (rule.audited, ("GW_013",)),
        (not rule.path.startswith(("/gateway/", "/health")), ("GW_014",)),
    )
    return {code for holds, codes in conditions if holds for code in codes}


def of_members(rule: RouteRule) -> bool:
    """Whether members of an organization are known to the route, so that its mode and limits concern it."""
    if isinstance(rule.who, str):
        return rule.credentials == "optional"
    return any(role in rule.who for role in ROLES)


def if_match(route: AnyRoute) -> bool:
    """Whether the operation evaluates If-Match (RFC 9110 section 13.1.1)."""
    return route.method in ("PUT", "PATCH") and "ETag" in route.headers
