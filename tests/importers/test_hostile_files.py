"""Files that are made to harm: a clear error that names the place, or only what is a value."""

import io
import os
import struct
import zipfile

import pytest

from heartguard_importers import InvalidFileError, Limits, Options, Reading, Reason
from tests.importers.builders import (
    APPLE_HEAD,
    GPX,
    HEALTH_CONNECT,
    TCX,
    activity,
    apple_export,
    apple_record,
    database,
    zipped,
)
from tests.importers.reading import read, shown

SMALL = Options(limits=Limits(ratio_from_bytes=1024**2, unpacked_bytes=64 * 1024**2))
RECORD = apple_record("HeartRate", "72")


def refused(tmp_path, file, kind="auto", *, name="file", options=None) -> str:
    """The text of the error."""
    with pytest.raises(InvalidFileError) as caught:
        read(file, tmp_path, kind, name=name, options=options)
    return str(caught.value)


# Archives


def test_a_zip_bomb(tmp_path):
    bomb = zipped({"export.xml": apple_export(RECORD) + b" " * 40 * 1024**2})
    member = zipfile.ZipFile(io.BytesIO(bomb)).infolist()[0].compress_size
    text = f"export.xml in file: has more than {200 * member} bytes unpacked (zip bomb)"
    assert refused(tmp_path, bomb, options=SMALL) == text
    many = zipped({f"{number}.fit": b"\0" * 10 * 1024**2 for number in range(10)})
    assert "bytes unpacked (zip bomb)" in refused(tmp_path, many, options=SMALL)


def test_a_zip_bomb_of_overlapping_members(tmp_path):
    whole = bytearray(zipped({"a.fit": b"x" * 9000, "b.fit": b"x" * 9000}))
    second = whole.rfind(b"PK\x01\x02")
    struct.pack_into("<L", whole, second + 42, 0)  # where its data begin: at those of the first
    assert "overlaps another member (zip bomb)" in refused(tmp_path, bytes(whole))


@pytest.mark.parametrize("name", ["../../etc/cron.d/x.fit", "/etc/x.fit", "a\\..\\..\\x.fit", "C:\\x.fit"])
def test_zip_slip(tmp_path, name):
    assert refused(tmp_path, zipped({name: b"x"})).endswith("the name leads out of the archive (zip slip)")


def test_members_that_no_export_has(tmp_path):
    link = io.BytesIO()
    with zipfile.ZipFile(link, "w") as archive:
        member = zipfile.ZipInfo("a.fit")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    assert refused(tmp_path, link.getvalue()) == "a.fit in file: is a symbolic link"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.fit", b"x")
    assert refused(tmp_path, packed.getvalue()) == "a.fit in file: has a compression other than deflate"
    locked = bytearray(zipped({"a.fit": b"x"}))
    locked[locked.rfind(b"PK\x01\x02") + 8] |= 1
    assert refused(tmp_path, bytes(locked)) == "a.fit in file: is encrypted"


def test_an_archive_whose_directory_claims_gigabytes(tmp_path):
    whole = bytearray(zipped({"a.fit": b"x"}))
    struct.pack_into("<L", whole, whole.rfind(b"PK\x05\x06") + 12, 0x7FFFFFFF)
    assert "the directory of the archive has 2147483647 bytes" in refused(tmp_path, bytes(whole))


def test_what_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, problem in ((tmp_path / "pipe", "not a regular file"), (tmp_path, "not a regular file")):
        with pytest.raises(InvalidFileError, match=problem):
            Reading(path)
    with pytest.raises(InvalidFileError, match="No such file"):
        Reading(tmp_path / "nothing")
    assert refused(tmp_path, b"") == "file: is empty"
    assert "more than 10" in refused(tmp_path, b"x" * 11, options=Options(limits=Limits(file_bytes=10)))


# XML

LAUGHS = (
    """<!DOCTYPE gpx [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>"""
)


@pytest.mark.parametrize(
    "doctype",
    [LAUGHS, '<!DOCTYPE gpx SYSTEM "file:///etc/passwd">', '<!DOCTYPE gpx [<!ENTITY x SYSTEM "http://127.0.0.1/">]>'],
)
def test_gpx_and_tcx_may_not_have_a_doctype(tmp_path, doctype):
    for text, kind in ((GPX, "gpx"), (TCX, "tcx")):
        head, _, rest = text.partition("\n")
        file = f"{head}\n{doctype}\n{rest}".encode()
        assert refused(tmp_path, file, kind) == "file, line 2: has a DOCTYPE"


