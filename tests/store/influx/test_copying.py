"""A bucket's points into files and back, on the model of InfluxDB: what `heartguard backup` asks `offline` for."""

import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from heartguard_influx.offline import MARK, Copying, serve
from heartguard_influx.series.domain import Tags, series_digest
from heartguard_influx.store.influxdb import Server
from heartguard_influx.store.influxdb.copying import HOUR_NS, BucketReader, Loader, Run, Sums
from heartguard_influx.store.influxdb.server import RequestLimits
from tests.fakes.influxdb.http_server import Answered
from tests.fakes.influxdb.model import ModelInfluxDB
from tests.fakes.influxdb.recorded import ORG, TOKEN

NOW = 1_767_225_600 * 10**9 + HOUR_NS // 2
DAY = 24 * HOUR_NS
TAGS: Tags = (("device", "a"),)
REGISTERED = {"m": {series_digest("m", TAGS)}}
HASTY = RequestLimits(attempts=2, first_pause=0.01)


class Spoiled(ModelInfluxDB):
    """A model that answers by `spoil` where that has an answer."""

    def __init__(self) -> None:
        self.spoil: Callable[[str], Answered | None] = lambda _target: None
        super().__init__(NOW)

    def answer(self, asked):
        return self.spoil(asked.target) or super().answer(asked)


@pytest.fixture
def model() -> Iterator[Spoiled]:
    with Spoiled() as made:
        yield made


@pytest.fixture
def server(model: Spoiled) -> Iterator[Server]:
    made = Server(model.url, TOKEN, ORG, limits=HASTY)
    made.make_bucket("org_1", None)
    yield made
    made.close()


def asked(copying: Copying, do: str, **values: Any) -> list[Mapping[str, Any]]:
    """What the program answers, by the lines that it reads and writes."""
    out = io.StringIO()
    serve(copying, [json.dumps({"do": do, **values})], out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def exported(copying: Copying, directory: Path) -> list[Mapping[str, Any]]:
    series = directory / "series"
    series.write_text(json.dumps(["m", series_digest("m", TAGS).hex()]) + "\n")
    values = {"org_id": 1, "retention_days": None, "series": str(series), "directory": str(directory)}
    return asked(copying, "export", bucket="org_1", **values)


def test_a_bucket_is_read_in_slices_and_files_and_comes_back(model: Spoiled, server: Server, tmp_path: Path) -> None:
    server.write("org_1", [f"m,device=a x={number}.5,n={number}i {number * 10**9}" for number in range(1000)])
    before = model.points("org_1")
    small = Copying(server, file_bytes=4096)
    *files, done = exported(small, tmp_path)
    assert (done["values"], done["days"]) == (2000, None)
    assert len(files) == 2  # a line for each field, each longer than a file should be
    assert asked(small, "begin")[0]["failed"].endswith(
        "and the InfluxDB has points in org_1: name another INFLUX_ORG, or remove these buckets there"
    )
    server.remove_bucket("org_1")
    assert asked(small, "begin") == [{"done": True}]
    for file in files:
        assert asked(small, "load", bucket="org_1", days=None, file=str(tmp_path / file["file"])) == [{"done": True}]
    same = {"values": done["values"], "digest": done["digest"]}
    assert asked(small, "compare", bucket="org_1", **same) == [{"done": True, "stored": 2000}]
    assert asked(small, "finish") == [{"done": True}]
    assert model.points("org_1") == before
    assert MARK not in model.buckets()


def test_few_values_a_slice_give_every_point_once(server: Server) -> None:
    times = [0, 1, 10**9, 10**9 + 1, 5 * 10**9, 86_400 * 10**9, NOW, NOW + 1]
    server.write("org_1", [f"m,device=a x={place} {time}" for place, time in enumerate(times)])
    runs = list(BucketReader(server, "org_1", REGISTERED, slice_values=2).runs())
    assert len(runs) > 3
    assert sorted(point for run in runs for point in run.points) == [
        (time, float(place)) for place, time in enumerate(times)
    ]


def test_an_answer_that_breaks_off_is_asked_for_again(model: Spoiled, server: Server) -> None:
    server.write(
        "org_1", ["m,device=a x=1 1", 'm,device=a text="a" 1', 'm,device=a text="" 2', 'm,device=a text="b" 3']
    )
    cuts = iter(range(3))

    def spoil(target: str) -> Answered | None:
        if "/query" in target and next(cuts, None) is not None:
            return Answered(200, "#datatype,string,long", {"Content-Length": "500"}, cut=True)
        return None

    model.spoil = spoil
    reader = BucketReader(server, "org_1", REGISTERED, sleep=lambda _: None)
    found = sorted((run.field, *point) for run in reader.runs() for point in run.points)
    assert found == [("text", 1, "a"), ("text", 2, ""), ("text", 3, "b"), ("x", 1, 1.0)]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answered(503, "", {"Retry-After": "0"}), "The time-series store is busy (bucket org_1)"),
        (
            Answered(422, '{"code": "invalid", "message": "partial write: no. dropped=1"}'),
            "InfluxDB refuses (bucket org_1): 422 partial write: no. dropped=1",
        ),
    ],
)
def test_a_server_that_takes_no_more_in_the_middle_is_a_sentence_and_nothing_stays(
    model: Spoiled, server: Server, tmp_path: Path, answer: Answered, said: str
) -> None:
    server.write("org_1", ["m,device=a x=1 1"])
    copying = Copying(server)
    file, done = exported(copying, tmp_path)
    assert done["values"] == 1
    server.remove_bucket("org_1")
    asked(copying, "begin")
    model.spoil = lambda target: answer if "/write" in target else None
    where = str(tmp_path / file["file"])
    assert asked(copying, "load", bucket="org_1", days=None, file=where) == [{"failed": said}]
    assert set(model.buckets()) == {"org_1", MARK}
    assert asked(copying, "discard") == [{"done": True}]
    assert model.buckets() == {}


