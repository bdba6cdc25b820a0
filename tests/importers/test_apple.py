"""Apple Health: the broken DTD, units, sources, devices, motion context, daylight saving time."""

from heartguard_importers import Reason
from tests.importers.builders import apple_export, apple_record, zipped
from tests.importers.reading import read, shown

SEVEN = 1_682_917_200 * 10**9  # 2023-05-01T05:00:00Z


def test_each_type_in_the_unit_of_the_catalogue(tmp_path):
    file = apple_export(
        apple_record("HeartRate", "72.5"),
        apple_record("HeartRate", "1.2", "count/s"),
        apple_record("RestingHeartRate", "55"),
        apple_record("HeartRateVariabilitySDNN", "41.7", "ms"),
        apple_record("OxygenSaturation", "0.97", "%"),
        apple_record("RespiratoryRate", "14.5"),
        apple_record("StepCount", "31", "count", end="2023-05-01 07:10:00 +0200"),
        apple_record("BodyMass", "70", "kg"),
    )
    records, report, kind = read(file, tmp_path)
    assert kind == "apple_health"
    assert shown(records) == [
        ("heart_rate", 72.5, SEVEN),
        ("heart_rate", 72.0, SEVEN),
        ("resting_heart_rate", 55.0, SEVEN),
        ("hrv_sdnn", 41.7, SEVEN),
        ("spo2", 97.0, SEVEN),
        ("respiratory_rate", 14.5, SEVEN),
        ("steps", 31.0, SEVEN + 600 * 10**9),
    ]
    assert report.skipped == {"BodyMass": 1}
    assert (report.yielded, report.rejected.total(), report.progress) == (7, 0, 1.0)


def test_one_watch_is_one_device_whatever_its_address_and_version(tmp_path):
    records, _, _ = read(
        apple_export(*(apple_record("HeartRate", "72", address=i, minor=i) for i in range(50))), tmp_path
    )
    assert {tuple(record.tags.items()) for record in records} == {
        (("source", "Ana\u2019s Apple Watch"), ("device", "Apple Watch Watch6,2"))
    }


def test_the_motion_context_is_a_tag_of_its_heart_rate(tmp_path):
    motions = (None, "0", "1", "2", "7")
    file = apple_export(*(apple_record("HeartRate", "72", motion=motion) for motion in motions))
    records, _, _ = read(file, tmp_path)
    assert [record.tags.get("motion_context") for record in records] == [None, None, "sedentary", "active", None]


def test_the_hour_that_daylight_saving_time_repeats_is_two_hours(tmp_path):
    times = ("2023-10-29 02:30:00 +0200", "2023-10-29 02:30:00 +0100")
    records, _, _ = read(apple_export(*(apple_record("HeartRate", "60", start=time) for time in times)), tmp_path)
    assert records[1].time - records[0].time == 3600 * 10**9


def test_what_is_not_a_value_is_rejected_with_its_place(tmp_path):
    file = apple_export(
        apple_record("HeartRate", "0"),
        apple_record("HeartRate", "NaN"),
        apple_record("HeartRate", "many"),
        apple_record("HeartRate", "72", "furlongs"),
        apple_record("HeartRate", "72", start="yesterday"),
        apple_record("HeartRate", "72", start="1970-01-01 00:00:00 +0000"),
        apple_record("OxygenSaturation", "", "%"),
        apple_record("HeartRate", "72"),
    )
    records, report, _ = read(file, tmp_path, name="export.xml")
    assert shown(records) == [("heart_rate", 72.0, SEVEN)]
    assert report.rejected == {
        Reason.NO_VALUE: 2,
        Reason.NOT_A_NUMBER: 2,
        Reason.UNIT: 1,
        Reason.TIME: 1,
        Reason.TIME_RANGE: 1,
    }
    line = file.decode().splitlines().index(apple_record("HeartRate", "NaN").rstrip("\n")) + 1
    assert next(example.place for example in report.examples if example.reason is Reason.NOT_A_NUMBER) == (
        f"export.xml, line {line}"
    )


def test_control_characters_and_records_in_a_correlation_do_not_disturb(tmp_path):
    inner = apple_record("HeartRate", "99")
    file = apple_export(apple_record("HeartRate", "72", source="Ana\x0bWatch"), f"<Correlation>{inner}</Correlation>")
    records, report, _ = read(file, tmp_path)
    assert shown(records) == [("heart_rate", 72.0, SEVEN)]
    assert records[0].tags["source"] == "AnaWatch"
    assert report.skipped == {"Correlation": 1}


def test_the_archive_with_a_translated_name_a_clinical_document_and_routes(tmp_path):
    file = zipped(
        {
            "apple_health_export/exportar_cda.xml": b"<?xml version='1.0'?><ClinicalDocument>"
            + b" " * 9999
            + b"</ClinicalDocument>",
            "apple_health_export/exportar.xml": apple_export(apple_record("HeartRate", "72")),
            "apple_health_export/workout-routes/route.gpx": b"<gpx></gpx>",
        }
    )
    records, _, kind = read(file, tmp_path)
    assert (kind, shown(records)) == ("apple_health", [("heart_rate", 72.0, SEVEN)])
