"""A database and an InfluxDB, as the time-series service uses them, for tests of backups."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from heartguard_cli.backup.settings import BackupSettings
from heartguard_common.stores.database import Database as Pool
from heartguard_influx.fields.domain import Field, Value
from heartguard_influx.offline import MARK
from heartguard_influx.points.domain.point import Point
from heartguard_influx.series.domain import Selection, Tags
from heartguard_influx.store.influxdb import InfluxBuckets, InfluxStore, Server
from heartguard_influx.store.influxdb.lines import EARLIEST_KEPT_NS, LATEST_KEPT_NS
from tests.clocks import MovableClock
from tests.fakes.influxdb.http_server import Answered
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.servers import Database

REAL = tuple(os.environ.get(f"HEARTGUARD_TEST_INFLUX_{name}", "") for name in ("URL", "TOKEN", "ORG"))
INFLUXD = os.environ.get("HEARTGUARD_TEST_INFLUXD", "")
SECOND = 1_000_000_000
NOW = 1_767_225_600 * SECOND
Where = tuple[str, str, str]
"""URL, token and organization of an InfluxDB."""
Stored = dict[tuple[str, Tags, int], dict[str, Value | None]]


class Spoiled(ModelInfluxDB):
    """A model whose answer to each request goes through `spoil` first, which may give another one."""

    def __init__(self) -> None:
        self.spoil: Callable[[str, str], Answered | None] = lambda _method, _target: None
        super().__init__(MovableClock().now_ns())

    def answer(self, asked):
        return self.spoil(asked.method, asked.target) or super().answer(asked)


@dataclass
class System:
    """A database and the InfluxDB beside it, as the time-series service sees them."""

    database: Database
    where: Where

    def settings(self) -> BackupSettings:
        url, token, org = self.where
        return BackupSettings(
            database_url=self.database.owner_url,
            media_dir=Path("media"),
            checkpoint_dir=Path("checkpoints"),
            influx_url=url,
            influx_token=token,
            influx_org=org,
            backup_dir="backups",
            key_ring_secret="k" * 32,
            checkpoint_key="c" * 32,
            mask_secret="m" * 32,
        )

    def write(self, org_id: int, bucket: str, points: Sequence[Point], days: int | None = None) -> None:
        pool, server = Pool(self.database.url_for("influx")), Server(*self.where)
        buckets = InfluxBuckets(pool, server)
        if days is not None:
            buckets.create(org_id, bucket, days)
        row = buckets.find(org_id, bucket)
        assert row is not None
        bucket_id = buckets.ensure_and_lock(row)
        assert bucket_id is not None
        store = InfluxStore(pool, server)
        for place in range(0, len(points), 10_000):
            verdicts = store.write(bucket_id, points[place : place + 10_000])
            assert {verdict.status for verdict in verdicts} == {"stored"}, verdicts[:3]
        server.close()
        pool.close()

    def read(self, org_id: int, bucket: str, fields: dict[str, dict[str, str]]) -> Stored:
        """What the service reads, by measurement, tags and time; `fields` are the types of each measurement's."""
        pool, server = Pool(self.database.url_for("influx")), Server(*self.where)
        store = InfluxStore(pool, server)
        row = InfluxBuckets(pool, server).find(org_id, bucket)
        assert row is not None
        assert row.id is not None
        stored: Stored = {}
        for measurement, types in fields.items():
            selection = Selection(row.id, measurement, EARLIEST_KEPT_NS, LATEST_KEPT_NS, {})
            groups = store.groups(selection, None)
            named = [Field(place, name, type_) for place, (name, type_) in enumerate(types.items())]
            for page in store.pages(selection, groups, named, limit=10_000, descending=False):
                stored |= {(measurement, groups[it.group].tags, it.time_ns): dict(it.values) for it in page}
        server.close()
        pool.close()
        return stored

    def buckets(self) -> set[str]:
        """The buckets of organizations and restores in the InfluxDB."""
        server = Server(*self.where)
        names = {name for name in server.bucket_names() if name.startswith(("org_", MARK))}
        server.close()
        return names

    def empty_influx(self) -> None:
        server = Server(*self.where)
        for name in self.buckets():
            server.remove_bucket(name)
        server.close()


def bpm(time_ns: int, value: float = 60.0, **tags: str) -> Point:
    return Point("heart_rate", tuple(sorted({"device": "a", **tags}.items())), {"bpm": value}, time_ns)


def expected(points: Sequence[Point]) -> Stored:
    stored: Stored = {}
    for point in points:
        stored.setdefault((point.measurement, point.tags, point.time_ns), {}).update(point.fields)
    return stored
