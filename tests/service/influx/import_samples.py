"""A file of each kind with many heart rates, and how many of them another reader finds."""

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

from tests.importers.builders import (
    APPLE_HEAD,
    GADGETBRIDGE,
    HEALTH_CONNECT,
    activity,
    apple_export,
    apple_record,
    database,
    zipped,
)

MANY = 20_000
BEGIN = datetime(2023, 5, 1, 6, tzinfo=UTC)
_SERIES = f"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT {MANY}) INSERT INTO "
_SPACE = "http://www.garmin.com/xmlschemas"


class Sample(NamedTuple):
    """A file, its name, and how many values another reader finds in it."""

    name: str
    file: bytes
    found: int


def _times(form: str = "%Y-%m-%dT%H:%M:%SZ") -> list[str]:
    return [format(BEGIN + timedelta(seconds=number), form) for number in range(MANY)]


def _rate(number: int) -> int:
    return 60 + number % 120


def _apple(_: Path) -> Sample:
    times = enumerate(_times("%Y-%m-%d %H:%M:%S +0000"))
    export = apple_export(*(apple_record("HeartRate", str(_rate(number)), start=time) for number, time in times))
    body = export.decode().removeprefix(APPLE_HEAD)
    found = sum(1 for _, it in ET.iterparse(io.BytesIO(f"<HealthData>{body}".encode())) if it.tag == "Record")
    return Sample("export.zip", zipped({"apple_health_export/export.xml": export}), found)


def _rows(name: str, script: str, series: str, sql: str) -> Callable[[Path], Sample]:
    def make(folder: Path) -> Sample:
        path = database(folder / name, f"{script};{_SERIES}{series};")
        connection = sqlite3.connect(path)
        ((found,),) = connection.execute(sql)
        connection.close()
        return Sample(name, path.read_bytes(), found)

    return make


def _fit(_: Path) -> Sample:
    file = activity(int(BEGIN.timestamp()), map(_rate, range(MANY))).bytes()
    return Sample("run.fit", file, MANY)  # as many as were written: tests/importers compares with a decoder in Go


def _fitbit(_: Path) -> Sample:
    rows = enumerate(_times("%m/%d/%y %H:%M:%S"))
    items = [{"dateTime": time, "value": {"bpm": _rate(number), "confidence": number % 4}} for number, time in rows]
    text = json.dumps(items)
    found = sum(1 for it in json.loads(text) if it["value"]["confidence"])
    return Sample("heart_rate-2023-05-01.json", text.encode(), found)


def _xml(name: str, head: str, point: str, end: str, tag: str) -> Callable[[Path], Sample]:
    def make(_: Path) -> Sample:
        points = "".join(point.format(time=time, rate=_rate(number)) for number, time in enumerate(_times()))
        text = head + points + end
        return Sample(name, text.encode(), sum(1 for it in ET.fromstring(text).iter() if it.tag.endswith(tag)))

    return make


def _csv(_: Path) -> Sample:
    text = "time,bpm\n" + "".join(f"{time},{_rate(number)}\n" for number, time in enumerate(_times()))
    return Sample("rates.csv", text.encode(), sum(1 for _ in csv.DictReader(io.StringIO(text))))


SAMPLES: dict[str, Callable[[Path], Sample]] = {
    "apple_health": _apple,
    "health_connect": _rows(
        "health_connect_export.db",
        HEALTH_CONNECT,
        "heart_rate_record_series_table SELECT 10, x % 90 + 50, 1690000000000 + x * 1000 FROM n",
        "SELECT (SELECT count(*) FROM heart_rate_record_series_table WHERE beats_per_minute > 0)",
    ),
    "gadgetbridge": _rows(
        "Gadgetbridge.db",
        GADGETBRIDGE,
        "MI_BAND_ACTIVITY_SAMPLE SELECT 1682920000 + x * 60, 1, 1, 0, x % 90, 1, x % 255 FROM n",
        "SELECT count(*) FROM MI_BAND_ACTIVITY_SAMPLE WHERE HEART_RATE BETWEEN 11 AND 249 AND RAW_KIND != 115",
    ),
    "fit": _fit,
    "fitbit": _fitbit,
    "tcx": _xml(
        "run.tcx",
        f'<TrainingCenterDatabase xmlns="{_SPACE}/TrainingCenterDatabase/v2"><Activities><Activity Sport="Running">'
        '<Id>2023-05-01T06:00:00Z</Id><Lap StartTime="2023-05-01T06:00:00Z"><Track>',
        "<Trackpoint><Time>{time}</Time><HeartRateBpm><Value>{rate}</Value></HeartRateBpm></Trackpoint>",
        "</Track></Lap></Activity></Activities></TrainingCenterDatabase>",
        "HeartRateBpm",
    ),
    "gpx": _xml(
        "run.gpx",
        '<gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1" '
        f'xmlns:t="{_SPACE}/TrackPointExtension/v1"><trk><trkseg>',
        '<trkpt lat="1" lon="2"><time>{time}</time><extensions><t:TrackPointExtension><t:hr>{rate}</t:hr>'
        "</t:TrackPointExtension></extensions></trkpt>",
        "</trkseg></trk></gpx>",
        "}hr",
    ),
    "csv": _csv,
}
