"""The table of formats: how many values another reader finds in a file, and how many a parser gives.

Without HEARTGUARD_TEST_READERS=1 only what needs no other program: SQL, ElementTree and json read the generated files.
With it, Go's muktihari/fit reads the real FIT files of its own module and of the crate fitparser, and tcxreader, gpxpy,
wfdb and pyedflib read, and the last two write, the others. `-s` prints the table.
"""

import csv
import json
import os
import sqlite3
import subprocess
import venv
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from heartguard_common.core.paths import REPO_ROOT
from heartguard_importers import Options, Reading, Reason
from tests.clients.tools import needs, run
from tests.importers.builders import APPLE_HEAD, GADGETBRIDGE, HEALTH_CONNECT, apple_export, apple_record, database

WANTED = os.environ.get("HEARTGUARD_TEST_READERS") == "1"
on_demand = pytest.mark.skipif(not WANTED, reason="HEARTGUARD_TEST_READERS=1 installs other readers (a minute)")
LIBRARIES = ("tcxreader==0.4.11", "gpxpy==1.6.2", "wfdb==4.3.1", "pyedflib==0.1.42")
PROGRAMS = Path(__file__).parent / "programs"
OPTIONS = Options(time_zone=ZoneInfo("Europe/Madrid"))
MANY = 3_000
SERIES = """WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 3000) INSERT INTO """


def values(path: Path, measurement: str | None = None) -> list[float]:
    """The sorted values that the parsers give, of one measurement or all."""
    found = [
        value
        for record in Reading(path, options=OPTIONS)
        if measurement in (None, record.measurement)
        for value in record.fields.values()
    ]
    return sorted(found)


def row(kind: str, sample: str, expected: int, given: int) -> None:
    """A row of the table."""
    print(f"| {kind} | {sample} | {expected} | {given} |")


def test_apple_health_and_element_tree(tmp_path):
    kinds = ("HeartRate", "RestingHeartRate", "RespiratoryRate", "BodyMass")
    file = apple_export(*(apple_record(kinds[i % 4], str(50 + i % 100), address=i) for i in range(MANY)))
    path = tmp_path / "export.xml"
    path.write_bytes(file)
    body = file.decode().removeprefix(APPLE_HEAD)
    found = [
        float(element.get("value", ""))
        for _, element in ET.iterparse(BytesIO(b"<HealthData>" + body.encode()))
        if element.tag == "Record" and not element.get("type", "").endswith("BodyMass")
    ]
    row("apple_health", "generated", len(found), len(values(path)))
    assert values(path) == sorted(found)


@pytest.mark.parametrize(
    ("script", "series", "sql", "measurement"),
    [
        (
            HEALTH_CONNECT,
            "heart_rate_record_series_table SELECT 10, x % 90 + 50, 1682917300000 + x FROM n",
            "SELECT beats_per_minute FROM heart_rate_record_series_table WHERE beats_per_minute > 0",
            "heart_rate",
        ),
        (
            GADGETBRIDGE,
            "MI_BAND_ACTIVITY_SAMPLE SELECT 1682920000 + x * 60, 1, 1, 0, x % 90, 1, x % 255 FROM n",
            "SELECT HEART_RATE FROM MI_BAND_ACTIVITY_SAMPLE WHERE HEART_RATE BETWEEN 11 AND 249 AND RAW_KIND != 115",
            "heart_rate",
        ),
    ],
    ids=["health_connect", "gadgetbridge"],
)
def test_databases_and_sql(tmp_path, script, series, sql, measurement):
    path = database(tmp_path / "export.db", f"{script};{SERIES}{series};")
    connection = sqlite3.connect(path)
    found = sorted(float(value) for (value,) in connection.execute(sql))
    connection.close()
    given = values(path, measurement)
    row(Reading(path).kind, "generated", len(found), len(given))
    assert given == found
    assert len(found) > MANY * 0.9


