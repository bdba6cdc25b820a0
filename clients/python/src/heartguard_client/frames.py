"""Samples as a table of pandas (`pip install heartguard-client[pandas]`)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from heartguard_client.points import Sample

if TYPE_CHECKING:
    import pandas as pd


def frame(samples: Iterable[Sample]) -> "pd.DataFrame":
    """A row for each sample, indexed by `time` in UTC; columns are `tags.<name>`, then fields by name, and `count`.

    Raises ImportError without pandas.
    """
    import pandas as pd  # noqa: PLC0415  optional, and slow to load

    rows = []
    for it in samples:
        row: dict[str, object] = {"time": it.time}
        row |= {f"tags.{name}": value for name, value in it.tags.items()}
        row |= it.fields
        if it.count is not None:
            row["count"] = it.count
        rows.append(row)
    table = pd.DataFrame(rows, columns=None if rows else ["time"])
    table["time"] = pd.to_datetime(table["time"], utc=True, format="ISO8601")
    return table.set_index("time")
