"""Keyset pages: a cursor says where the last page ended, and no page shifts when rows are added."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heartguard_common.errors import UNPROCESSABLE, Fault, ServiceError

DEFAULT_LIMIT = 50


def encode_cursor(position: Sequence[Any]) -> str:
    """An opaque text for the sort key of the last item of a page."""
    return base64.urlsafe_b64encode(json.dumps(list(position), separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *shape: type) -> list[Any] | None:
    """The sort key of a cursor, each part of the type in `shape`. Raises GEN_422 for what is not a cursor."""
    if cursor is None:
        return None
    try:
        position = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        position = None
    if not isinstance(position, list) or [type(part) for part in position] != list(shape):
        raise ServiceError(UNPROCESSABLE, details=(Fault("/cursor", "is not a cursor of this list"),))
    return position


def page(
    rows: Sequence[Any],
    limit: int,
    item: Callable[[Any], Mapping[str, Any]],
    position: Callable[[Any], Sequence[Any]],
) -> dict[str, Any]:
    """The `items` and `next_cursor` of a list; `rows` holds one more than `limit` when there is a next page."""
    shown = rows[:limit]
    more = len(rows) > limit
    return {
        "items": [item(row) for row in shown],
        "next_cursor": encode_cursor(position(shown[-1])) if more else None,
    }
