"""All points of a query that asks for no page, on each store."""

import pytest

from heartguard_common.contract.contracts import Contracts
from heartguard_common.core.errors import ServiceError
from heartguard_common.identity.authentication import Principal
from heartguard_influx.queries import documents
from heartguard_influx.queries.domain.query import Budget
from heartguard_influx.usecases import UseCases
from tests.store.influx.test_contract import RANGE, point

ECHO = {"measurement": "heart_rate"}
RESULT = Contracts.load()["QueryResult"]


def admin(services):
    return Principal("person", "admin", user_id=1, org_id=services.org_id)


def ask(services, bucket, budget, **members):
    """What a query finds where pages and streams hold few points, so that few points make many pages."""
    document = {"bucket": bucket, "measurement": "heart_rate", **RANGE, **members}
    return UseCases.over(services.stores, budget).querying.query(admin(services), document, None)


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("media_type", ["application/json", "application/xml"])
def test_a_grown_document_is_the_one_that_the_encoder_writes(services, order, media_type):
    bucket = services.bucket()
    # Series of 7, 1, 3, 2 and 4 points, with names and values that look like what stands between them.
    sizes = {'a"points":[': 7, "b]}],": 1, "c<points>": 3, "d</points></item></series>": 2, "f": 4}
    points = [
        point(second, {"bpm": 60.0 + second, "note": f"{name}{second}"}, {"device": name})
        for name, size in sizes.items()
        for second in range(size)
    ]
    services.write(bucket, points)
    found = ask(services, bucket, Budget(page=3), order=order)
    assert found.stream is not None
    pages = found.stream.by_group()
    body = b"".join(documents.document_blocks(ECHO, found.groups, pages, lambda it: RESULT.encode(it, media_type)))
    document = RESULT.decode(body, media_type)
    assert body == RESULT.encode(document, media_type)
    notes = [[it["fields"]["note"] for it in series["points"]] for series in document["series"]]
    way = 1 if order == "asc" else -1
    assert notes == [[f"{name}{second}" for second in range(size)][::way] for name, size in sorted(sizes.items())]
    lines = [line for block in documents.lines(found, "heart_rate", found.stream.by_time()) for line in block]
    assert sorted(line["fields"]["note"] for line in lines) == sorted(it for some in notes for it in some)
    assert [line["time"] for line in lines] == sorted((line["time"] for line in lines), reverse=order == "desc")


def test_more_than_a_stream_holds_is_refused(services):
    few = Budget(page=3, stream=5)
    bucket = services.bucket()
    both = [point(second, {"bpm": 60.0, "note": "x"}) for second in range(5)]
    services.write(bucket, both)
    assert ask(services, bucket, few).stream is not None  # five points, although ten values
    services.write(bucket, [point(9, {"bpm": 1.0})])
    with pytest.raises(ServiceError) as refused:
        ask(services, bucket, few)
    assert (refused.value.error_code.code, "asked for 6" in refused.value.details[0].message) == ("TS_006", True)


def test_a_day_of_more_points_than_a_stream_holds_is_not_summarized(services):
    bucket = services.bucket()
    services.write(bucket, [point(second, {"bpm": 60.0}, {"user_id": "7"}) for second in range(5)])
    day = {"bucket": bucket, "day": RANGE["range_start"][:10], "user_id": 7}

    def summarize(stream):
        return UseCases.over(services.stores, Budget(page=2, stream=stream)).summarizing.day(admin(services), day)

    assert summarize(5).summary.samples == 5
    with pytest.raises(ServiceError) as refused:
        summarize(4)
    assert (refused.value.error_code.code, refused.value.details[0].path) == ("TS_006", "/day")


@pytest.mark.parametrize("shape", [{}, {"aggregate": "mean"}, {"aggregate": "mean", "group_by": ["device"]}])
def test_more_series_than_an_answer_is_made_of_are_refused(services, shape):
    few = Budget(series=2)
    bucket = services.bucket()
    services.write(bucket, [point(1, {"bpm": 60.0}, {"device": name}) for name in "ab"])
    found = ask(services, bucket, few, **shape)
    assert found.rows or found.stream
    services.write(bucket, [point(1, {"bpm": 60.0}, {"device": "c"})])
    assert ask(services, bucket, few, tags={"device": "c"}, **shape).groups
    with pytest.raises(ServiceError) as refused:
        ask(services, bucket, few, **shape)
    assert (refused.value.error_code.code, refused.value.details[0].path) == ("TS_006", "/measurement")
