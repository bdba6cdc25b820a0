"""The use cases of the time-series service without HTTP, on each store: one suite for all.

PostgresStore, InfluxStore before the model of InfluxDB, and InfluxStore before real ones: an InfluxDB 2 where
HEARTGUARD_TEST_INFLUX_URL, HEARTGUARD_TEST_INFLUX_TOKEN and HEARTGUARD_TEST_INFLUX_ORG name it, and the InfluxDB 1.13
whose program HEARTGUARD_TEST_INFLUXD names (tests/influxdb1).
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from heartguard_common.core.transactions import Transaction
from heartguard_common.identity.authentication import Principal
from heartguard_common.stores.database import Database as Pool
from heartguard_influx.ports import TimeSeriesStore
from heartguard_influx.store.influxdb import InfluxBuckets, InfluxStore, Server
from heartguard_influx.store.postgres import PostgresBuckets, PostgresFieldTypes, PostgresStore
from heartguard_influx.usecases import Stores, UseCases
from tests.clocks import MovableClock
from tests.fakes.authority import KnownPeople
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.influxdb1.server import InfluxDB1
from tests.people import found
from tests.servers import Database

REAL = tuple(os.environ.get(f"HEARTGUARD_TEST_INFLUX_{name}", "") for name in ("URL", "TOKEN", "ORG"))
INFLUXD = os.environ.get("HEARTGUARD_TEST_INFLUXD", "")
STORES = (
    "postgres",
    "influx-model",
    *(["influx-real"] if all(REAL) else []),
    *(["influx-1.13"] if INFLUXD else []),
)

_names = count(1)


@dataclass(frozen=True)
class Services:
    """The use cases as an organization's admin calls them; `bucket()` creates an empty bucket.

    `created` is the status of a point that is new.
    """

    org_id: int
    buckets: PostgresBuckets
    stores: Stores
    usecases: UseCases
    store: TimeSeriesStore
    created: str
    pool: Pool
    run: str = field(default_factory=lambda: secrets.token_hex(4))

    def bucket(self, retention_days: int | None = None) -> str:
        name = f"org_{self.org_id}_{self.run}_{next(_names)}"
        assert self.buckets.create(self.org_id, name, retention_days)
        return name

    def bucket_id(self, name: str) -> int:
        bucket = self.buckets.find(self.org_id, name)
        assert bucket is not None
        assert bucket.id is not None
        return bucket.id

    def verdicts(self, bucket: str, points: list[dict[str, Any]], *, atomic: bool = False) -> Any:
        admin = Principal("person", "admin", user_id=1, org_id=self.org_id)
        return self.usecases.writing.write(admin, bucket, points, atomic=atomic)

    def write(self, bucket: str, points: list[dict[str, Any]]) -> list[str]:
        return [verdict.status for verdict in self.verdicts(bucket, points)]

    def query(self, bucket: str, **members: Any) -> Any:
        admin = Principal("person", "admin", user_id=1, org_id=self.org_id)
        after = members.pop("after", None)
        return self.usecases.querying.query(admin, {"bucket": bucket, "measurement": "heart_rate", **members}, after)

    def clear(self) -> None:
        """Remove what the tests left in a server that stays."""
        for bucket_id in self.buckets.ids(self.org_id):
            self.store.erase([bucket_id], None)
            self.buckets.remove(bucket_id)


class Silent:
    """An audit trail that records nothing."""

    def changed(self, *_, **__):
        return None


@pytest.fixture(scope="module", params=STORES)
def services(request: pytest.FixtureRequest, module_database: Database) -> Iterator[Services]:
    pool = Pool(module_database.url_for("influx"))
    with _stores(request.param, pool, request) as (buckets, store, transaction):
        stores = Stores(
            buckets,
            PostgresFieldTypes(pool),
            store,
            transaction,
            Silent(),
            MovableClock(),
            KnownPeople(),
            pool.transaction,
        )
        services = Services(
            found(module_database),
            buckets,
            stores,
            UseCases.over(stores),
            store,
            "created" if request.param == "postgres" else "stored",
            pool,
        )
        yield services
        services.clear()
    pool.close()


@contextmanager
def _stores(
    kind: str, pool: Pool, request: pytest.FixtureRequest
) -> Iterator[tuple[PostgresBuckets, TimeSeriesStore, Transaction]]:
    if kind == "postgres":
        yield PostgresBuckets(pool), PostgresStore(pool), pool.transaction
    elif kind == "influx-real":
        yield from _influx(pool, *REAL)
    elif kind == "influx-1.13":
        directory = request.getfixturevalue("tmp_path_factory").mktemp("influxd")
        with InfluxDB1(Path(INFLUXD), directory) as server:
            yield from _influx(pool, server.url, TOKEN, ORG)
    else:
        with ModelInfluxDB(MovableClock().now_ns()) as model:
            yield from _influx(pool, model.url, TOKEN, ORG)


def _influx(pool: Pool, *where: str) -> Iterator[tuple[PostgresBuckets, TimeSeriesStore, Transaction]]:
    server = Server(*where)
    yield InfluxBuckets(pool, server), InfluxStore(pool, server), nullcontext
    server.close()
