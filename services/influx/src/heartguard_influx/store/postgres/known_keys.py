"""The ids of series and fields that this process has seen stored. PostgreSQL has the last word on each."""

import threading
from collections.abc import Collection, Mapping
from typing import TypeVar

from heartguard_influx.fields.domain import Field
from heartguard_influx.series.domain import Tags, series_digest

MOST_SERIES = 10_000
MOST_FIELDS = 10_000

_Key = TypeVar("_Key")
_Known = TypeVar("_Known")


class KnownKeys:
    """What was seen last, of each kind as much as is worth its memory: a hundred bytes each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[tuple[int, bytes], int] = {}
        self._fields: dict[tuple[int, str, str], Field] = {}

    def series(self, bucket_id: int, measurement: str, tags: Tags) -> int | None:
        """The id of a series, None for one that was not seen."""
        return self._series.get((bucket_id, series_digest(measurement, tags)))

    def field(self, bucket_id: int, measurement: str, name: str) -> Field | None:
        """The field with its type, None for one that was not seen."""
        return self._fields.get((bucket_id, measurement, name))

    def saw_series(self, bucket_id: int, numbers: Mapping[bytes, int]) -> None:
        """Remember the ids of series by their digests."""
        for digest, number in numbers.items():
            self._remember(self._series, (bucket_id, digest), number, MOST_SERIES)

    def saw_field(self, bucket_id: int, measurement: str, field: Field) -> None:
        """Remember a field."""
        self._remember(self._fields, (bucket_id, measurement, field.name), field, MOST_FIELDS)

    def forget(self, bucket_ids: Collection[int]) -> None:
        """Forget everything in some buckets: something in them was removed."""
        with self._lock:
            self._series = {key: it for key, it in self._series.items() if key[0] not in bucket_ids}
            self._fields = {key: it for key, it in self._fields.items() if key[0] not in bucket_ids}

    def _remember(self, known: dict[_Key, _Known], key: _Key, value: _Known, most: int) -> None:
        if known.get(key) == value:
            return
        with self._lock:
            known[key] = value
            while len(known) > most:
                del known[next(iter(known))]