def test_a_server_that_has_gone_is_a_sentence(tmp_path: Path) -> None:
    with Spoiled() as model:
        url = model.url
    copying = Copying(Server(url, TOKEN, ORG, limits=HASTY))
    away = "The time-series store does not answer"
    assert asked(copying, "prove") == [{"failed": f"{away}; INFLUX_URL can't be reached"}]
    assert asked(copying, "begin") == [{"failed": away}]


def test_a_file_that_holds_no_points_is_a_sentence(server: Server, tmp_path: Path) -> None:
    for place, content in enumerate(
        (b"[]\n", b'["m",{},"x","double",[[1,"text"]]]\n', b'["m",{},"x","double",[[1]]]\n')
    ):
        (tmp_path / "bad").write_bytes(gzip.compress(content))
        (answer,) = asked(Copying(server), "load", bucket=f"org_{place}", days=None, file=str(tmp_path / "bad"))
        assert answer["failed"].startswith(f"A file of the bucket org_{place} can't be read as points: ")


def test_points_that_their_bucket_would_not_keep_are_left_out(model: Spoiled, server: Server) -> None:
    server.make_bucket("org_1_day", 1)
    clock = [NOW]
    loader = Loader(server, "org_1_day", 1, now_ns=lambda: clock[0])
    # At half past: what goes within the hour is not sent, nor what is of the same hour.
    ages = [2 * DAY, DAY, DAY - HOUR_NS, DAY - HOUR_NS - HOUR_NS // 2, DAY - 2 * HOUR_NS, HOUR_NS, 0]
    loader.send([Run("m", TAGS, "x", "double", [(NOW - age, float(age)) for age in ages])])
    assert loader.total().values == len(ages)
    expected, found = loader.compare()
    assert expected == found
    assert found.values == 4
    # The server drops what has expired while others are sent: that is no difference.
    server.delete("org_1_day", NOW - DAY, NOW - DAY + 2 * HOUR_NS, '"_measurement"="m"')
    clock[0] += 2 * HOUR_NS
    expected, found = loader.compare()
    assert expected == found
    assert found.values == 2


def test_each_type_has_its_line_and_counts_in_the_hash_whatever_the_order() -> None:
    runs = [
        Run("m", TAGS, "x", "double", [(1, -0.0), (2, 5e-324)]),
        Run("m", TAGS, "n", "long", [(1, -(2**63))]),
        Run("m", TAGS, "u", "unsignedLong", [(1, 2**64 - 1)]),
        Run("m", TAGS, "on", "boolean", [(1, True)]),
        Run("m", TAGS, "text", "string", [(1, 'a\n"b"\\')]),
    ]
    assert [line for run in runs for line in Run.parse(run.text()).lines()] == [
        "m,device=a x=-0.0 1",
        "m,device=a x=5e-324 2",
        "m,device=a n=-9223372036854775808i 1",
        "m,device=a u=18446744073709551615u 1",
        "m,device=a on=true 1",
        'm,device=a text="a\n\\"b\\"\\\\" 1',
    ]
    sums, reverse = Sums(), Sums()
    for run in runs:
        sums.add(run.lines())
    for run in reversed(runs):
        reverse.add(reversed(run.lines()))
    assert (sums.values, sums.digest) == (reverse.values, reverse.digest)
    other = Sums()
    other.add(["m,device=a x=0.0 1"])
    assert sums.digest != other.digest


def test_a_field_of_two_types_ends_an_export_with_its_name(server: Server, tmp_path: Path, model: Spoiled) -> None:
    server.write("org_1", ["m,device=a x=1 1"])
    model.spread("org_1", "m", (("device", "a"), ("k", "v")), "x", {1: "text"})
    series = tmp_path / "series"
    tags: list[Tags] = [TAGS, (("device", "a"), ("k", "v"))]
    series.write_text("".join(json.dumps(["m", series_digest("m", it).hex()]) + "\n" for it in tags))
    values = {"org_id": 1, "retention_days": None, "series": str(series), "directory": str(tmp_path)}
    (answer,) = asked(Copying(server), "export", bucket="org_1", **values)
    assert answer["failed"].startswith("The field x of m has values of several types, which can't be read together")