def test_the_doctype_of_apple_may_not_have_entities(tmp_path):
    for entity in ('<!ENTITY a "ha">', '<!ENTITY % a SYSTEM "file:///etc/passwd">'):
        file = apple_export(RECORD).replace(b"<!ELEMENT", entity.encode() + b"<!ELEMENT", 1)
        assert refused(tmp_path, file, "apple_health") == "file, line 2: the DOCTYPE declares an entity"
    # An entity that nobody declared, a second DOCTYPE behind the first, one whose end is not in sight.
    assert "undefined entity" in refused(tmp_path, apple_export(apple_record("HeartRate", "&a;")), "apple_health")
    twice = apple_export(RECORD).replace(b"<HealthData", b'<!DOCTYPE x [<!ENTITY a "ha">]><HealthData', 1)
    assert "has a DOCTYPE where none may be" in refused(tmp_path, twice, "apple_health")
    endless = APPLE_HEAD.partition("]>")[0].encode() + b" " * 2 * 1024**2
    assert "the DOCTYPE does not end" in refused(tmp_path, endless, "apple_health")


def test_a_doctype_can_not_hide_behind_an_encoding(tmp_path):
    text = f'<?xml version="1.0" encoding="utf-16"?>{LAUGHS}<gpx/>'
    assert refused(tmp_path, text.encode("utf-16"), "gpx") == "file: is not UTF-8"
    text = '<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE gpx+AD4-<gpx/>'
    assert "declares an encoding that is not supported" in refused(tmp_path, text.encode(), "gpx")


def test_deep_elements_and_endless_tags(tmp_path):
    assert "nested deeper than 64" in refused(tmp_path, b"<gpx>" + b"<a>" * 100_000, "gpx")
    assert "a tag or comment is too long" in refused(tmp_path, b'<gpx a="' + b"x" * 8 * 1024**2, "gpx")
    assert "a tag or comment is too long" in refused(tmp_path, b"<gpx><!--" + b"x" * 8 * 1024**2, "gpx")


def test_a_text_of_megabytes_is_no_value(tmp_path):
    long = b"9" * 8 * 1024**2
    records, report, _ = read(GPX.encode().replace(b">120<", b">" + long + b"<"), tmp_path)
    assert len(records) == 1
    assert report.rejected == {Reason.NOT_A_NUMBER: 1}


def test_records_before_the_damage_are_given(tmp_path):
    path = tmp_path / "export.xml"
    path.write_bytes(apple_export(*[RECORD] * 500)[:-50_000])
    reading = Reading(path)
    with pytest.raises(InvalidFileError, match=r"^export.xml, line \d+: the file ends before its last element$"):
        list(reading)
    assert 300 < reading.report.yielded < 400


# SQLite


@pytest.mark.parametrize(
    "script",
    [
        # The name of a table that is read, taken by what computes when it is read.
        "CREATE VIEW v AS SELECT 1 AS row_id, randomblob(1000000000) AS package_name",
        "CREATE TRIGGER t BEFORE INSERT ON steps_record_table BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE f USING fts5(a)",
        "CREATE TABLE g (row_id INTEGER, x GENERATED ALWAYS AS (hex(zeroblob(400000000))))",
    ],
)
def test_what_a_database_has_besides_tables_is_not_touched(tmp_path, script):
    path = database(tmp_path / "x.db", HEALTH_CONNECT + script)
    before = path.read_bytes()
    assert len(read(path, tmp_path)[0]) == 6
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["x.db"]


def test_a_view_in_place_of_a_table(tmp_path):
    script = (
        HEALTH_CONNECT
        + """
        DROP TABLE steps_record_table;
        CREATE VIEW steps_record_table AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)
          SELECT x AS end_time, x AS count FROM n;"""
    )
    assert "steps" not in [record.measurement for record in read(database(tmp_path / "x.db", script), tmp_path)[0]]
    only = "CREATE TABLE application_info_table (row_id);"
    only += "CREATE VIEW steps_record_table AS SELECT 1 AS end_time, 2 AS count;"
    path = database(tmp_path / "y.db", only)
    assert "is a database of no known program" in refused(tmp_path, path)


