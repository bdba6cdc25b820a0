"""Which operations can answer which error code: narrower than the catalogue of a whole service."""

from collections.abc import Mapping, Sequence

from heartguard_common.errors import ErrorRow
from heartguard_common.policy import ANYONE, SERVICES, UNLIMITED, Row
from heartguard_common.routing import AnyRoute

# Code of a service -> the operations that raise it. A code that doesn't stand here counts for all of its service.
RAISED_BY: Mapping[str, str] = {
    "AUTH_001": "auth.login",
    "AUTH_002": "auth.register auth.invite",
    "AUTH_003": "auth.refresh",
    "AUTH_004": "auth.register auth.password auth.password_reset",
    "AUTH_005": "auth.register auth.invite",
    "AUTH_006": "auth.register auth.invite",
    "AUTH_007": "auth.register",
    "AUTH_008": "auth.refresh",
    "AUTH_009": "auth.login auth.password",
    "AUTH_010": "auth.password",
    "AUTH_011": "auth.password_reset",
    "AUTH_030": "auth.change_membership auth.erase",
    "AUTH_031": "auth.change_membership",
    "AUTH_032": "auth.change_membership",
    "AUTH_040": "auth.invite",
    "ORG_001": "organization.read organization.update organization.delete organization.read_policies"
    " organization.update_policies organization.export organization.read_limits organization.read_limits_of"
    " organization.update_limits",
    "ORG_002": "organization.delete",
    "ORG_003": "organization.update_policies organization.update",
    "ORG_004": "organization.read_deletion",
    "ORG_005": "organization.update_limits",
    "USER_001": "user.read_self user.update_self user.read user.administer user.delete user.request_export",
    "USER_002": "user.administer user.delete user.erase",
    "USER_003": "user.read_deletion user.read_export",
    "USER_004": "user.administer",
    "MEDIA_001": "media.read media.delete media.download media.content media.receive media.complete media.cancel_upload"
    " media.export_content media.read_archive media.keep_archive media.upload media.upload_bytes",
    "MEDIA_002": "media.upload media.upload_bytes media.announce",
    "MEDIA_003": "media.upload",
    "MEDIA_004": "media.upload media.upload_bytes media.complete",
    "MEDIA_005": "media.content media.receive",
    "MEDIA_006": "media.upload media.upload_bytes media.receive media.keep_archive",
    "MEDIA_007": "media.content",
    "MEDIA_008": "media.upload_bytes",
    "MEDIA_009": "media.upload media.upload_bytes media.announce",
    "MEDIA_010": "media.upload media.upload_bytes media.announce",
    "MEDIA_011": "media.upload media.upload_bytes media.complete",
    "MEDIA_012": "media.complete",
    "MEDIA_013": "media.complete",
    "MEDIA_014": "media.receive",
    "MEDIA_015": "media.receive",
    "TS_001": "timeseries.write timeseries.query timeseries.latest timeseries.summary timeseries.delete_points"
    " timeseries.create_bucket timeseries.delete_bucket timeseries.list_fields timeseries.reset_field",
    "TS_002": "timeseries.create_bucket",
    "TS_003": "timeseries.delete_bucket",
    "TS_004": "timeseries.write",
    "TS_005": "timeseries.query timeseries.latest timeseries.summary timeseries.delete_points",
    "TS_006": "timeseries.query timeseries.latest timeseries.summary",
    "TS_007": "timeseries.query timeseries.latest timeseries.summary",
    "TS_008": "timeseries.delete_bucket timeseries.erase",
    "TS_009": "timeseries.reset_field",
    "TS_010": "timeseries.reset_field",
    "TS_034": "timeseries.write",
    "AUDIT_001": "audit.read",
    "AUDIT_002": "audit.verify",
}
# What limits of heartguard_common.limits refuse: until the next day, and until somebody makes room.
_LIMITED_FOR_NOW = (*("auth.register", "auth.invite", "user.request_export", "timeseries.write"),)
_LIMITED = (
    *("auth.register", "timeseries.write", "timeseries.create_bucket"),
    *("media.upload", "media.upload_bytes", "media.announce"),
)
# Each value that is named is set by itself, and what is shown beside it (what is used) changes all the time.
_UNCONDITIONAL = ("organization.update_limits",)
_NAMED_IN_BODY = ("auth.password_code",)  # GEN_404 for what a body names, where the path has no parameter
_PLAIN = ("health", "ready", "metrics")  # the same in every service, and none of its own business
_OF_ANY = ("GEN_400", "GEN_406", "GEN_422", "GEN_500", "GW_001", "GW_002", "GW_003", "GW_006", "GW_007", "GW_008")
_OF_A_BODY = ("GEN_413", "GEN_415", "GW_004", "GW_005", "GW_009", "GW_015")


def rows_of(row: Row, route: AnyRoute, catalogue: Mapping[str, Sequence[ErrorRow]]) -> list[ErrorRow]:
    """Every refusal an operation can give, by code. `catalogue`: rows by service, the shared ones under ''."""
    codes = {*_OF_ANY, *_shared(row, route), *_own(row, catalogue)}
    known = {entry.code: entry for name in ("", "gateway", *SERVICES) for entry in catalogue[name]}
    return [known[code] for code in sorted(codes)]


def _own(row: Row, catalogue: Mapping[str, Sequence[ErrorRow]]) -> set[str]:
    if row.upstream == "gateway" or row.path.rpartition("/")[2] in _PLAIN:
        return set()
    own = {entry.code for entry in catalogue[row.upstream]}
    return {code for code in own if code not in RAISED_BY or row.id in RAISED_BY[code].split()}


def _shared(row: Row, route: AnyRoute) -> set[str]:
    known = row.who != ANYONE or row.credentials == "optional"
    forwarded = row.upstream != "gateway"
    conditions: tuple[tuple[bool, tuple[str, ...]], ...] = (
        (route.takes is not None or route.body == "stream", _OF_A_BODY),
        (known, ("GEN_401", "GEN_402", "GEN_503", "GW_020")),
        (row.who != ANYONE, ("GEN_403",)),
        (row.limit != UNLIMITED, ("GEN_429",)),
        ("{" in row.path or row.id in _NAMED_IN_BODY, ("GEN_404",)),
        (if_match(row, route), ("GEN_412",)),
        (route.idempotent, ("GEN_423", "GEN_432")),
        (row.id in _LIMITED_FOR_NOW, ("GEN_432",)),
        (row.id in _LIMITED, ("GEN_433",)),
        (bool(route.expensive), ("GEN_520",)),
        (route.seconds is not None, ("GEN_521",)),
        (forwarded, ("GEN_502", "GEN_503", "GW_010", "GW_011", "GW_012", "GW_016")),
        (row.audited, ("GW_013",)),
        (not row.path.startswith("/gateway/"), ("GW_014",)),
    )
    return {code for holds, codes in conditions if holds for code in codes}


def if_match(row: Row, route: AnyRoute) -> bool:
    """Whether the operation changes a document under the condition of its entity tag (RFC 9110 section 13.1.1)."""
    changes = row.method in ("PUT", "PATCH") and route.gives is not None and route.body != "stream"
    return changes and row.id not in _UNCONDITIONAL
