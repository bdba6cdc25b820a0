"""Points that are written as text are the bytes that the encoder makes of their documents."""

import json

import pytest

from heartguard_common.contract.json_documents import dump_json
from heartguard_influx.queries.documents import document, document_blocks, plain_points
from heartguard_influx.queries.domain.query import ResultRow
from heartguard_influx.queries.usecases.querying import Found
from heartguard_influx.series.domain import Group

TAGS = (Group((("user_id", "1"),), (1,)), Group((("user_id", "2"),), (2,)))
TIMES = (0, 1, -1, 1_600_041_600_000_000_000, 1_600_041_600_123_456_789)


def rows(*values: object, name: str = "bpm", group: int = 0) -> list[ResultRow]:
    return [ResultRow(group, time_ns, {name: value}) for time_ns, value in zip(TIMES, values, strict=False)]


@pytest.mark.parametrize("name", ["bpm", 'a "quoted" name', "schlüssel,{}"])
def test_a_stream_has_the_bytes_of_the_document(name: str) -> None:
    pages = [rows(60.0, 60.5, 1e2, name=name), rows(61.25, name=name), rows(99.9, 100.0, name=name, group=1)]
    found = Found(TAGS, [row for page in pages for row in page])
    echo = {"measurement": "heart_rate"}
    streamed = b"".join(document_blocks(echo, TAGS, pages, dump_json))
    assert streamed == dump_json(document(echo, found, None))
    assert json.loads(streamed)["series"][1]["points"][0]["fields"] == {name: 99.9}


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
        [ResultRow(0, 0, {"bpm": 72.0}, points=3)],
    ],
)
def test_other_pages_are_left_to_the_encoder(page: list[ResultRow]) -> None:
    assert plain_points("heart_rate", page) is None
