"""Series (a measurement with its tags), and which points of them are meant."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from heartguard_common.core.clock import parse_rfc3339
from heartguard_common.core.errors import UNPROCESSABLE, ServiceError, Violation
from heartguard_common.messages import PointsDelete, QueryRequest

Tags = tuple[tuple[str, str], ...]

PERSON_TAG = "user_id"
# The two smallest int64 mean "no value" to InfluxDB, so neither store takes them.
EARLIEST_NS = -(2**63) + 2
LATEST_NS = 2**63 - 1


@dataclass(frozen=True)
class Selection:
    """Which points: of a bucket and a measurement, in `[start_ns, stop_ns)`.

    The `tags` must all be there; `person` narrows to the points of one member.
    """

    bucket_id: int
    measurement: str
    start_ns: int
    stop_ns: int
    tags: Mapping[str, str]
    person: int | None = None


@dataclass(frozen=True)
class Group:
    """Series that are answered as one: the tags they share by the query's `group_by`."""

    tags: Tags
    series: tuple[int, ...]


class Series(NamedTuple):
    """A measurement and its tags under the number that the store knows them by."""

    id: int
    measurement: str
    tags: Tags


def person_of(tags: Iterable[tuple[str, str]]) -> int | None:
    """The id of the person a series belongs to, from its tag `user_id`; None when there is none."""
    text = dict(tags).get(PERSON_TAG, "")
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,17}", text, re.ASCII) else None


def series_digest(measurement: str, tags: Tags) -> bytes:
    """The key of a series: SHA-256 of its measurement and its tags."""
    return hashlib.sha256(json.dumps([measurement, tags], separators=(",", ":")).encode()).digest()


def read_range(document: QueryRequest | PointsDelete) -> tuple[int, int]:
    """The range of a QueryRequest or PointsDelete in nanoseconds. Raises GEN_422 where it ends before it begins."""
    start, stop = parse_rfc3339(document["range_start"]), parse_rfc3339(document["range_stop"])
    if start >= stop:
        raise ServiceError(UNPROCESSABLE, details=(Violation("/range_stop", "must be after range_start"),))
    return max(start, EARLIEST_NS), max(min(stop, LATEST_NS), EARLIEST_NS)
