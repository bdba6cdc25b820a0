"""The headers of answers, except those of the content."""

from collections.abc import Iterator
from typing import Any

from heartguard_common.http.routing import CSV, AnyRoute
from heartguard_common.identity.policy import SERVICE, UNLIMITED, RouteRule
from schemas.builder.refusals import of_members

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "X-Request-ID": ("The request's id, sent by the client or generated; log lines have it too.", _TEXT),
    "X-Gateway-Request-ID": ("The gateway's own id of this exchange.", _TEXT),
    "Vary": ("The request headers that the choice of the representation depends on.", _TEXT),
    "X-RateLimit-Limit": ("The capacity of the caller's token bucket, in requests.", _COUNT),
    "X-RateLimit-Remaining": ("How many requests are left in it.", _COUNT),
    "X-RateLimit-Reset": ("Seconds until it is full again.", _COUNT),
    "HeartGuard-Limit-Warning": (
        "Limits of which the organization has used 80 percent or more (RFC 9651), such as `stored_points;used=83`.",
        _TEXT,
    ),
    "Retry-After": ("Seconds to wait before the next attempt (RFC 9110 section 10.2.3).", _COUNT),
    "WWW-Authenticate": ("How to authenticate (RFC 9110 section 11.6.1).", _TEXT),
    "ETag": ("The entity tag of the representation, for If-Match and If-None-Match.", _TEXT),
    "Location": ("The URL of the created resource.", _TEXT),
    "Cache-Control": ("How the answer may be cached.", _TEXT),
    "Content-Disposition": ("The name under which a browser should save the file.", _TEXT),
    "X-Next-Cursor": ("The cursor of the next page of a file of points; missing on the last page.", _TEXT),
    "Accept-Ranges": ("Says that ranges of bytes may be requested.", _TEXT),
    "Content-Range": ("The range of these bytes (RFC 9110 section 14.4).", _TEXT),
    "Deprecation": ("Since when the operation is deprecated (RFC 9745).", _TEXT),
    "Sunset": ("When the operation ends (RFC 8594).", _TEXT),
    "X-Influxdb-Version": ("The release of InfluxDB whose write API is compatible with this one.", _TEXT),
    "Set-Cookie": ("The refresh token as a cookie, if requested by `cookie=1`.", _TEXT),
}
# One component for each header; it is `required` where every such answer has it, so that tests can check it.
_ALWAYS = ("X-Request-ID", "X-Gateway-Request-ID", "Vary")
_OF_GATEWAY = "X-Gateway-Request-ID"
_QUOTA = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_WARNING = "HeartGuard-Limit-Warning"
# Headers that a route declares, but that are not in every successful answer.
_SOMETIMES = ("Set-Cookie", "X-Next-Cursor")


def components() -> dict[str, Any]:
    """The header components: `<name>` is always present, `<name>.sometimes` may be missing."""
    made: dict[str, Any] = {}
    for name, (text, schema) in _HEADERS.items():
        made[name] = {"description": text, "required": True, "schema": schema}
        made[f"{name}.sometimes"] = {"description": text, "required": False, "schema": schema}
    return made


def _those(names: Iterator[str] | tuple[str, ...], suffix: str = "") -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}{suffix}"} for name in names}


def of_success(rule: RouteRule, route: AnyRoute, status: int) -> dict[str, Any]:
    """The headers of a successful answer, 206 included."""
    quota = rule.limit not in (UNLIMITED, "address")
    made = _those(_ALWAYS) | _those(_QUOTA, "" if quota else ".sometimes")
    if of_members(rule):
        made |= _those((_WARNING,), ".sometimes")
    if direct(rule):
        made |= _those((_OF_GATEWAY, *_QUOTA), ".sometimes")
    if CSV in route.offers:
        made |= _those(("Content-Disposition",), ".sometimes")
    for name in route.headers:
        made |= _those((name,), ".sometimes" if name in _SOMETIMES else "")
    if status == 206:
        made |= _those(("Content-Range",))
    if rule.deprecation is not None:
        made |= _those(("Deprecation",))
        made |= _those(("Sunset",)) if rule.deprecation.sunset else {}
    return made | _those(("Cache-Control",), ".sometimes")


def of_refusal(status: int, *, of_service: bool = False) -> dict[str, Any]:
    """The headers of an error; `of_service` for requests at a service's own port."""
    made = _those(_ALWAYS) | _those(_QUOTA, ".sometimes")
    if of_service:
        made |= _those((_OF_GATEWAY,), ".sometimes")
    if status == 401:
        made |= _those(("WWW-Authenticate",))
    if status == 429:
        made |= _those(("Retry-After",))
    if status == 503:
        made |= _those(("Retry-After",), ".sometimes")
    if status == 416:
        made |= _those(("Content-Range",))
    return made


def direct(rule: RouteRule) -> bool:
    """Whether only services may call the route, which they do without the gateway."""
    return not isinstance(rule.who, str) and set(rule.who) == {SERVICE}
