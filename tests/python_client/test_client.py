"""The client does what its methods promise, against the running system."""

import json
import zipfile
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from heartguard_client import (
    ApiKey,
    AuthenticationError,
    Client,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    Point,
)
from heartguard_client.client import BATCH
from heartguard_client.points import heart_rate, rfc3339

BEGIN = datetime(2024, 6, 1, 10, tzinfo=UTC)


def test_points_are_read_back_as_they_were_written(client, person):
    nanoseconds = 1_717_236_000_123_456_789  # more than a datetime can tell apart
    point = Point("heart_rate", nanoseconds, {"bpm": 71.5}, {"user_id": str(person.id), "device": "band-7"})
    assert client.write(person.bucket, [point]) == []
    (sample,) = client.samples(person.bucket, "heart_rate", nanoseconds, nanoseconds + 1)
    assert (sample.time, sample.fields) == ("2024-06-01T10:00:00.123456789Z", {"bpm": 71.5})
    assert sample.tags == {"user_id": str(person.id), "device": "band-7"}
    (latest,) = client.latest(person.bucket, "heart_rate")
    assert latest["fields"] == {"bpm": 71.5}


def test_more_points_than_a_request_or_a_page_may_have(client, person):
    count = BATCH + 500
    points = (heart_rate(person.id, BEGIN + timedelta(seconds=number), 60 + number % 60) for number in range(count))
    assert client.write(person.bucket, points) == []
    end = BEGIN + timedelta(seconds=count)
    samples = list(client.samples(person.bucket, "heart_rate", BEGIN, end))
    assert [it.fields["bpm"] for it in samples] == [60 + number % 60 for number in range(count)]
    assert [it.moment for it in samples] == [BEGIN + timedelta(seconds=number) for number in range(count)]
    (newest, *_) = client.samples(person.bucket, "heart_rate", BEGIN, end, newest_first=True)
    assert newest == samples[-1]
    windows = client.windows(person.bucket, "heart_rate", BEGIN, end, aggregate="count", every="1h")
    assert [it.fields["bpm"] for it in windows] == [3600, 3600, count - 7200]


def test_a_rejected_point_comes_back_with_the_reason_and_the_others_are_stored(client, person):
    good = heart_rate(person.id, BEGIN, 72)
    impossible = Point("heart_rate", BEGIN, {"bpm": "fast"}, {"user_id": str(person.id)})
    (rejected,) = client.write(person.bucket, [good, impossible])
    assert rejected.point == impossible.document()
    assert "bpm" in rejected.reason
    assert len(list(client.samples(person.bucket, "heart_rate", BEGIN, BEGIN + timedelta(seconds=1)))) == 1


def test_a_file_its_bytes_and_an_archive_of_ones_own_data(client, person, tmp_path):
    source, copy, archive = tmp_path / "ecg.bin", tmp_path / "copy.bin", tmp_path / "mine.zip"
    source.write_bytes(bytes(range(256)) * 500)
    item = client.upload(source)
    assert client.download(item["id"], copy) == source.stat().st_size
    assert copy.read_bytes() == source.read_bytes()
    client.export_mine(archive, wait=60)
    assert zipfile.is_zipfile(archive)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.bin", "ecg.bin", "mine.zip"]
    assert any(event["action"] == "media.upload" for event in client.audit_events())


def test_an_error_says_what_the_server_said(client, person):
    with pytest.raises(InvalidRequestError) as caught:
        client.write(person.bucket, [{"measurement": "", "fields": {}}])
    assert (caught.value.status, caught.value.code) == (422, "GEN_422")
    assert {it.path for it in caught.value.details} >= {"/points/0/measurement"}
    assert caught.value.request_id in str(caught.value)
    with pytest.raises(NotFoundError):
        client.call("GET", "users/999999999")
    with Client(person.url, ApiKey("of nobody")) as stranger, pytest.raises(AuthenticationError):
        stranger.me()


def test_a_device_key_writes_the_points_of_its_person(client, person):
    key = json.loads(client.call("POST", "auth/api-keys", document={"kind": "device", "name": "band-7"}))["key"]
    with Client(person.url, ApiKey(key)) as device:
        assert device.write(person.bucket, [heart_rate(person.id, BEGIN, 72)]) == []
        with pytest.raises(PermissionDeniedError):
            device.me()


def test_xml_on_request(client, person):
    root = ET.fromstring(client.call("GET", "users/me", accept="application/xml"))
    assert (root.tag, root.findtext("email")) == ("User", person.email)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (1_717_236_000_000_000_000, "2024-06-01T10:00:00Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (datetime(2024, 6, 1, 12, tzinfo=UTC) - timedelta(hours=2), "2024-06-01T10:00:00Z"),
        ("2024-06-01T12:00:00+02:00", "2024-06-01T12:00:00+02:00"),
    ],
)
def test_a_time_is_one_moment(given, written):
    assert rfc3339(given) == written


@pytest.mark.parametrize("given", [datetime(2024, 6, 1, 12), "2024-06-01", "2024-06-01T10:00:00"])  # noqa: DTZ001
def test_a_time_without_a_zone_is_refused(given):
    with pytest.raises(ValueError, match="time"):
        rfc3339(given)
