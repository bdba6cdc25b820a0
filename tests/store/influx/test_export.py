"""The export of all points of one person and of no other person, from each store."""

import pytest

from heartguard_common.core.clock import parse_rfc3339
from heartguard_influx.queries.domain.query import PAGE_POINTS

PEOPLE = {"7": 41, "8": 5}


@pytest.fixture
def exporting(services):
    return services.usecases.exporting


def point(person, second, **more):
    tags = {"user_id": person, "device": f"d{second % 2}"}
    time = f"2024-06-01T10:00:{second % 60:02d}.{second:09d}Z"
    return {"measurement": "heart_rate", "tags": tags, "fields": {"bpm": 60 + second}, "timestamp": time, **more}


def test_every_point_of_a_person_in_every_bucket(services, exporting):
    written = []
    for bucket in (services.bucket(), services.bucket()):
        for person, number in PEOPLE.items():
            points = [point(person, second) for second in range(number)]
            points.append(point(person, 0, measurement="sleep", fields={"stage": "rem", "deep": True}))
            services.write(bucket, points)
            written += [(person, bucket, one) for one in points]
        services.write(
            bucket, [{"measurement": "room", "fields": {"celsius": 21.5}, "timestamp": "2024-06-01T10:00:00Z"}]
        )
    for person in PEOPLE:
        found = list(exporting.export(services.org_id, int(person)))
        assert {kind for kind, _ in found} == {"point"}
        mine = {key(bucket, one, one["timestamp"]) for who, bucket, one in written if who == person}
        assert {key(data["bucket"], data, data["time"]) for _, data in found} == mine
        assert len(found) == len(mine)
    assert list(exporting.export(services.org_id, 9)) == []
    assert list(exporting.export(services.org_id + 1, 7)) == []


def key(bucket, one, time):
    """What makes a point: numbers count as what they are worth, whether stored as 60 or as 60.0."""
    fields = sorted(
        (name, value if isinstance(value, str | bool) else float(value)) for name, value in one["fields"].items()
    )
    shown = [(name, type(value).__name__, value) for name, value in fields]
    return bucket, one["measurement"], *sorted(one["tags"].items()), parse_rfc3339(time), *shown


def test_more_points_than_a_page_holds(services, exporting):
    bucket, number = services.bucket(), PAGE_POINTS + 500
    for begin in range(0, number, 5_000):
        services.write(bucket, [point("17", second) for second in range(begin, min(begin + 5_000, number))])
    times = [data["time"] for _, data in exporting.export(services.org_id, 17)]
    assert len(times) == len(set(times)) == number
