"""Points of an InfluxDB in a backup, and back: the model of one, and on demand real ones (tests/store/influx)."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from heartguard_cli.backup import postgres
from heartguard_cli.backup.manifest import NAME, Manifest
from heartguard_cli.backup.points import files_of
from heartguard_cli.backup.restoring import restore
from heartguard_cli.backup.taking import take
from heartguard_cli.errors import CommandError
from heartguard_common.core.registry import python_path
from heartguard_influx.domain.point import Point
from heartguard_influx.offline import MARK
from heartguard_influx.store.influx import Server
from heartguard_influx.store.influx.lines import EARLIEST_KEPT_NS, LATEST_KEPT_NS
from tests.fakes.influxdb.http_server import Answered
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.influxdb1.server import InfluxDB1
from tests.people import found, join
from tests.servers import Database, Postgres, until
from tests.store.cli.influx_system import INFLUXD, NOW, REAL, SECOND, Spoiled, Stored, System, Where, bpm, expected

FEW, MANY = 3_000, 200_000  # values, on the model and on real servers


@pytest.fixture
def model() -> Iterator[Spoiled]:
    with Spoiled() as made:
        yield made


@pytest.fixture(params=["model", *(["real"] if all(REAL) else []), *(["1.13"] if INFLUXD else [])])
def influx(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Where]:
    if request.param == "real":
        yield REAL
    elif request.param == "1.13":
        (tmp_path / "influxd").mkdir()
        with InfluxDB1(Path(INFLUXD), tmp_path / "influxd") as server:
            yield server.url, TOKEN, ORG
    else:
        yield request.getfixturevalue("model").url, TOKEN, ORG


@pytest.fixture
def system(database: Database, influx: Where) -> Iterator[System]:
    made = System(database, influx)
    yield made
    made.empty_influx()


@pytest.fixture
def wiped(postgres_server: Postgres) -> Iterator[Database]:
    """A database at no revision."""
    with postgres_server.empty_database() as fresh:
        yield fresh


# Equal texts before an empty one: a server moves them to other instants where they are not read apart.
TEXTS = ("a", "", "b", 'say "hi"\\', "two\nlines\n", "ünï→😀", "", " 1 2\nx=1i 3", "a,b=c")
ODD: Sequence[Point] = [
    *(Point("note", (("who", "me"),), {"text": text}, NOW + place * SECOND) for place, text in enumerate(TEXTS)),
    Point("a b,c=d", (("k,=y ", 'v"1, =ü'), ("tag", "😀")), {'f "x",= ': 1.0, "on": True, "off": False}, NOW),
    *(
        bpm(moment, value)
        for moment, value in (
            (EARLIEST_KEPT_NS, 0.1),
            (EARLIEST_KEPT_NS + 1, -0.0),
            (-1, 1.7e308),
            (0, 5e-324),
            (1, 2.0**53 + 2),
            (LATEST_KEPT_NS - 1, -123456789.987654321),
        )
    ),
]
ODD_FIELDS = {
    "note": {"text": "string"},
    "a b,c=d": {'f "x",= ': "float", "on": "boolean", "off": "boolean"},
    "heart_rate": {"bpm": "float"},
}


def test_all_points_come_back(system: System, wiped: Database, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    ours, other = found(system.database), found(system.database, "Other")
    randomness = random.Random(15)
    count = FEW if request.node.name.endswith("[model]") else MANY
    many = [
        bpm(NOW + number // 40 * 10 * SECOND, randomness.uniform(30, 200), user_id=str(number % 40))
        for number in range(count)
    ]
    system.write(ours, f"org_{ours}", ODD)
    system.write(other, f"org_{other}", many)
    system.write(ours, f"org_{ours}_kept", [bpm(NOW)], days=36_500)
    taken = take(system.settings(), tmp_path)
    assert {name: (it.values, it.days) for name, it in taken.manifest.points.items()} == {
        f"org_{ours}": (len(ODD) + 2, None),
        f"org_{ours}_kept": (1, 36_500),
        f"org_{other}": (count, None),
    }
    system.empty_influx()
    back = System(wiped, system.where)
    restored = restore(back.settings(), tmp_path, taken.place, wiped.passwords)
    assert restored.manifest == taken.manifest
    assert system.buckets() == set(taken.manifest.points)
    # Compared as text, in which 0.0 is not -0.0.
    assert shown(back.read(ours, f"org_{ours}", ODD_FIELDS)) == shown(expected(ODD))
    assert back.read(other, f"org_{other}", {"heart_rate": {"bpm": "float"}}) == expected(many)
    again = take(back.settings(), tmp_path / "again")
    assert again.manifest.points == taken.manifest.points


def shown(stored: Stored) -> list[str]:
    return sorted(f"{key} {sorted(fields.items())}" for key, fields in stored.items())


@dataclass
class Backup:
    """A backup of two values of an organization on a model, whose InfluxDB is empty since; and where it goes back."""

    place: Path
    back: System
    model: Spoiled
    org_id: int

    def restore(self, root: Path) -> None:
        restore(self.back.settings(), root, str(self.place), self.back.database.passwords)

    def nothing_is_left(self, root: Path) -> None:
        assert self.back.buckets() == set()
        assert postgres.tables(self.back.database.owner_url) == {}
        assert [path for path in (root / "media").rglob("*") if path.is_file()] == []

    def points(self) -> Stored:
        return self.back.read(self.org_id, f"org_{self.org_id}", {"heart_rate": {"bpm": "float"}})


POINTS = [bpm(NOW, 60.0), bpm(NOW + SECOND, 61.5)]


@pytest.fixture
def backup(database: Database, model: Spoiled, wiped: Database, tmp_path: Path) -> Backup:
    system = System(database, (model.url, TOKEN, ORG))
    org_id = found(database)
    system.write(org_id, f"org_{org_id}", POINTS)
    taken = take(system.settings(), tmp_path)
    system.empty_influx()
    return Backup(Path(taken.place), System(wiped, system.where), model, org_id)


@pytest.mark.parametrize("how", ["flipped", "cut"])
def test_a_damaged_file_of_points_is_refused_and_leaves_nothing(backup: Backup, tmp_path: Path, how: str) -> None:
    name = f"points/org_{backup.org_id}/000001.ndjson.gz"
    content = bytearray((backup.place / name).read_bytes())
    content[len(content) // 2] ^= 1
    (backup.place / name).write_bytes(content if how == "flipped" else content[:-9])
    with pytest.raises(CommandError, match=f"^The backup is damaged: {name} is"):
        backup.restore(tmp_path)
    backup.nothing_is_left(tmp_path)


@pytest.mark.parametrize(("member", "value"), [("digest", "0" * 32), ("values", 3)])
def test_points_that_differ_from_the_manifest_are_noticed(
    backup: Backup, tmp_path: Path, member: str, value: object
) -> None:
    document = json.loads((backup.place / NAME).read_text())
    document["points"][f"org_{backup.org_id}"][member] = value
    (backup.place / NAME).write_text(json.dumps(document))
    with pytest.raises(
        CommandError, match=f"points of org_{backup.org_id} in the backup are not what its manifest says"
    ):
        backup.restore(tmp_path)
    backup.nothing_is_left(tmp_path)


def test_points_that_the_server_acknowledges_and_does_not_store_are_noticed(backup: Backup, tmp_path: Path) -> None:
    backup.model.spoil = lambda _, target: Answered(204) if f"write?org={ORG}&bucket=org_" in target else None
    with pytest.raises(CommandError, match=r"bucket org_1 holds other points than were sent there: 0 values of 2$"):
        backup.restore(tmp_path)
    backup.nothing_is_left(tmp_path)


def test_an_influxdb_that_holds_points_is_refused_and_keeps_them(backup: Backup, tmp_path: Path) -> None:
    with closing(Server(*backup.back.where)) as server:
        server.make_bucket("org_7", None)
        server.make_bucket("org_8", None)
        server.write("org_7", ["heart_rate bpm=1 1"])
        with pytest.raises(
            CommandError, match=r"into an empty system only, and the InfluxDB has points in org_7: name"
        ):
            backup.restore(tmp_path)
        assert backup.back.buckets() == {"org_7", "org_8"}
        server.remove_bucket("org_7")
    backup.restore(tmp_path)
    assert backup.back.buckets() == {f"org_{backup.org_id}"}
    assert backup.points() == expected(POINTS)


def test_a_restore_that_was_killed_is_begun_anew(backup: Backup, tmp_path: Path) -> None:
    written, release = threading.Event(), threading.Event()

    def hold(_method: str, target: str) -> None:
        if f"write?org={ORG}&bucket=org_" in target:
            written.set()
            release.wait(30)

    backup.model.spoil = hold
    settings = backup.back.settings()
    script = (
        "import sys, pathlib\nfrom heartguard_cli.backup.restoring import restore\n"
        "from heartguard_cli.backup.settings import BackupSettings\n"
        "restore(BackupSettings.from_env(), pathlib.Path(sys.argv[1]), sys.argv[2], {})\n"
    )
    names = {
        "DATABASE_URL": settings.database_url,
        "INFLUX_URL": settings.influx_url,
        "INFLUX_TOKEN": settings.influx_token,
        "INFLUX_ORG": settings.influx_org,
        "KEY_RING_SECRET": settings.key_ring_secret,
        "AUDIT_CHECKPOINT_KEY": settings.checkpoint_key,
        "AUDIT_MASK_SECRET": settings.mask_secret,
        "PYTHONPATH": python_path("cli"),
        "PATH": os.environ["PATH"],
    }
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(backup.place)], env=names)
    until(written.is_set, "the first write of the restore")
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    release.set()
    backup.model.spoil = lambda _method, _target: None
    until(lambda: backup.back.buckets() == {f"org_{backup.org_id}", MARK}, "half a restore")
    with closing(Server(*backup.back.where)) as server:
        server.write(f"org_{backup.org_id}", ["heart_rate,device=of_another_backup bpm=1 1"])
    backup.restore(tmp_path)
    assert backup.back.buckets() == {f"org_{backup.org_id}"}
    assert backup.points() == expected(POINTS)


def test_a_backup_goes_back_into_the_kind_of_store_that_it_is_of(
    backup: Backup, wiped: Database, database: Database, tmp_path: Path
) -> None:
    none = {"influx_url": "", "influx_token": "", "influx_org": ""}
    with pytest.raises(
        CommandError, match=r"from an InfluxDB, and they can't be restored into PostgreSQL: set INFLUX_URL"
    ):
        restore(replace(backup.back.settings(), **none), tmp_path, str(backup.place), wiped.passwords)
    taken = take(replace(System(database, backup.back.where).settings(), **none), tmp_path)
    backup.restore(tmp_path)  # as the way back is free
    document = json.loads((Path(taken.place) / NAME).read_text())
    document["tables"]["points"]["rows"] = 5
    (Path(taken.place) / NAME).write_text(json.dumps(document))
    with pytest.raises(
        CommandError, match=r"from PostgreSQL \(5 values\), and they can't be restored into an InfluxDB"
    ):
        restore(backup.back.settings(), tmp_path, taken.place, wiped.passwords)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"influx_token": "wrong"}, "does not accept this service's credentials"),
        ({"influx_token": ""}, "INFLUX_URL and INFLUX_ORG needs INFLUX_TOKEN beside it"),
    ],
)
def test_a_token_that_is_no_good_is_said_at_once(
    backup: Backup, database: Database, tmp_path: Path, change: dict[str, str], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        restore(replace(backup.back.settings(), **change), tmp_path, str(backup.place), {})
    backup.nothing_is_left(tmp_path)
    system = System(database, backup.back.where)
    with pytest.raises(CommandError, match=sentence):
        take(replace(system.settings(), **change), tmp_path / "other")
    assert list((tmp_path / "other" / "backups").iterdir()) == []


def test_points_of_unregistered_series_are_left_out(database: Database, model: Spoiled, tmp_path: Path) -> None:
    """Such as those of somebody who joined while the backup was taken, whom it would not know to delete."""
    system = System(database, (model.url, TOKEN, ORG))
    org_id = found(database)
    person = join(database, org_id)
    system.write(org_id, f"org_{org_id}", [bpm(NOW, user_id=str(person))])
    with closing(Server(*system.where)) as server:
        server.write(f"org_{org_id}", [f"heart_rate,device=a,user_id={person + 1} bpm=1 1", "unknown x=1 1"])
    taken = take(system.settings(), tmp_path)
    assert taken.manifest.points[f"org_{org_id}"].values == 1
    assert len(files_of(taken.manifest, f"org_{org_id}")) == 1
    document = json.loads(taken.manifest.text())
    for name in ("points", "damaged"):
        del document[name]
    old = Manifest.parse(json.dumps(document | {"format": 1, "time_series": "influxdb at x: not in this backup"}))
    assert (old.points, old.format) == ({}, 1)
