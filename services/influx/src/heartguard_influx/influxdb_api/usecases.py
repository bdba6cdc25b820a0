"""Buckets and organizations by the names and ids that clients of InfluxDB use."""

from collections.abc import Sequence

from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_influx.buckets.access import find_bucket, only_person, organization_of
from heartguard_influx.buckets.domain import Bucket, Organization, own_name
from heartguard_influx.buckets.ports import Buckets
from heartguard_influx.buckets.usecases import BucketAdministration
from heartguard_influx.errors import NO_BUCKET, NO_ORGANIZATION
from heartguard_influx.influxdb_api import domain

_AT_ONCE = 500


class InfluxNames:
    """Finds buckets and the organization by what clients of InfluxDB call them."""

    def __init__(self, buckets: Buckets, administration: BucketAdministration) -> None:
        self._buckets = buckets
        self._administration = administration

    def require_organization(self, principal: Principal, *given: str | None) -> Organization:
        """The caller's organization. Raises TS_021 where one of the names or ids `given` is not its own.

        An empty text is none given, as clients send it that have no organization configured. Raises TS_001 for an
        organization that was deleted.
        """
        organization = self._buckets.organization(organization_of(principal))
        if organization is None:
            raise ServiceError(NO_BUCKET)
        if not all(domain.names(organization, text) for text in given if text):
            raise ServiceError(NO_ORGANIZATION)
        return organization

    def bucket(self, principal: Principal, reference: str) -> Bucket:
        """The caller's bucket of that name or id. Raises TS_001."""
        return find_bucket(self._buckets, principal, self._name(organization_of(principal), reference))

    def list(self, principal: Principal, *references: str | None) -> Sequence[Bucket]:
        """The buckets that the caller may see, by name: the one of the names and ids in `references`, or all.

        A member with the role user sees the organization's own bucket and those that they name, as they may write to
        each.
        """
        named = [reference for reference in references if reference]
        if not named and only_person(principal) is None:
            return self._all(principal)
        try:
            found = [self.bucket(principal, it) for it in named or [own_name(organization_of(principal))]]
        except ServiceError as error:
            if error.error_code is NO_BUCKET:
                return []
            raise
        return found[:1] if len({bucket.name for bucket in found}) == 1 else []

    def _all(self, principal: Principal) -> Sequence[Bucket]:
        found: list[Bucket] = []
        while page := self._administration.list(principal, found[-1].name if found else "", _AT_ONCE):
            found += page
        return found

    def _name(self, org_id: int, reference: str) -> str:
        """The name of the bucket with that id; a text that is no id is a name."""
        number = domain.read_id(reference)
        if number is None:
            return reference
        if domain.is_own_bucket(number, org_id):
            return own_name(org_id)
        # beyond that the database has no number
        found = self._buckets.name_of(org_id, number) if number < 2**63 else None
        if found is None:
            raise ServiceError(NO_BUCKET)
        return found
