"""CSV, TCX and GPX."""

from zoneinfo import ZoneInfo

import pytest

from heartguard_common.core.paths import REPO_ROOT
from heartguard_importers import CsvMapping, InvalidFileError, Options, Reason
from tests.importers.builders import GPX, TCX, zipped
from tests.importers.reading import read, shown

START = 1_682_917_200 * 10**9
MADRID = ZoneInfo("Europe/Madrid")


def test_tcx_with_and_without_positions_fractions_and_values(tmp_path):
    records, report, kind = read(TCX.encode(), tmp_path)
    assert kind == "tcx"
    assert shown(records) == [("heart_rate", 120.0, START), ("heart_rate", 121.0, START + 1_500_000_000)]
    assert report.rejected == {Reason.NO_VALUE: 1, Reason.TIME: 1}


def test_gpx_with_two_kinds_of_extension(tmp_path):
    records, report, kind = read(GPX.encode(), tmp_path)
    assert kind == "gpx"
    assert shown(records) == [("heart_rate", 120.0, START), ("heart_rate", 121.0, START + 10**9)]
    assert records[0].tags == {"source": "GPX", "device": "Acme One"}
    assert not report.rejected


def test_local_times_need_a_time_zone(tmp_path):
    file = TCX.replace("Z</Time>", "</Time>").encode()
    assert read(file, tmp_path)[1].rejected == {Reason.TIME: 3, Reason.NO_VALUE: 1}
    records, _, _ = read(file, tmp_path, options=Options(time_zone=MADRID))
    assert records[0].time == START - 2 * 3600 * 10**9


def test_an_archive_of_tracks_where_one_is_damaged(tmp_path):
    file = zipped(
        {
            "a.tcx": TCX.encode(),
            "b.tcx": TCX[: TCX.index("<Position>")].encode(),
            "c.tcx": TCX.encode(),
            "readme.txt": b"?",
        }
    )
    records, report, kind = read(file, tmp_path, name="all.zip")
    assert (kind, len(records)) == ("tcx", 5)
    damaged = [example.place for example in report.examples if example.reason is Reason.DAMAGED]
    assert damaged == ["b.tcx in all.zip, line 7: the file ends before its last element"]


def test_csv_whose_columns_have_known_names(tmp_path):
    records, report, kind = read(REPO_ROOT / "examples" / "recording.csv", tmp_path)
    lines = (REPO_ROOT / "examples" / "recording.csv").read_text().splitlines()[1:]
    assert kind == "csv"
    assert [record.fields["bpm"] for record in records] == [float(line.split(",")[1]) for line in lines]
    assert not report.rejected


def test_csv_of_a_spreadsheet_by_a_mapping(tmp_path):
    text = "\ufeffWann;Puls;SpO2;Gerät\r\n01.05.2023 07:00;72,5;97;Uhr\r\n"
    text += "01.05.2023 07:01;;96;\r\n01.05.2023 07:02;x;;\r\n\r\n07:03\r\n"
    mapping = CsvMapping(
        "Wann", {"Puls": "heart_rate", "SpO2": "spo2"}, {"Gerät": "device"}, time_format="%d.%m.%Y %H:%M"
    )
    records, report, kind = read(text.encode(), tmp_path, options=Options(time_zone=MADRID, csv=mapping))
    assert kind == "csv"
    assert shown(records) == [
        ("heart_rate", 72.5, START),
        ("spo2", 97.0, START),
        ("spo2", 96.0, START + 60 * 10**9),
    ]
    assert [record.tags for record in records] == [{"source": "CSV", "device": "Uhr"}] * 2 + [{"source": "CSV"}]
    assert report.rejected == {Reason.NO_VALUE: 2, Reason.NOT_A_NUMBER: 1, Reason.DAMAGED: 1}


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1682917200", START),
        ("1682917200.25", START + 250_000_000),
        ("1682917200123", START + 123_000_000),
        ("1682917200123456", START + 123_456_000),
        ("1682917200123456789", START + 123_456_789),
        ("2023-05-01T05:00:00Z", START),
        ("2023-05-01 07:00:00+02:00", START),
        ("2023-05-01T07:00", START),
    ],
)
def test_times_of_csv(tmp_path, text, time):
    options = Options(time_zone=MADRID)
    assert shown(read(f"time,hr\n{text},60\n".encode(), tmp_path, options=options)[0]) == [("heart_rate", 60.0, time)]


def test_local_times_where_clocks_are_changed(tmp_path):
    rows = ["2023-03-26T01:59:00", "2023-03-26T02:30:00", "2023-03-26T03:00:00"]  # 02:30 does not exist
    rows += ["2023-10-29T02:00:00", "2023-10-29T02:59:00", "2023-10-29T02:00:00", "2023-10-29T02:59:00"]  # twice
    text = "time,hr\n" + "".join(f"{row},60\n" for row in rows)
    records, report, _ = read(text.encode(), tmp_path, options=Options(time_zone=MADRID))
    minutes = [record.time // (60 * 10**9) for record in records]
    assert minutes[1] - minutes[0] == 1
    assert [minute - minutes[2] for minute in minutes[2:]] == [0, 59, 60, 119]
    assert report.rejected == {Reason.TIME_SKIPPED: 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"time,hr\n1,\xff\n", "line 2: is not UTF-8"),
        (b"time,hr\n" + b"1" * 70_000, "line 2: has more than 65536 bytes"),
        (b"when,hr\n1,2\n", "line 1: the header has no known columns"),
        (b'time,hr\n"' + b"1,2\n" * 60_000, "is no line of a CSV file"),
    ],
)
def test_csv_that_is_refused(tmp_path, text, problem):
    with pytest.raises(InvalidFileError, match=problem):
        read(text, tmp_path, "csv")


def test_a_mapping_that_names_what_does_not_exist(tmp_path):
    for mapping in (CsvMapping("when", {"hr": "heart_rate"}), CsvMapping("time", {"hr": "pulse"})):
        with pytest.raises(InvalidFileError, match=r"line 1: no (column|measurement) has the name"):
            read(b"time,hr\n1,2\n", tmp_path, options=Options(csv=mapping))
