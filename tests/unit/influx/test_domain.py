"""The rules of time series, without a store."""

import pytest

from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.settings import SettingsError
from heartguard_common.stores.arrays import numbers, texts
from heartguard_influx import errors
from heartguard_influx.buckets.domain import Bucket, belongs_to
from heartguard_influx.measurements.domain import CATALOGUE
from heartguard_influx.points.domain.duplicates import Batch
from heartguard_influx.points.domain.point import Point, Rules, judge_types
from heartguard_influx.series.domain import person_of, series_digest
from heartguard_influx.settings import Settings

ENVIRON = {
    "DATABASE_URL": "postgresql://x@localhost/x",
    "REDIS_URL": "redis://localhost",
    "SERVICE_SECRET": "kq8Zt1vXw4Rm7Bc0Ny5Hd2Lf9Gs3Pj6Ua",
    "SERVICE_CREDENTIALS": "auth:" + "0" * 64,
}
INFLUX = {"INFLUX_URL": "http://influx:8086", "INFLUX_TOKEN": "t", "INFLUX_ORG": "o"}


@pytest.mark.parametrize("name", ["org_1", "org_1_x", "org_1_2", "org_1_a.b-c", "org_1__"])
def test_names_of_organization_1(name):
    assert belongs_to(name, 1)


OTHER_NAMES = ["org_2", "org_11", "org_1_", "org_01", "ORG_1", "org_1.x", "xorg_1", "org_1\n", ""]


def test_names_that_are_not_of_organization_1(subtests):
    for name in OTHER_NAMES:
        with subtests.test(name):
            assert not belongs_to(name, 1)


@pytest.mark.parametrize(
    ("seconds", "nanoseconds", "taken"),
    [(300, 0, True), (300, 1, False), (-30 * 86_400, 0, True), (-30 * 86_400, -1, False)],
)
def test_a_point_may_be_five_minutes_ahead_and_as_old_as_the_bucket_keeps_points(seconds, nanoseconds, taken):
    now = 1_717_236_000 * 10**9
    rules = Rules(Bucket(1, 1, "org_1", 30, "2024-01-01T00:00:00Z"), now, None)
    point = Point("heart_rate", (), {"bpm": 60.0}, now + seconds * 10**9 + nanoseconds)
    assert (rules.rejection(point) is None) is taken


def test_the_person_of_a_series_is_a_plain_number_in_its_tag():
    assert person_of([("user_id", "12")]) == 12
    for text in ("012", "0", "-1", "12 ", "1e3", "x", "", "١٢", "9" * 30):
        assert person_of([("user_id", text)]) is None
    assert person_of([("user", "12")]) is None


def test_series_differ_when_measurement_or_tags_do():
    series = [("a", ()), ("b", ()), ("a", (("b", "c"),)), ("a", (("c", "b"),)), ("a", (("b", "c"), ("d", "e")))]
    series += [("a", (("b", 'c"],["d","e'),)), ('a",[["b","c"]]', ())]
    assert len({series_digest(*one) for one in series}) == len(series)


def test_types_are_checked_in_order_and_a_rejected_point_fixes_none():
    def point(**fields):
        return Point("m", (), fields, 0)

    points = [None, point(a=1.0, b="x"), point(a="x", c=True), point(c=2.0), point(b="y", d=1.0)]
    rejections, new = judge_types(points, {("m", "b"): "string"})
    assert list(rejections) == [2]
    assert new == {("m", "a"): "float", ("m", "c"): "float", ("m", "d"): "float"}
    assert list(judge_types(points, {("m", "a"): "boolean"})[0]) == [1, 2]


def test_a_field_of_the_catalogue_is_a_number_whatever_comes_first():
    def beat(**fields):
        return Point("heart_rate", (), fields, 0)

    rejections, new = judge_types([beat(bpm="seventy"), beat(bpm=True), beat(bpm=70.0, note="x")], {})
    assert rejections == dict.fromkeys((0, 1), "the field bpm is of type float")
    assert new == {("heart_rate", "bpm"): "float", ("heart_rate", "note"): "string"}
    assert judge_types([beat(value="x")], {}) == ({0: "the field value is of type float"}, {})
    # The same names elsewhere are anybody's.
    assert judge_types([Point("m", (), {"bpm": "x"}, 0)], {}) == ({}, {("m", "bpm"): "string"})


def test_a_batch_gives_first_and_last_values():
    one, other = (1, 0, 1), (1, 0, 2)
    batch = Batch([{one: value} for value in (1.0, 2.0, 3.0)] + [{other: 1.0}])
    assert batch.first == {one: 1.0, other: 1.0}
    assert batch.last == {one: 3.0}
    assert batch.statuses({one: True}) == ["created", "updated", "updated", "duplicate"]
    assert batch.statuses({one: False}) == ["updated", "updated", "updated", "duplicate"]


def test_a_batch_without_repeats_distinguishes_new_old_and_changed_points():
    first, second, third = (1, 0, 1), (1, 0, 2), (1, 5, 1)
    batch = Batch([{first: 1.0, second: 2.0}, {third: 1.0}])
    assert (len(batch.first), batch.last) == (3, {})
    assert batch.statuses({first: True, second: True, third: True}) == ["created", "created"]
    assert batch.statuses({first: True, second: True, third: False}) == ["created", "updated"]
    assert batch.statuses({first: True}) == ["updated", "duplicate"]
    assert batch.statuses({}) == ["duplicate", "duplicate"]


def test_array_literals():
    assert numbers([1, None, -2]) == "{1,NULL,-2}"
    assert numbers([1e300, 0.1]) == "{1e+300,0.1}"
    assert texts(["a", None, 'q"\\', "NULL", "{,}", ""]) == '{"a",NULL,"q\\"\\\\","NULL","{,}",""}'


def test_the_catalogue_satisfies_its_contract_and_names_each_measurement_once():
    names = [measurement.name for measurement in CATALOGUE]
    assert len(set(names)) == len(names)
    items = [vars(measurement) for measurement in CATALOGUE]
    Contracts.load()["MeasurementList"].check({"items": items})
    assert next(item for item in items if item["name"] == "heart_rate")["unit"] == "bpm"
    assert all(item["minimum"] < item["maximum"] for item in items)


def test_error_codes_are_our_own_and_different():
    codes = [row.code for row in errors.CODES]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("TS_") for code in codes)


def test_postgresql_alone_is_enough():
    assert Settings.from_env(ENVIRON | dict.fromkeys(INFLUX, "")).influx_url == ""


@pytest.mark.parametrize("name", INFLUX)
def test_one_influx_variable_without_the_others_is_refused(name):
    with pytest.raises(SettingsError, match=f"{name} needs .* set all three, or none"):
        Settings.from_env(ENVIRON | {name: INFLUX[name]})


def test_all_three_name_the_influxdb():
    found = Settings.from_env(ENVIRON | INFLUX)
    assert (found.influx_url, found.influx_token, found.influx_org) == ("http://influx:8086", "t", "o")
    assert Settings.from_env(ENVIRON | INFLUX | {"INFLUX_URL": "https://h/path/"}).influx_url == "https://h/path"


@pytest.mark.parametrize("url", ["influx:8086", "ftp://h", "http://", "http://h?token=x", "http://h#x"])
def test_an_invalid_influx_url_is_refused(url):
    with pytest.raises(SettingsError, match="INFLUX_URL must be"):
        Settings.from_env(ENVIRON | INFLUX | {"INFLUX_URL": url})