def test_a_computed_column_is_no_column(tmp_path):
    script = HEALTH_CONNECT.replace("end_time INTEGER, count INTEGER)", "end_time INTEGER, count AS (1 + 1))", 1)
    script = script.replace("INSERT INTO steps_record_table VALUES (1, 1, 1, 1682917200000, 1682917260000, 42);", "")
    script += "INSERT INTO steps_record_table (row_id) VALUES (1);"
    assert "steps" not in [record.measurement for record in read(database(tmp_path / "x.db", script), tmp_path)[0]]


def test_a_damaged_database_says_in_which_table(tmp_path):
    script = (
        HEALTH_CONNECT
        + """
        WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 9000)
          INSERT INTO heart_rate_record_series_table SELECT 10, 60 + x % 50, 1682917300000 + x FROM n;"""
    )
    path = database(tmp_path / "x.db", script)
    whole = bytearray(path.read_bytes())
    whole[-30_000:-20_000] = b"\xff" * 10_000
    text = refused(tmp_path, bytes(whole), name="x.db")
    assert text.startswith("x.db, table heart_rate_record_series_table, after row ")
    assert "malformed" in text


def test_rows_that_multiply(tmp_path):
    script = (
        HEALTH_CONNECT.replace("(row_id INTEGER PRIMARY KEY, uuid BLOB", "(row_id INTEGER, uuid BLOB", 1)
        + """
        WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 2000)
          INSERT INTO heart_rate_record_table SELECT 10, x'00', 1, 1, 0, 0, 0, 0 FROM n;
        WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 2000)
          INSERT INTO heart_rate_record_series_table SELECT 10, 60, 1682917300000 + x FROM n;"""
    )
    text = refused(tmp_path, database(tmp_path / "x.db", script))
    assert text == "x.db, table heart_rate_record_series_table: has more rows than the file has room for"


def test_values_of_other_types_are_no_values(tmp_path):
    script = (
        HEALTH_CONNECT
        + """
        INSERT INTO heart_rate_record_series_table VALUES (10, x'4142', 1682917200000), (10, 'fast', 1682917200000),
          (10, 70, 'now'), (10, 70, 9223372036854775807), (10, 1e999, 1682917200000);
        INSERT INTO application_info_table VALUES (3, x'00ff', NULL);"""
    )
    records, report, _ = read(database(tmp_path / "x.db", script), tmp_path)
    assert len(records) == 6
    assert report.rejected.total() == 6


# Others


def test_json_of_fitbit(tmp_path):
    name = "heart_rate-2023-05-01.json"
    huge = b'[{"a": "' + b"x" * 200_000 + b'"}]'
    for text, problem in (
        (b"[" * 60_000, "item 1: is nested too deep"),
        (b"{}", "is not an array of JSON"),
        (b"[1,", "item 2: is not JSON, or has more than 65536 bytes"),
        (b"[1", "item 1: the array ends in the middle"),
        (b"[1 2]", "item 1: is not JSON"),
        (b"[\xff]", "item 0: is not UTF-8"),
        (b'[{"value": ' + b"9" * 5_000 + b"}]", "item 1: is not JSON, or has more than 65536 bytes"),
        (huge, "item 1: is not JSON, or has more than 65536 bytes"),
    ):
        assert refused(tmp_path, text, "fitbit", name=name).removeprefix(name).lstrip(",: ") == problem
    spread = b'[{"dateTime": "05/01/23 07:00:00", "value": {"bpm": 60}}' + b" " * 70_000 + b", 17]"
    assert len(read(spread, tmp_path, "fitbit", name=name)[0]) == 1
    records, report, _ = read(b'[1, null, [], {"value": {"bpm": {}}}]', tmp_path, "fitbit", name=name)
    assert not records
    assert report.rejected.total() == 4


def test_another_kind_than_it_is(tmp_path):
    good = activity(1_682_917_200, (120,)).bytes()
    for kind in ("apple_health", "tcx", "gpx", "health_connect", "gadgetbridge", "fitbit", "csv"):
        assert refused(tmp_path, good, kind).startswith("file")
    with pytest.raises(ValueError, match="is not one of"):
        read(good, tmp_path, "exe")


def test_the_same_file_gives_the_same_records(tmp_path):
    path = database(tmp_path / "x.db", HEALTH_CONNECT)
    assert shown(read(path, tmp_path)[0]) == shown(read(path, tmp_path)[0])
