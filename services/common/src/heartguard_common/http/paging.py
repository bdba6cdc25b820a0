"""Keyset pages: a cursor says where the last page ended, and no page shifts when rows are added."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from heartguard_common.core.errors import UNPROCESSABLE, ServiceError, Violation
from heartguard_common.core.ids import is_uuid

DEFAULT_LIMIT = 50
RowT = TypeVar("RowT")
ItemT = TypeVar("ItemT")


class Page(NamedTuple, Generic[ItemT]):
    """The documents of a page, and the cursor of the next one, if there is one."""

    items: list[ItemT]
    next_cursor: str | None


def encode_cursor(position: Sequence[str | int]) -> str:
    """An opaque text for the sort key of the last item of a page."""
    return base64.urlsafe_b64encode(json.dumps(list(position), separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *shape: type) -> list[Any] | None:
    """The sort key of a cursor, each part of the type in `shape`. Raises GEN_422 for what is not a cursor.

    A `UUID` of the shape is given as text. What no store of ours can hold is in no cursor that we have given out.
    """
    if cursor is None:
        return None
    try:
        position = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        position = None
    if not isinstance(position, list) or len(position) != len(shape) or not all(map(_fits, position, shape)):
        raise ServiceError(UNPROCESSABLE, details=(Violation("/cursor", "is not a cursor of this list"),))
    return position


def _fits(part: object, kind: type) -> bool:
    if isinstance(part, str):
        return is_uuid(part) if kind is UUID else kind is str and part.isprintable()
    return type(part) is kind and (not isinstance(part, int) or -(2**63) <= part < 2**63)


def page(
    rows: Sequence[RowT],
    limit: int,
    item: Callable[[RowT], ItemT],
    position: Callable[[RowT], Sequence[str | int]],
) -> Page[ItemT]:
    """The page of a list; `rows` holds one more than `limit` when there is a next page."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page([item(row) for row in shown], encode_cursor(position(shown[-1])) if more else None)
