"""EDF and WFDB, and the catalogue."""

import struct
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from heartguard_importers import KINDS, UPLOADED_KINDS, InvalidFileError, Options, Reason, measurements
from heartguard_influx.measurements.domain import CATALOGUE
from tests.importers.reading import read, shown
from tests.importers.recordings import annotations, edf, wfdb

START = 1_682_917_200 * 10**9  # 2023-05-01 07:00:00 in Madrid
MADRID = Options(time_zone=ZoneInfo("Europe/Madrid"))
SECOND = 10**9


@pytest.mark.parametrize("width", [2, 3])
def test_edf_and_bdf(tmp_path, width):
    top = 2 ** (8 * width - 1)
    # physical -128 to 128 over the digital range: one bpm is top / 128
    rates = [rate * top // 128 for rate in (60, 60, 61, 0, 62, 63)]
    file = edf(
        [("HR", "bpm", -128, 128, 2, rates), ("ECG II", "mV", -5, 5, 4, list(range(12)))], width=width, records=-1
    )
    records, report, kind = read(file, tmp_path, options=MADRID)
    assert kind == "edf"
    assert [(name, round(value), time) for name, value, time in shown(records)] == [
        ("heart_rate", 60, START),
        ("heart_rate", 61, START + SECOND),
        ("heart_rate", 62, START + 2 * SECOND),
    ]
    assert report.skipped == {"ECG II": 1}


def test_edf_plus_with_gaps(tmp_path):
    file = edf([("SpO2", "%", -32768, 32767, 1, [97, 96, 95])], onsets=["0.5", "1.5", "60"])
    records, _, _ = read(file, tmp_path, options=MADRID)
    assert shown(records) == [
        ("spo2", 97.0, START + SECOND // 2),
        ("spo2", 96.0, START + 3 * SECOND // 2),
        ("spo2", 95.0, START + 60 * SECOND),
    ]


def test_edf_that_ends_early_or_lies(tmp_path):
    file = edf([("HR", "bpm", -32768, 32767, 2, [60, 60, 61, 61])], records=9999)
    records, report, _ = read(file[:-1], tmp_path, options=MADRID)
    assert len(records) == 1
    assert report.examples == [(Reason.DAMAGED, "file, data record 2: the file ends in the middle of it")]
    with pytest.raises(InvalidFileError, match="say the person's time zone"):
        read(file, tmp_path)
    with pytest.raises(InvalidFileError, match="the file ends in its header"):
        read(file[:300], tmp_path, options=MADRID)


BEATS = [(28, 0), (1, 100), (1, 300), (5, 480), (14, 500), (1, 680), (1, 680 + 4000)]


def test_wfdb_annotations_are_intervals_between_beats(tmp_path):
    path = wfdb(tmp_path, "rec 0 200 0 07:00:00 01/05/2023\n", atr=annotations(BEATS), qrs=annotations([(1, 5)]))
    records, report, kind = read(path, tmp_path, options=MADRID)
    assert kind == "wfdb"
    assert shown(records) == [
        ("rr_interval", 1000.0, START + 3 * SECOND // 2),
        ("rr_interval", 900.0, START + 2400 * 10**6),
        ("rr_interval", 1000.0, START + 3400 * 10**6),
    ]  # the last beat comes 20 s later
    assert not report.rejected


def test_wfdb_without_a_date_and_with_a_resolution_of_its_own(tmp_path):
    path = wfdb(tmp_path, "rec 0 100\n", qrs=annotations([(1, 1000), (1, 1800)], resolution="1000"))
    with pytest.raises(InvalidFileError, match="says no date"):
        read(path, tmp_path, options=MADRID)
    with pytest.raises(ValueError, match="needs an offset"):
        Options(start=datetime(2023, 5, 1, 5))  # noqa: DTZ001
    records, _, _ = read(path, tmp_path, options=Options(start=datetime(2023, 5, 1, 5, tzinfo=UTC)))
    assert shown(records) == [("rr_interval", 800.0, START + 1800 * 10**6)]


def test_wfdb_signals_of_numbers(tmp_path):
    header = "rec 3 0.5 3 07:00:00 01/05/2023\nrec.dat 16 10/bpm 16 0 0 0 0 HR\n"
    header += "rec.dat 16 1(5)/% 16 0 0 0 0 SpO2\nrec.dat 16 200/mV 12 0 0 0 0 V5\n"
    data = struct.pack("<9h", 605, 102, 7, -32768, 101, 7, 610, 100, 7)
    records, report, _ = read(wfdb(tmp_path, header, dat=data), tmp_path, options=MADRID)
    assert shown(records) == [
        ("heart_rate", 60.5, START),
        ("spo2", 97.0, START),
        ("spo2", 96.0, START + 2 * SECOND),
        ("heart_rate", 61.0, START + 4 * SECOND),
        ("spo2", 95.0, START + 4 * SECOND),
    ]
    assert report.rejected == {Reason.NO_VALUE: 1}
    assert report.skipped == {"V5": 1}


def test_a_header_of_wfdb_opens_only_what_is_beside_it(tmp_path):
    for name in ("../../etc/passwd", "/etc/passwd"):
        header = f"rec 1 1 1 07:00:00 01/05/2023\n{name} 16 1/bpm 16 0 0 0 0 HR\n"
        with pytest.raises(InvalidFileError, match="the name of the signals' file is none"):
            read(wfdb(tmp_path, header), tmp_path, options=MADRID)


def test_each_measurement_is_in_the_catalogue_with_its_field_and_unit():
    catalogue = {entry.name: entry for entry in CATALOGUE}
    for measurement in measurements.ALL:
        entry = catalogue[measurement.name]
        assert measurement.field in entry.fields
        assert measurement.unit == entry.unit
        assert set(entry.sources) <= set(KINDS)
    assert {entry.name for entry in CATALOGUE if entry.sources} == set(measurements.BY_NAME)
    assert [entry.name for entry in CATALOGUE if measurements.MOTION_CONTEXT in entry.tags] == ["heart_rate"]


def test_recordings_of_laboratories_are_not_uploaded():
    assert set(KINDS) - set(UPLOADED_KINDS) == {"edf", "wfdb"}
