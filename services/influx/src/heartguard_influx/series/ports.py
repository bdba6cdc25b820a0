"""What is needed of the store to find series."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from heartguard_influx.series.domain import Group, Selection, Series


class SeriesIndex(Protocol):
    """The series of all buckets."""

    def groups(self, selection: Selection, group_by: Sequence[str] | None, limit: int | None = None) -> Sequence[Group]:
        """The series of a selection in groups that share the tags of `group_by`, ordered by those tags.

        With `group_by` None each series is a group. At most `limit` series are read, where one is given.
        """

    def series(
        self,
        bucket_id: int,
        measurement: str | None,
        tags: Mapping[str, str],
        person: int | None,
        *,
        after: int,
        limit: int,
    ) -> Sequence[Series]:
        """Up to `limit` series of a bucket with an id above `after`, by id.

        Only those of the measurement, with the tags and of the person, where these are given.
        """
