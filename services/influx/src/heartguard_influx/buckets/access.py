"""Which buckets, and whose points, a caller may use: the same rules for reading, writing and deleting."""

from collections.abc import Iterable, Mapping

from heartguard_common.audit.events import AuditTrail, disclosed
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_influx.buckets.domain import Bucket, belongs_to
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.errors import NO_BUCKET, NOT_YOURS
from heartguard_influx.series.domain import PERSON_TAG


def find_bucket(buckets: Buckets, principal: Principal, name: str) -> Bucket:
    """A bucket of the caller's organization. Raises TS_001 for any other, whether there is one or not.

    Also for one that the caller's API key may not be used with.
    """
    bucket = buckets.find(organization_of(principal), name) if may_name(principal, name) else None
    if bucket is None:
        raise ServiceError(NO_BUCKET)
    return bucket


def may_name(principal: Principal, bucket: str) -> bool:
    """Whether a bucket of this name can be one of the caller's organization, and the caller's API key permits it."""
    permitted = principal.api_key is None or principal.api_key.permits_bucket(bucket)
    return permitted and principal.org_id is not None and belongs_to(bucket, principal.org_id)


def organization_of(principal: Principal) -> int:
    """The id of the caller's organization. Raises TS_001 for a caller without one."""
    if principal.org_id is None:
        raise ServiceError(NO_BUCKET)
    return principal.org_id


def only_person(principal: Principal) -> int | None:
    """The id of the one person whose points the caller may write and read; None for admins and managers."""
    return principal.user_id if principal.role == "user" else None


def record_disclosure(
    audit: AuditTrail, reader: Principal, action: str, persons: Iterable[object], bucket: str
) -> None:
    """Record that `reader` has read points of `persons`: values of the tag `user_id`, None for points without it."""
    numbers = {str(person) for person in persons if person is not None}
    for number in sorted(int(it) for it in numbers if it.isascii() and it.isdigit()):
        disclosed(audit, reader, action, number, {"bucket": bucket})


def require_own(tags: Mapping[str, str] | None, person: int | None) -> None:
    """Raises TS_005 when `tags` name another person than the one that the caller is bound to."""
    if person is not None and (tags or {}).get(PERSON_TAG, str(person)) != str(person):
        raise ServiceError(NOT_YOURS)
