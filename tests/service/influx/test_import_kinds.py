"""Each kind of file through the job: killed in the middle, and damaged.

HEARTGUARD_TEST_IMPORTS=1 kills an import of each kind and imports five mutated files of each; without it two kinds are
killed, and one mutated file of each is imported. `-s` prints the table of what another reader finds and what is stored.
"""

import os
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import ORG, TOKEN
from tests.import_stack import ENDED, ImportStack, running
from tests.importers.test_mutations import mutated, seeds
from tests.people import found, join, owner
from tests.servers import Database, Valkey, until
from tests.service.influx.import_samples import SAMPLES
from tests.tokens import bearer

ALL = os.environ.get("HEARTGUARD_TEST_IMPORTS") == "1"
KILLED = tuple(SAMPLES) if ALL else ("apple_health", "health_connect")
MUTATED = 5 if ALL else 1


@pytest.fixture(scope="module")
def stack(module_database: Database, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImportStack]:
    with running(module_database, valkey.url, tmp_path_factory.mktemp("kinds"), reads=False) as stack:
        yield stack


def another(stack: ImportStack) -> ImportStack:
    """The same services, with an organization and a person of their own."""
    org = found(stack.database, "Another")
    person = join(stack.database, org)
    return replace(stack, org=org, person=person, who=bearer(person, "user", org))


def position(stack: ImportStack, import_id: str) -> int:
    with owner(stack.database) as cursor:
        cursor.execute("SELECT position FROM heartguard_core.imports WHERE id = %s", (import_id,))
        return int(cursor.fetchone()[0])


def kill(process: psutil.Process) -> list[psutil.Process]:
    """SIGKILL for the service and its workers; returns what they have started, which is left to itself."""
    workers = process.children()
    parsers = [it for worker in workers for it in worker.children()]
    for each in (process, *workers):
        each.kill()
    return parsers


def runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD))
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("kind", KILLED)
def test_killed_in_the_middle(stack: ImportStack, kind: str, tmp_path: Path) -> None:
    mine = another(stack)
    sample = SAMPLES[kind](tmp_path)
    again = stack.influx.again(tmp_path / "influx.log")
    with stack.influx.again(tmp_path / "killed.log").running() as first:
        mine = replace(mine, influx=first)
        made = mine.begin(sample.file, sample.name)
        until(lambda: position(mine, made) > 0, "the first batch is stored")
        assert first.process is not None
        parsers = kill(psutil.Process(first.process.pid))
        reached = position(mine, made)
        until(lambda: not any(map(runs, parsers)), "the parser has ended")
    with again.running() as second:
        mine = replace(mine, influx=second)
        done = mine.ended(made)
        measured = len(mine.points())
    assert (done["status"], done["progress"], done["kind"]) == ("done", 100, kind)
    print(f"| {kind} | {sample.name} | {sample.found} | {measured} | killed at {reached} of {done['seen']} |")
    assert 0 < reached < done["seen"]
    assert measured == sample.found
    assert done["stored"] + done["duplicates"] + done["rejected"] == done["seen"]


def test_points_in_an_influxdb(database: Database, redis_url: str, tmp_path: Path) -> None:
    sample = "time,bpm\n" + "".join(f"2024-06-01T10:00:{second:02}Z,{60 + second}\n" for second in range(30))
    with ModelInfluxDB(time.time_ns()) as model:
        settings = {"INFLUX_URL": model.url, "INFLUX_TOKEN": TOKEN, "INFLUX_ORG": ORG}
        with running(database, redis_url, tmp_path, **settings) as stack:
            for _ in range(2):
                done = stack.import_file(sample.encode(), "rates.csv")
                assert (done["status"], done["stored"] + done["duplicates"], done["rejected"]) == ("done", 30, 0)
                assert len(stack.points()) == 30


def test_mutated_files_end_with_points_or_a_place(stack: ImportStack, tmp_path: Path) -> None:
    originals = seeds(tmp_path)
    made: dict[str, tuple[ImportStack, str]] = {}
    with stack.influx.again(tmp_path / "influx.log").running() as influx:
        stack = replace(stack, influx=influx)
        for kind in SAMPLES:
            mine = another(stack)
            for seed in range(MUTATED):
                chance = random.Random(f"job {kind} {seed}")
                file = mutated(chance.choice(originals[kind]), chance)
                made[mine.begin(file, "heart_rate-2023-05-01.json", kind=kind, time_zone="Europe/Madrid")] = mine, kind
        for import_id, (mine, kind) in made.items():
            ends_well(mine, import_id, kind)


def ends_well(stack: ImportStack, import_id: str, kind: str) -> None:
    """With points, or with a reason and a place."""
    until(lambda: stack.state(import_id)["status"] in ENDED, f"the end of {kind}")
    ended = stack.state(import_id)
    assert ended["status"] in ("done", "failed")
    if ended["status"] == "failed":
        assert ended["problem"]["reason"] == "invalid_file", ended
        assert ended["problem"]["place"], ended
        assert "can't be read (" not in ended["problem"]["message"], ended
    assert ended["stored"] + ended["duplicates"] + ended["rejected"] == ended["seen"]
