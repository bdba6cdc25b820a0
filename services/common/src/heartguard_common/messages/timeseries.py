"""Telemetry: points, queries, buckets and the catalogue of measurements.

Made by schemas/build.py from schemas/timeseries.schema.json: change that, not this file.
"""

from typing import Literal, NotRequired, TypeAlias, TypedDict

Tags: TypeAlias = dict[str, str]
"""Names and values that distinguish one series from another."""
Fields: TypeAlias = dict[str, float | bool | str]
"""Names and values measured at one instant."""
Aggregate: TypeAlias = Literal[
    "mean",
    "min",
    "max",
    "sum",
    "count",
    "first",
    "last",
    "median",
    "stddev",
    "p95",
]


class PointDocument(TypedDict):
    """Values of one series at one instant; without a timestamp the time of receipt counts."""

    measurement: str
    tags: NotRequired[Tags]
    fields: Fields
    timestamp: NotRequired[str]


class PointResultDocument(TypedDict):
    """What became of one point."""

    status: Literal["stored", "created", "duplicate", "updated", "rejected"]
    reason: NotRequired[str]


class ResultPointDocument(TypedDict):
    """The values at one instant, or of one window, which its start names and `count` weighs."""

    time: str
    fields: dict[str, float | bool | str | None]
    count: NotRequired[int]
    out_of_range: NotRequired[list[str]]


class SeriesDocument(TypedDict):
    """The points of one set of tags."""

    tags: Tags
    points: list[ResultPointDocument]


class CatalogueEntryDocument(TypedDict):
    """A measurement of the catalogue."""

    name: str
    unit: str
    minimum: float | None
    maximum: float | None
    description: str
    fields: NotRequired[list[str]]


class WriteRequest(TypedDict):
    """1 to 10,000 points for one bucket."""

    bucket: str
    org: NotRequired[str]
    points: list[PointDocument]


class WriteQuery(TypedDict):
    """How a batch is written."""

    atomic: NotRequired[bool]
    bucket: NotRequired[str]
    precision: NotRequired[Literal["ns", "us", "ms", "s"]]


class WriteResult(TypedDict):
    """What is stored now, and what became of each point."""

    success: bool
    inserted: int
    results: NotRequired[list[PointResultDocument]]


class QueryRequest(TypedDict):
    """Points of a half-open range, raw or by window."""

    bucket: str
    measurement: str
    range_start: str
    range_stop: str
    aggregate: NotRequired[Aggregate]
    every: NotRequired[str]
    time_zone: NotRequired[str]
    fields: NotRequired[list[str]]
    tags: NotRequired[Tags]
    group_by: NotRequired[list[str]]
    fill: NotRequired[Literal["none", "null"]]
    order: NotRequired[Literal["asc", "desc"]]
    limit: NotRequired[int]
    cursor: NotRequired[str]


class QueryResult(TypedDict):
    """Series and their points."""

    measurement: str
    aggregate: NotRequired[Aggregate]
    every: NotRequired[str]
    series: list[SeriesDocument]
    next_cursor: NotRequired[str | None]


class ZoneDocument(TypedDict):
    """A zone of effort in bpm, `minimum` included, and the time spent in it; the highest has no `maximum`."""

    minimum: float
    maximum: float | None
    seconds: float


class GapDocument(TypedDict):
    """A pause without samples."""

    start: str
    stop: str


class LatestPointDocument(TypedDict):
    """The last point of a series."""

    measurement: str
    tags: Tags
    fields: Fields
    time: str
    age_seconds: float
    out_of_range: NotRequired[list[str]]


class LatestRequest(TypedDict):
    """Asks for the last point of each series of a bucket."""

    bucket: str
    measurement: NotRequired[str]
    tags: NotRequired[Tags]
    limit: NotRequired[int]
    cursor: NotRequired[str]


class LatestResult(TypedDict):
    """The last point of each series of a page, by measurement and tags. Pages are in the order in which the series
    came to be.
    """

    items: list[LatestPointDocument]
    next_cursor: NotRequired[str | None]


class SummaryRequest(TypedDict):
    """Asks for a day of somebody's heart rate: the caller's own unless `user_id` is given."""

    bucket: str
    user_id: NotRequired[int]
    day: str
    time_zone: NotRequired[str]
    maximum_heart_rate: NotRequired[int]


class HeartRateSummary(TypedDict):
    """A day of heart rate: rates in bpm, times in seconds, `coverage` the share of expected samples."""

    bucket: str
    user_id: int
    day: str
    time_zone: str
    samples: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    resting_heart_rate: float | None
    interval_seconds: float | None
    coverage: float
    zones: list[ZoneDocument]
    gaps: list[GapDocument]


class PointsDelete(TypedDict):
    """Removes the points of a half-open range."""

    bucket: str
    measurement: str
    tags: NotRequired[Tags]
    range_start: str
    range_stop: str


class BucketRequest(TypedDict):
    """A bucket to make; without retention_days it keeps for ever."""

    bucket: str
    retention_days: NotRequired[int | None]


class Bucket(TypedDict):
    """A bucket and how long it keeps points."""

    bucket: str
    retention_days: int | None
    created_at: str


class BucketListQuery(TypedDict):
    """Page of the list of buckets."""

    limit: NotRequired[int]
    cursor: NotRequired[str]


class BucketList(TypedDict):
    """A page of the organization's buckets."""

    items: list[Bucket]
    next_cursor: NotRequired[str | None]


class TypedFieldDocument(TypedDict):
    """A field of a measurement and the type of all its values; `fixed` by the catalogue, or settled by the first
    value stored.
    """

    measurement: str
    field: str
    type: Literal["float", "boolean", "string"]
    fixed: bool


class FieldListQuery(TypedDict):
    """Page of the fields of a bucket, or of one of its measurements."""

    bucket: str
    measurement: NotRequired[str]
    limit: NotRequired[int]
    cursor: NotRequired[str]


class FieldList(TypedDict):
    """A page of fields, in the order in which they came to be."""

    items: list[TypedFieldDocument]
    next_cursor: NotRequired[str | None]


class FieldResetQuery(TypedDict):
    """The field that loses its type."""

    bucket: str
    measurement: str
    field: str


class MeasurementList(TypedDict):
    """The catalogue of measurements."""

    items: list[CatalogueEntryDocument]
