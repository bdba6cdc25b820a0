"""Times of PostgreSQL as nanoseconds."""

from collections.abc import Iterable


def nanoseconds(column: str) -> str:
    """The expression of a `timestamptz` as nanoseconds since the epoch."""
    return f"cast(extract(epoch FROM {column}) * 1000000000 AS bigint)"


def array(values: Iterable[object]) -> str:
    """The literal of an array of numbers or ids, which casts to the type of the array; None becomes NULL."""
    return "{" + ",".join("NULL" if it is None else str(it) for it in values) + "}"
