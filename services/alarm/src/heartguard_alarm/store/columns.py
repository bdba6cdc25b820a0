"""Times of PostgreSQL as nanoseconds."""


def nanoseconds(column: str) -> str:
    """The expression of a `timestamptz` as nanoseconds since the epoch."""
    return f"cast(extract(epoch FROM {column}) * 1000000000 AS bigint)"