def test_csv_and_fitbit(tmp_path):
    path = REPO_ROOT / "examples" / "recording.csv"
    with path.open() as file:
        found = sorted(float(line["bpm"]) for line in csv.DictReader(file))
    row("csv", "examples/recording.csv (real)", len(found), len(values(path)))
    assert values(path) == found
    path = tmp_path / "heart_rate-2023-05-01.json"
    items = [
        {
            "dateTime": f"05/01/23 {i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}",
            "value": {"bpm": 50 + i % 90, "confidence": i % 4},
        }
        for i in range(MANY)
    ]
    path.write_text(json.dumps(items))
    found = sorted(float(it["value"]["bpm"]) for it in json.loads(path.read_text()) if it["value"]["confidence"])
    row("fitbit", "generated", len(found), len(values(path)))
    assert values(path) == found


@on_demand
def test_real_fit_files_and_a_decoder_in_go(tmp_path):
    needs("go", "cargo")
    folder = PROGRAMS / "fit"
    run(["go", "build", "-o", tmp_path / "count", "."], folder)
    module = run(["go", "list", "-m", "-f", "{{.Dir}}", "github.com/muktihari/fit"], folder).strip()
    crate = tmp_path / "crate"
    (crate / "src").mkdir(parents=True)
    (crate / "src" / "lib.rs").touch()
    manifest = (
        '[package]\nname = "samples"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nfitparser = "=0.11.0"\n'
    )
    (crate / "Cargo.toml").write_text(manifest)
    metadata = json.loads(run(["cargo", "metadata", "--format-version", "1"], crate))
    (source,) = [Path(it["manifest_path"]).parent for it in metadata["packages"] if it["name"] == "fitparser"]
    files = sorted([*Path(module, "testdata").rglob("*.fit"), *source.rglob("*.fit")])
    files.append(REPO_ROOT / "examples" / "activity.fit")
    done = subprocess.run([tmp_path / "count", *files], capture_output=True, text=True, check=True)
    counted = json.loads(done.stdout)
    assert len(files) > 30
    for file in files:
        reading = Reading(file)
        given: dict[str, int] = {}
        for record in reading:
            given[record.measurement] = given.get(record.measurement, 0) + 1
        given.pop("steps", None)  # Go counts sums, the parser the differences
        found = counted[str(file)] or {}
        expected = {"heart_rate": found.get("record", 0) + found.get("hr", 0)}
        expected |= {name: found.get(name, 0) for name in ("rr_interval", "respiratory_rate")}
        without_time = reading.report.rejected[Reason.TIME]
        row("fit", file.name, sum(expected.values()), sum(given.values()))
        assert sum(given.values()) == sum(expected.values()) - without_time, file.name
        assert without_time in (0, expected["heart_rate"])


@on_demand
def test_tracks_and_recordings_and_their_libraries(tmp_path):
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    run([python, "-m", "pip", "install", "--quiet", *LIBRARIES], tmp_path)
    folder = tmp_path / "files"
    folder.mkdir()
    points = [(f"2023-05-01T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}Z", 60 + i % 120) for i in range(MANY)]
    tcx = "".join(
        f"<Trackpoint><Time>{time}</Time><HeartRateBpm><Value>{rate}</Value></HeartRateBpm></Trackpoint>"
        for time, rate in points
    )
    space = "http://www.garmin.com/xmlschemas"
    (folder / "run.tcx").write_text(
        f'<TrainingCenterDatabase xmlns="{space}/TrainingCenterDatabase/v2"><Activities><Activity Sport="Running"><Id>'
        f'{points[0][0]}</Id><Lap StartTime="{points[0][0]}"><Track>{tcx}</Track></Lap></Activity></Activities>'
        "</TrainingCenterDatabase>"
    )
    gpx = "".join(
        f'<trkpt lat="1" lon="2"><time>{time}</time><extensions><t:TrackPointExtension><t:hr>{rate}</t:hr>'
        "</t:TrackPointExtension></extensions></trkpt>"
        for time, rate in points
    )
    (folder / "run.gpx").write_text(
        '<gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1" '
        f'xmlns:t="{space}/TrackPointExtension/v1"><trk><trkseg>{gpx}</trkseg></trk></gpx>'
    )
    found = json.loads(run([python, PROGRAMS / "readers.py", folder], tmp_path))
    assert set(found) == {"run.tcx", "run.gpx", "night.edf", "beats.hea", "rates.hea"}
    for name, expected in found.items():
        given = values(folder / name)
        sample = "generated" if name.startswith("run") else "written by the library"
        row(Path(name).suffix[1:], f"{name}, {sample}", len(expected), len(given))
        assert given == pytest.approx(expected, abs=1e-5), name
