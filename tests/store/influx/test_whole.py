"""All points of a query that asks for no page, on each store."""

import pytest

from heartguard_common.contracts import Contracts
from heartguard_common.errors import ServiceError
from heartguard_common.identity import Principal
from heartguard_influx import export
from heartguard_influx.domain.query import Budget
from heartguard_influx.usecases import Querying, Summarizing
from tests.store.influx.test_contract import RANGE, point

ECHO = {"measurement": "heart_rate"}
RESULT = Contracts.load()["QueryResult"]


def admin(rooms):
    return Principal("person", "admin", user_id=1, org_id=rooms.org_id)


def ask(rooms, bucket, budget, **members):
    """What a query finds where pages and streams hold few points, so that few points make many pages."""
    document = {"bucket": bucket, "measurement": "heart_rate", **RANGE, **members}
    return Querying(rooms.stores, budget).query(admin(rooms), document, None)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("media_type", ["application/json", "application/xml"])
def test_a_grown_document_is_the_one_that_the_encoder_writes(rooms, order, media_type):
    bucket = rooms.bucket()
    # Series of 7, 1, 3, 2 and 4 points, with names and values that look like what stands between them.
    sizes = {'a"points":[': 7, "b]}],": 1, "c<points>": 3, "d</points></item></series>": 2, "f": 4}
    points = [
        point(second, {"bpm": 60.0 + second, "note": f"{name}{second}"}, {"device": name})
        for name, size in sizes.items()
        for second in range(size)
    ]
    rooms.write(bucket, points)
    found = ask(rooms, bucket, Budget(page=3), order=order)
    assert found.whole is not None
    pages = found.whole.by_group()
    body = b"".join(export.grown(ECHO, found.groups, pages, lambda it: RESULT.encode(it, media_type)))
    document = RESULT.decode(body, media_type)
    assert body == RESULT.encode(document, media_type)
    notes = [[it["fields"]["note"] for it in series["points"]] for series in document["series"]]
    way = 1 if order == "asc" else -1
    assert notes == [[f"{name}{second}" for second in range(size)][::way] for name, size in sorted(sizes.items())]
    lines = [line for block in export.lines(found, "heart_rate", found.whole.by_time()) for line in block]
    assert sorted(line["fields"]["note"] for line in lines) == sorted(it for some in notes for it in some)
    assert [line["time"] for line in lines] == sorted((line["time"] for line in lines), reverse=order == "desc")


def test_more_than_a_stream_holds_is_refused(rooms):
    few = Budget(page=3, stream=5)
    bucket = rooms.bucket()
    both = [point(second, {"bpm": 60.0, "note": "x"}) for second in range(5)]
    rooms.write(bucket, both)
    assert ask(rooms, bucket, few).whole is not None  # five points, although ten values
    rooms.write(bucket, [point(9, {"bpm": 1.0})])
    with pytest.raises(ServiceError) as refused:
        ask(rooms, bucket, few)
    assert (refused.value.row.code, "asked for 6" in refused.value.details[0].message) == ("TS_006", True)


def test_a_day_of_more_points_than_a_stream_holds_is_not_summarized(rooms):
    bucket = rooms.bucket()
    rooms.write(bucket, [point(second, {"bpm": 60.0}, {"user_id": "7"}) for second in range(5)])
    day = {"bucket": bucket, "day": RANGE["range_start"][:10], "user_id": 7}
    assert Summarizing(rooms.stores, Budget(page=2, stream=5)).day(admin(rooms), day).summary.samples == 5
    with pytest.raises(ServiceError) as refused:
        Summarizing(rooms.stores, Budget(page=2, stream=4)).day(admin(rooms), day)
    assert (refused.value.row.code, refused.value.details[0].path) == ("TS_006", "/day")


@pytest.mark.parametrize("shape", [{}, {"aggregate": "mean"}, {"aggregate": "mean", "group_by": ["device"]}])
def test_more_series_than_an_answer_is_made_of_are_refused(rooms, shape):
    few = Budget(series=2)
    bucket = rooms.bucket()
    rooms.write(bucket, [point(1, {"bpm": 60.0}, {"device": name}) for name in "ab"])
    found = ask(rooms, bucket, few, **shape)
    assert found.rows or found.whole
    rooms.write(bucket, [point(1, {"bpm": 60.0}, {"device": "c"})])
    assert ask(rooms, bucket, few, tags={"device": "c"}, **shape).groups
    with pytest.raises(ServiceError) as refused:
        ask(rooms, bucket, few, **shape)
    assert (refused.value.row.code, refused.value.details[0].path) == ("TS_006", "/measurement")
