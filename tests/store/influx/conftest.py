"""The use cases of the time-series service on PostgresStore, without HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from heartguard_common.database import Database as Pool
from heartguard_common.identity import Principal
from heartguard_influx.store import PostgresBuckets, PostgresFieldTypes, PostgresStore
from heartguard_influx.usecases import Querying, Writing
from tests.clocks import MovableClock
from tests.people import found
from tests.servers import Database

_names = count(1)


@dataclass(frozen=True)
class Rooms:
    """An organization's admin at the doors of the use cases; `bucket()` makes a new empty bucket."""

    org_id: int
    buckets: PostgresBuckets
    writing: Writing
    querying: Querying

    def bucket(self) -> str:
        name = f"org_{self.org_id}_{next(_names)}"
        assert self.buckets.create(self.org_id, name, None)
        return name

    def write(self, bucket: str, points: list[dict[str, Any]]) -> list[str]:
        admin = Principal("person", "admin", user_id=1, org_id=self.org_id)
        return [verdict.status for verdict in self.writing.write(admin, bucket, points, atomic=False)]

    def query(self, bucket: str, **members: Any) -> Any:
        admin = Principal("person", "admin", user_id=1, org_id=self.org_id)
        after = members.pop("after", None)
        return self.querying.query(admin, {"bucket": bucket, "measurement": "heart_rate", **members}, after)


@pytest.fixture(scope="module")
def rooms(module_database: Database) -> Iterator[Rooms]:
    pool = Pool(module_database.url_for("influx"))
    buckets, types, store = PostgresBuckets(pool), PostgresFieldTypes(pool), PostgresStore(pool)
    yield Rooms(
        found(module_database),
        buckets,
        Writing(pool.transaction, buckets, types, store, MovableClock()),
        Querying(pool.transaction, buckets, types, store),
    )
    pool.close()
