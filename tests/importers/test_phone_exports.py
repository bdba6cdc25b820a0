"""Health Connect, Gadgetbridge and Fitbit."""

from zoneinfo import ZoneInfo

from heartguard_importers import Options, Reason
from tests.importers.builders import GADGETBRIDGE, HEALTH_CONNECT, database, fitbit, zipped
from tests.importers.reading import read, shown

START = 1_682_917_200 * 10**9
SECOND = 10**9


def test_health_connect(tmp_path):
    path = database(tmp_path / "health.db", HEALTH_CONNECT)
    records, report, kind = read(path, tmp_path)
    assert kind == "health_connect"
    assert shown(records) == [
        ("heart_rate", 61.0, START),
        ("heart_rate", 62.0, START + 1_500_000_000),
        ("heart_rate", 63.0, START),
        ("heart_rate", 64.0, START + 5 * SECOND),
        ("spo2", 97.5, START),
        ("steps", 42.0, START + 60 * SECOND),
    ]
    assert [record.tags for record in records[1:4]] == [
        {"source": "com.example.watch", "device": "Acme One"},
        {"source": "com.example.strap"},
        {"source": "Health Connect"},
    ]
    assert report.examples[0] == (Reason.NO_VALUE, "health.db, table heart_rate_record_series_table, row 5")
    archive = zipped({"health_connect_export.db": path.read_bytes()})
    assert shown(read(archive, tmp_path)[0]) == shown(records)


def test_gadgetbridge(tmp_path):
    path = database(tmp_path / "Gadgetbridge", GADGETBRIDGE)
    records, report, kind = read(path, tmp_path)
    assert kind == "gadgetbridge"
    assert [(*row[:2], (row[2] - START) // SECOND) for row in shown(records)] == [
        ("resting_heart_rate", 55.0, 0),
        ("steps", 12.0, 0),
        ("heart_rate", 70.0, 0),
        ("steps", 0.0, 60),
        ("steps", 0.0, 180),
        ("steps", 0.0, 240),
        ("heart_rate", 71.0, 240),
        ("steps", 0.0, 240),
        ("heart_rate", 72.0, 240),
    ]
    assert report.rejected == {Reason.NO_VALUE: 3, Reason.NOT_WORN: 1}
    devices = {record.tags["device"] for record in records}
    assert devices == {"Huami Mi Band 5", "X Twin #2", "X Twin #3"}
    archive = zipped({"database/Gadgetbridge": path.read_bytes(), "gadgetbridge.json": b"{}"})
    assert shown(read(archive, tmp_path)[0]) == shown(records)


def test_gadgetbridge_when_the_band_was_not_worn(tmp_path):
    script = GADGETBRIDGE.replace("MI_BAND_ACTIVITY_SAMPLE", "HUAMI_EXTENDED_ACTIVITY_SAMPLE")
    records, report, _ = read(database(tmp_path / "Gadgetbridge", script), tmp_path)
    assert 88.0 not in [record.fields.get("bpm") for record in records]
    assert report.rejected == {Reason.NO_VALUE: 3, Reason.NOT_WORN: 1}


def test_fitbit(tmp_path):
    records, report, kind = read(fitbit(), tmp_path, options=Options(time_zone=ZoneInfo("Europe/Madrid")))
    assert kind == "fitbit"
    found = {(name, value, (time - START) // SECOND) for name, value, time in shown(records)}
    seven = 2 * 3600  # 07:00Z; the start is 05:00Z
    assert found == {
        ("heart_rate", 62.0, seven),
        ("heart_rate", 63.0, seven + 10),
        ("resting_heart_rate", 58.25, -7 * 3600),
        ("steps", 12.0, seven),
        ("hrv_rmssd", 31.5, -(4 * 3600 + 25 * 60)),
        ("spo2", 96.4, -(3 * 3600 + 20 * 60)),
        ("heart_rate", 64.0, seven + 366 * 86_400),
    }
    assert report.rejected == {Reason.NOT_WORN: 1, Reason.NO_VALUE: 2}
    assert len(records) == len(found)  # the heart rates of 2023 stand in two files
    assert "Charge 6" in [record.tags.get("device") for record in records]
    _, without, _ = read(fitbit(), tmp_path)
    assert without.rejected[Reason.TIME] == 1  # the local time of HRV
