"""The endpoints that list and create buckets."""

from typing import Protocol

from heartguard_common import messages
from heartguard_common.core.errors import LIMIT_REACHED
from heartguard_common.http import paging
from heartguard_common.http.routing import Answer, Call, NoQuery, Route
from heartguard_common.messages import BucketList, BucketListQuery, BucketRequest
from heartguard_influx.buckets.domain import Bucket
from heartguard_influx.buckets.usecases import BucketAdministration
from heartguard_influx.errors import BUCKET_EXISTS, NO_BUCKET


class UseCases(Protocol):
    """What the handlers call."""

    @property
    def buckets(self) -> BucketAdministration:
        """Lists and creates buckets."""


def list_buckets(usecases: UseCases, call: Call[None, BucketListQuery]) -> Answer[BucketList]:
    """List the buckets of the organization."""
    limit = call.query.get("limit", paging.DEFAULT_LIMIT)
    after = paging.decode_cursor(call.query.get("cursor"), str) or [""]
    found = usecases.buckets.list(call.person, after[0], limit + 1)
    page = paging.page(found, limit, _document, lambda bucket: [bucket.name])
    return Answer({"items": page.items, "next_cursor": page.next_cursor})


def create_bucket(usecases: UseCases, call: Call[BucketRequest, NoQuery]) -> Answer[messages.Bucket]:
    """Create a bucket.

    Its name begins with `org_<number of the organization>_`. The bucket `org_<number>` exists already.
    """
    wanted = call.document
    return Answer(_document(usecases.buckets.create(call.person, wanted["bucket"], wanted.get("retention_days"))))


def _document(found: Bucket) -> messages.Bucket:
    """The message Bucket."""
    return {"bucket": found.name, "retention_days": found.retention_days, "created_at": found.created_at}


ROUTES = (
    Route("GET", "/timeseries/buckets", list_buckets),
    Route(
        "POST",
        "/timeseries/buckets",
        create_bucket,
        status=201,
        idempotent=True,
        raises=(NO_BUCKET, BUCKET_EXISTS, LIMIT_REACHED),
    ),
)
