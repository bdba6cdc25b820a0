"""Points that are written as text are the bytes that the encoder makes of their documents."""

import json

import pytest

from heartguard_common.contract.json_documents import dump_json
from heartguard_influx.queries.documents import document_blocks, plain_points
from heartguard_influx.queries.domain.query import ResultRow
from heartguard_influx.series.domain import Group

TAGS = (Group((("user_id", "1"),), (1,)), Group((("user_id", "2"),), (2,)))
TIMES = (0, 1, -1, 1_600_041_600_000_000_000, 1_600_041_600_123_456_789)
TEXTS = ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000001Z", "1969-12-31T23:59:59.999999999Z")


def rows(*values: object, name: str = "bpm", group: int = 0) -> list[ResultRow]:
    return [ResultRow(group, time_ns, {name: value}) for time_ns, value in zip(TIMES, values, strict=False)]


@pytest.mark.parametrize("name", ["bpm", 'a "quoted" name', "schlüssel,{}"])
@pytest.mark.parametrize("counts", [None, [1, 60, 0]])
def test_the_blocks_are_the_document_as_the_encoder_writes_it(name: str, counts: list[int] | None) -> None:
    def page(group: int, *values: float) -> list[ResultRow]:
        some = rows(*values, name=name, group=group)
        return [row._replace(points=count) for row, count in zip(some, counts, strict=False)] if counts else some

    def points(*values: float) -> list[dict[str, object]]:
        made = [{"time": time, "fields": {name: value}} for time, value in zip(TEXTS, values, strict=False)]
        return [{**point, "count": count} for point, count in zip(made, counts, strict=False)] if counts else made

    pages = [page(0, 60.0, 60.5, 1e2), page(0, 61.25), page(1, 99.9, 1)]
    blocks = b"".join(document_blocks({"measurement": "heart_rate"}, TAGS, pages, dump_json, "more"))
    series = [
        {"tags": {"user_id": "1"}, "points": points(60.0, 60.5, 100.0) + points(61.25)},
        {"tags": {"user_id": "2"}, "points": points(99.9, 1)},
    ]
    assert blocks == dump_json({"measurement": "heart_rate", "series": series, "next_cursor": "more"})


@pytest.mark.parametrize("value", [0.1, -0.0, 1e300, 5e-324, 123456789.123])
def test_numbers_are_written_as_the_encoder_does(value: float) -> None:
    page = rows(value, name="other")
    made = plain_points("other", page)
    assert made is not None
    assert json.loads(made)["fields"] == {"other": value}
    assert made.endswith(dump_json({"other": value}) + b"}")


@pytest.mark.parametrize(
    "page",
    [
        rows(72.0, 1000.0),  # not plausible, so the point is marked
        rows(72.0, "high"),
        rows(72.0, None),
        rows(72.0, float("inf")),
        rows(72.0, float("nan")),
        [*rows(72.0), *rows(72.0, name="rr")],
        [ResultRow(0, 0, {"bpm": 72.0, "rr": 800.0})],
        [ResultRow(0, 0, {"bpm": 72.0}, points=3), *rows(72.0)],
        [ResultRow(0, 0, {"bpm": None}, points=0)],
        rows(*[True]),
    ],
)
def test_other_pages_are_left_to_the_encoder(page: list[ResultRow]) -> None:
    assert plain_points("heart_rate", page) is None
